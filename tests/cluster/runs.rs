//! What runs where, and with which settings.

use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::sync::{Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use quintet::cluster::{self, Cluster, PerLoop};
use quintet::runtime::{Builder, Handle, Report};
use quintet::sync::oneshot;
use quintet::time::{Instant, sleep};

use crate::support::asleep::Watched;
use crate::support::child::{child, in_a_child};
use crate::support::patience::in_time;
use crate::support::reports::reports;
use crate::support::skipped::skip;

#[test]
fn outputs_are_in_the_order_of_the_loops() {
    in_time(|| {
        let texts = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        // Loop 2 ends first and loop 0 last.
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
        let senders = PerLoop::new(senders);
        let receivers = PerLoop::new(receivers);
        let outputs = cluster::run(3, async |member| {
            let index = member.index();
            assert_eq!(member.count(), 3);
            // Neither `Send` nor `'static`.
            let text = Rc::new(&texts[index]);
            if index < 2 {
                receivers.take(index).await.unwrap();
            }
            if index > 0 {
                senders.take(index - 1).send(()).unwrap();
            }
            io::Result::Ok((index, text.as_str()))
        });
        assert_eq!(outputs.unwrap(), [(0, "a"), (1, "b"), (2, "c")]);
    });
}

#[test]
fn each_loop_has_a_thread_of_its_own() {
    in_time(|| {
        let threads = cluster::run(4, async |member| {
            let thread = thread::current();
            let name = format!("quintet-loop-{}", member.index());
            assert_eq!(thread.name(), Some(&*name));
            assert_eq!(Handle::current().name(), Some(&*name));
            // So does a task that it spawns.
            let own = quintet::spawn(async { thread::current().id() });
            assert_eq!(own.await.unwrap(), thread.id());
            io::Result::Ok(thread.id())
        });
        let mut threads: HashSet<ThreadId> = threads.unwrap().into_iter().collect();
        threads.insert(thread::current().id());
        assert_eq!(threads.len(), 5);
    });
}

#[test]
fn one_loop_is_a_cluster_too() {
    in_time(|| {
        let output = cluster::run(1, async |member| io::Result::Ok(member.count()));
        assert_eq!(output.unwrap(), [1]);
    });
}

#[test]
fn a_member_spawns_tasks_on_the_others() {
    in_time(|| {
        let outputs = cluster::run(3, async |member| {
            if member.index() != 1 {
                member.shutdown().await;
                return io::Result::Ok(0);
            }
            for handle in member.handles() {
                let id = handle.spawn(async { Handle::current().id() });
                assert_eq!(id.await.unwrap(), handle.id());
            }
            member.token().cancel();
            Ok(member.handles().len())
        });
        assert_eq!(outputs.unwrap(), [0, 3, 0]);
    });
}

#[test]
fn settings_are_those_of_each_loop() {
    in_time(|| {
        let called_on = Mutex::new(Vec::new());
        let called_on: &'static Mutex<Vec<_>> = Box::leak(Box::new(called_on));
        let outputs = Cluster::new(2)
            .thread_name(|index| format!("shard {index}"))
            .configure(move |index, builder| {
                let name = thread::current().name().unwrap().to_owned();
                called_on.lock().unwrap().push((index, name));
                builder.name(format!("runtime {index}"));
            })
            .run(async |_member| {
                let runtime = Handle::current().name().unwrap().to_owned();
                let thread = thread::current().name().unwrap().to_owned();
                Ok::<_, io::Error>((runtime, thread))
            });
        let expected = [0, 1].map(|n| (format!("runtime {n}"), format!("shard {n}")));
        assert_eq!(outputs.unwrap(), expected);
        let mut called_on = called_on.lock().unwrap().clone();
        called_on.sort();
        assert_eq!(called_on, [0, 1].map(|n| (n, format!("shard {n}"))));
    });
}

/// Runs a program that a seed decides on each loop, and returns the hash of each.
fn hashes(seeds: [u64; 3]) -> Vec<Option<u64>> {
    let outputs = Cluster::new(3)
        .configure(move |index, builder| {
            builder.seed(seeds[index]).start_paused(true);
        })
        .run(async |_member| {
            let mut jobs = Vec::new();
            for number in 0..20 {
                jobs.push(quintet::spawn_blocking(move || number));
            }
            let sleeper = quintet::spawn(sleep(Duration::from_secs(3600)));
            for job in jobs {
                job.await.unwrap();
            }
            sleeper.await.unwrap();
            io::Result::Ok(Handle::current().order_hash())
        });
    outputs.unwrap()
}

#[test]
fn with_a_seed_for_each_loop_a_run_repeats() {
    in_time(|| {
        let first = hashes([1, 2, 1]);
        assert!(first.iter().all(Option::is_some));
        // The seed decides, not the number of the loop.
        assert_eq!(first[0], first[2]);
        assert_ne!(first[0], first[1]);
        for _ in 0..3 {
            assert_eq!(hashes([1, 2, 1]), first);
        }
    });
}

#[test]
fn in_paused_time_a_loop_does_not_wait_for_the_others() {
    in_time(|| {
        let outputs = Cluster::new(2)
            .configure(|_, builder| {
                builder.start_paused(true);
            })
            .run(async |member| {
                let start = Instant::now();
                let hours = member.index() as u64 + 1;
                sleep(Duration::from_secs(3600 * hours)).await;
                Ok::<_, io::Error>(start.elapsed().as_secs())
            });
        assert_eq!(outputs.unwrap(), [3600, 7200]);
    });
}

/// Runs a loop that is reported because nothing can wake it, until it is.
fn is_reported() {
    let (sender, receiver) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let mut builder = Builder::new();
    builder.on_report(move |report| {
        assert!(matches!(report, Report::Stalled { .. }), "{report}");
        sender.lock().unwrap().take().unwrap().send(()).unwrap();
    });
    builder.build().unwrap().block_on(receiver).unwrap();
}

/// Neither the loop nor the supervisor, which waits for the loops: they write to standard error.
#[test]
fn a_loop_that_waits_for_another_one_is_not_reported() {
    if !std::fs::exists("/proc/thread-self").unwrap() {
        skip("whether a thread sleeps is not known");
        return;
    }
    let name = "runs::a_loop_that_waits_for_another_one_is_not_reported";
    let output = in_a_child(child(name), || {
        let (waits, waiting) = mpsc::channel();
        let supervisor = Watched::this_thread();
        let ends = PerLoop::new([(Some(waiting), None), (None, Some(waits))]);
        cluster::run(2, async |member| {
            match ends.take(member.index()) {
                (Some(waiting), _) => {
                    let thread: Watched = waiting.recv().unwrap();
                    thread.falls_asleep();
                    supervisor.falls_asleep();
                    // A loop that falls asleep later is reported.
                    quintet::spawn_blocking(is_reported).await.unwrap();
                    member.token().cancel();
                }
                (_, waits) => {
                    waits.unwrap().send(Watched::this_thread()).unwrap();
                    member.shutdown().await;
                }
            }
            io::Result::Ok(())
        })
        .unwrap();
    });
    if let Some(output) = output {
        assert_eq!(reports(&output), [""; 0]);
    }
}

#[test]
fn an_error_need_only_convert_from_one_of_io() {
    in_time(|| {
        let outputs: Result<Vec<usize>, Box<dyn std::error::Error + Send + Sync>> =
            cluster::run(2, async |member| {
                let number: usize = member.index().to_string().parse()?;
                Ok(number)
            });
        assert_eq!(outputs.unwrap(), [0, 1]);
    });
}
