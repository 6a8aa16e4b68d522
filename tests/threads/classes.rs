//! The classes of jobs: on which threads they run, and that they do not delay each other.

use std::io;
use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use quintet::blocking::{self, Class};
use quintet::runtime::{Builder, Handle, Runtime};
use quintet::task::{self, JoinHandle, JoinSet, TaskTracker, yield_now};
use quintet::time::sleep;
use quintet::{fs, spawn_blocking, spawn_cpu};

use crate::support::patience::in_time;

/// No machine has so much address space for a stack.
const ABSURD_STACK_SIZE: usize = 1 << 60;

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// A job that runs until it is dropped.
struct Held {
    release: Option<mpsc::Sender<()>>,
    job: JoinHandle<()>,
}

impl Held {
    /// Spawns a job, and waits until it runs.
    fn running(class: Class) -> Held {
        let (started, starts) = mpsc::channel();
        let held = Held::new(class, move || started.send(()).unwrap());
        starts.recv().unwrap();
        held
    }

    fn queued(class: Class) -> Held {
        Held::new(class, || ())
    }

    fn new(class: Class, begin: impl FnOnce() + Send + 'static) -> Held {
        let (release, released) = mpsc::channel();
        let job = blocking::Builder::new().class(class).spawn(move || {
            begin();
            assert!(released.recv().is_err());
        });
        Held {
            release: Some(release),
            job,
        }
    }

    async fn end(mut self) {
        self.release = None;
        self.job.await.unwrap();
    }
}

fn in_runtime(builder: &mut Builder, test: impl AsyncFnOnce() + Send + 'static) {
    let mut builder = builder.clone();
    in_time(move || builder.build().unwrap().block_on(test()));
}

#[test]
fn every_way_to_spawn_a_computation_leads_to_a_thread_for_it() {
    in_runtime(&mut Builder::new(), async || {
        let mut set = JoinSet::new();
        set.spawn_cpu(thread_name);
        let names = [
            spawn_cpu(thread_name).await,
            Handle::current().spawn_cpu(thread_name).await,
            task::Builder::new().spawn_cpu(thread_name).await,
            TaskTracker::new().spawn_cpu(thread_name).await,
            set.join_next().await.unwrap(),
            blocking::Builder::new()
                .class(Class::Cpu)
                .spawn(thread_name)
                .await,
            // A job of a job.
            spawn_blocking(|| Handle::current().block_on(async { spawn_cpu(thread_name).await }))
                .await
                .unwrap(),
        ];
        for name in names {
            let name = name.unwrap();
            assert!(name.starts_with("quintet-cpu-"), "{name}");
        }
        let others = [
            spawn_blocking(thread_name).await,
            blocking::Builder::new()
                .class(Class::Dns)
                .spawn(thread_name)
                .await,
        ];
        for name in others {
            let name = name.unwrap();
            assert!(name.starts_with("quintet-worker-"), "{name}");
        }
    });
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let name = runtime.spawn_cpu(thread_name);
        assert_eq!(runtime.block_on(name).unwrap(), "quintet-cpu-0");
    });
}

#[test]
fn threads_for_computations_have_the_names_and_hooks_of_the_builder() {
    in_runtime(Builder::new().thread_name("mine"), async || {
        assert_eq!(spawn_cpu(thread_name).await.unwrap(), "mine-cpu-0");
    });
    let calls = Arc::new(AtomicUsize::new(0));
    let starts = Arc::new(AtomicUsize::new(0));
    let (count, started) = (Arc::clone(&calls), Arc::clone(&starts));
    let mut builder = Builder::new();
    builder
        .worker_threads(3)
        .cpu_threads(2)
        .thread_name_fn(move || format!("n{}", count.fetch_add(1, Ordering::Relaxed)))
        .on_thread_start(move || {
            started.fetch_add(1, Ordering::Relaxed);
        });
    in_runtime(&mut builder, async || {
        assert_eq!(spawn_cpu(thread_name).await.unwrap(), "n3");
    });
    assert_eq!(calls.load(Ordering::Relaxed), 5);
    assert_eq!(starts.load(Ordering::Relaxed), 1);
}

#[test]
fn a_name_for_computations_with_a_nul_byte_is_an_error() {
    let mut calls = 0;
    let names = std::sync::Mutex::new(move || {
        calls += 1;
        if calls > 1 { "a\0b" } else { "a" }.to_owned()
    });
    let mut builder = Builder::new();
    builder.worker_threads(1).cpu_threads(1);
    builder.thread_name_fn(move || names.lock().unwrap()());

    let error = builder.build().unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn computations_and_files_do_not_delay_each_other() {
    let mut builder = Builder::new();
    builder.worker_threads(1).cpu_threads(1).cached_reads(false);
    in_runtime(&mut builder, async || {
        let computation = Held::running(Class::Cpu);
        let queued: Vec<_> = (0..100).map(|_| Held::queued(Class::Cpu)).collect();
        assert!(!fs::read("Cargo.toml").await.unwrap().is_empty());
        assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);

        let blocked = Held::running(Class::Plain);
        let reading = quintet::spawn(fs::read("Cargo.toml"));
        computation.end().await;
        for computation in queued {
            computation.end().await;
        }
        assert_eq!(spawn_cpu(|| 7).await.unwrap(), 7);
        assert!(!reading.is_finished(), "the only worker is held");
        blocked.end().await;
        assert!(!reading.await.unwrap().unwrap().is_empty());
    });
}

