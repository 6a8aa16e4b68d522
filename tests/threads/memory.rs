//! What many queued jobs cost. Each kind is measured in a process of its own, because memory that
//! is freed stays with the process.

use std::fs;
use std::sync::mpsc;

use quintet::blocking::{self, Class};
use quintet::runtime::{Builder, Handle};

use crate::support::child::{child, in_a_child};

const JOBS: usize = 200_000;

/// The most bytes that a queued job may take.
const BYTES_MAX: usize = 1024;

/// The memory of this process in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

/// Runs `test`, which calls this, and in which `JOBS` jobs wait for a thread.
fn measure(test: &str, class: Class, is_from_handle: bool) {
    in_a_child(child(&format!("memory::{test}")), || {
        let mut builder = Builder::new();
        let runtime = builder
            .worker_threads(1)
            .cpu_threads(1)
            .quiet()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (started, starts) = mpsc::channel();
            let (release, released) = mpsc::channel::<()>();
            let spawn = || blocking::Builder::new().class(class);
            let held = spawn().spawn(move || {
                started.send(()).unwrap();
                assert!(released.recv().is_err());
            });
            starts.recv().unwrap();
            let handle = Handle::current();
            let before = resident();

            let jobs: Vec<_> = (0..JOBS)
                .map(|number| {
                    if is_from_handle {
                        handle.spawn_blocking(move || number)
                    } else {
                        spawn().spawn(move || number)
                    }
                })
                .collect();

            let each = (resident() - before) / JOBS;
            assert_eq!(handle.pool_stats().of(class).queued, JOBS);
            assert!(each > 0 && each < BYTES_MAX, "{each} bytes");
            println!("{each} bytes");
            drop(release);
            held.await.unwrap();
            for (number, job) in jobs.into_iter().enumerate() {
                assert_eq!(job.await.unwrap(), number);
            }
        });
    });
}

#[test]
fn plain_jobs_in_the_queue_are_small() {
    measure("plain_jobs_in_the_queue_are_small", Class::Plain, false);
}

#[test]
fn computations_in_the_queue_are_small() {
    measure("computations_in_the_queue_are_small", Class::Cpu, false);
}

#[test]
fn look_ups_in_the_queue_are_small() {
    measure("look_ups_in_the_queue_are_small", Class::Dns, false);
}

#[test]
fn jobs_from_other_threads_in_the_queue_are_small() {
    let test = "jobs_from_other_threads_in_the_queue_are_small";
    measure(test, Class::Plain, true);
}