#[test]
fn a_hundred_stuck_look_ups_delay_no_file_read() {
    let mut builder = Builder::new();
    builder.worker_threads(4).cached_reads(false);
    in_runtime(&mut builder, async || {
        let look_ups: Vec<_> = (0..100).map(|_| Held::queued(Class::Dns)).collect();
        for _ in 0..200 {
            assert!(!fs::read("Cargo.toml").await.unwrap().is_empty());
        }
        let stats = Handle::current().pool_stats();
        assert_eq!((stats.dns.running, stats.dns.queued), (2, 98));
        assert_eq!(stats.dns.done, 0);
        for look_up in look_ups {
            look_up.end().await;
        }
        assert_eq!(Handle::current().pool_stats().dns.done, 100);
    });
}

#[test]
fn the_fifth_of_five_stuck_jobs_waits_and_all_else_goes_on() {
    in_runtime(Builder::new().worker_threads(4), async || {
        let stuck: Vec<_> = (0..4).map(|_| Held::running(Class::Plain)).collect();
        let (begun, begins) = mpsc::channel();
        let fifth = Held::new(Class::Plain, move || begun.send(()).unwrap());

        sleep(Duration::from_millis(1)).await;
        assert_eq!(spawn_cpu(|| 7).await.unwrap(), 7);
        let (mut one, mut other) = quintet::net::UnixStream::pair().unwrap();
        one.write_all(b"x").await.unwrap();
        assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 1);
        let _streams = (&mut one, &mut other);

        assert!(begins.try_recv().is_err());
        let stats = Handle::current().pool_stats();
        assert_eq!((stats.plain.running, stats.plain.queued), (4, 1));
        for job in stuck {
            job.end().await;
        }
        begins.recv().unwrap();
        fifth.end().await;
    });
}

#[test]
fn as_many_computations_run_at_once_as_there_are_threads() {
    in_runtime(Builder::new().cpu_threads(2), async || {
        let stats = || Handle::current().pool_stats();
        assert_eq!(stats().cpu_threads.threads, 0, "they start when needed");
        let first = Held::running(Class::Cpu);
        assert_eq!(stats().cpu_threads.threads, 1);
        let second = Held::running(Class::Cpu);
        let third = Held::queued(Class::Cpu);
        assert_eq!((stats().cpu.running, stats().cpu.queued), (2, 1));
        assert_eq!(stats().cpu_threads.threads, 2);
        assert_eq!(stats().worker_threads.threads, 0);
        first.end().await;
        third.end().await;
        second.end().await;
    });
}

#[test]
fn there_is_one_thread_for_computations_for_each_processor() {
    in_runtime(&mut Builder::new(), async || {
        let processors = thread::available_parallelism().unwrap().get();
        let held: Vec<_> = (0..processors).map(|_| Held::running(Class::Cpu)).collect();
        let more = Held::queued(Class::Cpu);
        let stats = Handle::current().pool_stats();
        assert_eq!(stats.cpu_threads.threads, processors);
        assert_eq!(stats.cpu.queued, 1);
        for job in held {
            job.end().await;
        }
        more.end().await;
    });
}

#[test]
fn an_idle_thread_for_computations_ends_after_its_time() {
    let mut builder = Builder::new();
    builder.thread_keep_alive(Duration::from_millis(1));
    in_runtime(&mut builder, async || {
        spawn_cpu(|| ()).await.unwrap();
        while Handle::current().pool_stats().cpu_threads.threads > 0 {
            yield_now().await;
        }
        assert_eq!(spawn_cpu(thread_name).await.unwrap(), "quintet-cpu-0");
    });
}

#[test]
fn a_computation_that_panics_harms_no_other() {
    in_runtime(Builder::new().cpu_threads(1), async || {
        let id = spawn_cpu(|| thread::current().id()).await.unwrap();
        let error = spawn_cpu(|| panic_any(7)).await.unwrap_err();
        assert_eq!(*error.into_panic().downcast::<i32>().unwrap(), 7);
        assert_eq!(spawn_cpu(|| thread::current().id()).await.unwrap(), id);
        assert_eq!(Handle::current().pool_stats().cpu.done, 3);
    });
}

#[test]
fn a_computation_that_finds_no_thread_fails_with_the_systems_error() {
    let mut builder = Builder::new();
    builder.thread_stack_size(ABSURD_STACK_SIZE);
    in_runtime(&mut builder, async || {
        let alive = Arc::new(());
        for is_from_handle in [false, true] {
            let held = Arc::clone(&alive);
            let work = move || drop(held);
            let job = if is_from_handle {
                Handle::current().spawn_cpu(work)
            } else {
                spawn_cpu(work)
            };
            assert_eq!(Arc::strong_count(&alive), 1, "the closure is gone");

            let error = job.await.unwrap_err();

            assert!(!error.is_cancelled() && !error.is_panic());
            let error = io::Error::from(error).to_string();
            assert!(error.contains("cannot start a worker thread"), "{error}");
        }
        assert_eq!(Handle::current().pool_stats().cpu.cancelled, 2);
        assert_eq!(Handle::current().pool_stats().cpu.queued, 0);
    });
}

#[test]
fn shutdown_waits_for_computations_and_drops_queued_ones() {
    in_time(|| {
        let mut builder = Builder::new();
        builder
            .cpu_threads(1)
            .shutdown_grace(Duration::from_secs(60));
        let runtime = builder.build().unwrap();
        let (started, starts) = mpsc::channel();
        let (ended, ends) = mpsc::channel();
        let running = runtime.spawn_cpu(move || {
            started.send(()).unwrap();
            while !blocking::is_cancelled() {
                thread::yield_now();
            }
            ended.send(()).unwrap();
        });
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let queued = runtime.spawn_cpu(move || unreachable!("queued at the end: {held:?}"));
        starts.recv().unwrap();
        let handle = runtime.handle().clone();

        drop(runtime);

        ends.try_recv().unwrap();
        assert!(running.is_finished() && queued.is_finished());
        assert_eq!(Arc::strong_count(&alive), 1);
        let stats = handle.pool_stats();
        assert_eq!((stats.cpu.done, stats.cpu.cancelled), (1, 1));
        assert_eq!((stats.cpu.queued, stats.cpu.running), (0, 0));
        assert_eq!(stats.cpu_threads.threads, 0);
    });
}

#[test]
fn no_computation_is_accepted_after_the_end() {
    in_time(|| {
        for had_one in [false, true] {
            let runtime = Runtime::new().unwrap();
            if had_one {
                runtime.block_on(async { spawn_cpu(|| ()).await.unwrap() });
            }
            let handle = runtime.handle().clone();
            drop(runtime);

            let late = handle.spawn_cpu(|| unreachable!("after the end"));

            assert!(quintet::block_on(late).unwrap_err().is_cancelled());
            assert_eq!(handle.pool_stats().cpu.cancelled, 1);
        }
    });
}

#[test]
fn under_a_seed_computations_run_on_the_loop_and_repeat() {
    let run = |seed| {
        let runtime = Builder::new().seed(seed).build().unwrap();
        let here = thread::current().id();
        runtime.block_on(async move {
            let order = Arc::new(std::sync::Mutex::new(Vec::new()));
            let jobs: Vec<_> = (0..20)
                .map(|number| {
                    let order = Arc::clone(&order);
                    let class = [Class::Plain, Class::Dns, Class::Cpu][number % 3];
                    blocking::Builder::new().class(class).spawn(move || {
                        assert_eq!(thread::current().id(), here);
                        order.lock().unwrap().push(number);
                    })
                })
                .collect();
            for job in jobs {
                job.await.unwrap();
            }
            let stats = Handle::current().pool_stats();
            assert_eq!((stats.plain.done, stats.dns.done), (7, 7));
            assert_eq!((stats.cpu.done, stats.cpu.waited), (6, None));
            assert_eq!(stats.cpu_threads.threads, 0);
            let order = order.lock().unwrap().clone();
            (order, Handle::current().order_hash().unwrap())
        })
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert!((2..10).any(|seed| run(seed).0 != first.0));
}

#[test]
fn counts_of_threads_that_make_no_sense_panic_at_the_call() {
    use crate::support::panics::panic_of;
    let refused = [
        panic_of(|| drop(Builder::new().cpu_threads(0).build())),
        panic_of(|| drop(Builder::new().cpu_threads(1025).build())),
        panic_of(|| drop(Builder::new().max_queued_jobs(0).build())),
    ];
    for panicked in refused {
        assert!(panicked.message.contains("1"), "{}", panicked.message);
        assert!(panicked.file.ends_with("classes.rs"), "{}", panicked.file);
    }
}

#[test]
fn waiting_times_are_added_up_where_they_are_measured() {
    let mut builder = Builder::new();
    builder.worker_threads(1).measure(true);
    in_runtime(&mut builder, async || {
        let held = Held::running(Class::Plain);
        let second = spawn_blocking(|| ());
        sleep(Duration::from_millis(2)).await;
        held.end().await;
        second.await.unwrap();

        let stats = Handle::current().pool_stats();
        assert!(stats.plain.waited.unwrap() >= Duration::from_millis(2));
        assert_eq!(stats.of(Class::Cpu).waited, Some(Duration::ZERO));
    });
    in_runtime(builder.measure(false), async || {
        spawn_blocking(|| ()).await.unwrap();
        assert_eq!(Handle::current().pool_stats().plain.waited, None);
    });
}
