//! Destructors that use the loop, runtimes in odd places, and what is forgotten.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread;

use futures::channel::oneshot;
use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{Builder, Handle, Runtime, before_exit, exit, on_exit};
use quintet::task::{JoinHandle, set_immediate, yield_now};
use quintet::time::{Duration, Instant, interval, sleep};
use quintet::{spawn, spawn_blocking};

use super::{LONG, OnDrop, in_time, new, panic_of, paused, poll_once};

/// What a thread does when its thread-locals are dropped.
type AtTheEnd = OnDrop<Box<dyn FnOnce()>>;

async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let (client, server) = quintet::join!(TcpStream::connect(addr), listener.accept());
    (client.expect("it listens"), server.expect("it connects").0)
}

/// Runs `f` as the destructor of a task while its runtime shuts down.
fn in_a_shutdown(f: impl FnOnce() + 'static) {
    in_time(|| {
        let runtime = paused();
        let has_run = Rc::new(Cell::new(false));
        let noted = Rc::clone(&has_run);
        let guard = OnDrop::new(move || {
            f();
            noted.set(true);
        });
        drop(runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        let behind = Rc::new(());
        let held = Rc::clone(&behind);
        drop(runtime.spawn(async move {
            let _held = held;
            sleep(LONG).await;
        }));
        runtime.run_until_stalled();
        drop(runtime);
        assert!(has_run.get(), "the destructor came to its end");
        assert_eq!(Rc::strong_count(&behind), 1, "all others are dropped, too");
    });
}

#[test]
fn a_shutdown_lets_destructors_use_every_part_of_the_loop() {
    in_a_shutdown(|| {
        let handle = Handle::current();
        assert!(spawn(async {}).is_finished());
        assert!(spawn_blocking(|| ()).is_finished());
        assert!(set_immediate(|| ()).is_finished());
        assert!(handle.spawn(async {}).is_finished());
        assert!(handle.spawn_blocking(|| ()).is_finished());
        drop(handle.keep_alive());
        handle.stop();
        drop(handle.dump());
        before_exit(|| ());
        on_exit(|_| ());
        drop(quintet::time::advance(LONG));
        quintet::time::resume();
        quintet::time::pause();
        let mut timer = sleep(LONG);
        assert!(poll_once(&mut timer).is_pending());
        let mut turn = yield_now();
        assert!(poll_once(&mut turn).is_pending());
        drop(turn);
        let mut bind = Box::pin(TcpListener::bind("127.0.0.1:0"));
        let _bound = poll_once(&mut bind);
        let mut file = Box::pin(quintet::fs::metadata("/"));
        let _refused = poll_once(&mut file);
    });
}

#[test]
fn an_exit_that_a_destructor_asks_for_in_a_shutdown_is_too_late() {
    in_a_shutdown(|| drop(exit(3)));
}

#[test]
fn a_destructor_in_a_shutdown_may_build_and_drop_another_runtime() {
    in_a_shutdown(|| {
        let runtime = new();
        let task = runtime.spawn(pending::<()>());
        assert!(panic_of(|| runtime.run()).contains("running on this thread already"));
        drop(runtime);
        assert!(task.is_finished());
    });
}

#[test]
fn a_destructor_in_a_shutdown_may_run_a_runtime_on_a_thread_of_its_own() {
    in_a_shutdown(|| {
        let handle = Handle::current();
        let thread = thread::spawn(move || {
            drop(handle.spawn(async {}));
            drop(handle.spawn_blocking(|| ()));
            quintet::block_on(async { spawn_blocking(|| 5).await.unwrap() })
        });
        assert_eq!(thread.join().unwrap(), 5);
    });
}

#[test]
fn a_dump_requested_by_another_thread_during_a_shutdown_arrives() {
    in_time(|| {
        let runtime = new();
        let handle = runtime.handle().clone();
        let (begin, has_begun) = mpsc::channel();
        let thread = thread::spawn(move || {
            has_begun.recv().unwrap();
            handle.dump().tasks().len()
        });
        let guard = OnDrop::new(move || begin.send(()).unwrap());
        drop(runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        drop(runtime);
        assert_eq!(thread.join().unwrap(), 0);
    });
}

#[test]
fn a_destructor_spawns_onto_another_runtime_and_that_one_runs_it() {
    in_time(|| {
        let other = new();
        let done = Rc::new(Cell::new(0));
        let first = new();
        let handle = other.handle().clone();
        let guard = OnDrop::new(move || drop(handle.spawn(async {})));
        drop(first.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        drop(first);
        let count = Rc::clone(&done);
        drop(other.spawn(async move { count.set(count.get() + 1) }));
        assert_eq!(other.dump().tasks().len(), 1, "the other is on its way");
        other.run().unwrap();
        assert_eq!(done.get(), 1);
        assert!(other.dump().tasks().is_empty());
    });
}

#[test]
fn an_output_may_be_a_runtime() {
    in_time(|| {
        let outer = new();
        let task = outer.spawn(async {
            let inner = new();
            drop(inner.spawn(pending::<()>()));
            drop(inner.spawn_blocking(|| ()));
            inner
        });
        outer.run().unwrap();
        drop(task);
        let kept = outer.spawn(async { new() });
        let inner = outer.block_on(kept).unwrap();
        drop(outer);
        assert_eq!(inner.block_on(async { 4 }), 4);
    });
}

#[test]
fn hooks_may_own_runtimes_and_drop_them() {
    in_time(|| {
        let outer = new();
        let guard = outer.enter();
        let (first, second) = (new(), new());
        drop(first.spawn(pending::<()>()));
        on_exit(move |_| drop(first));
        let mut second = Some(second);
        before_exit(move || drop(second.take()));
        let unused = new();
        before_exit(move || _ = unused.handle());
        drop(guard);
        outer.run().unwrap();
    });
}

#[test]
fn runtimes_that_hold_each_others_tasks_end_in_either_order() {
    in_time(|| {
        for order in [[0, 1], [1, 0]] {
            let mut runtimes = [Some(new()), Some(new())];
            let handles = [0, 1].map(|n: usize| runtimes[n].as_ref().unwrap().handle().clone());
            for (n, runtime) in runtimes.iter().flatten().enumerate() {
                let other = handles[1 - n].clone();
                drop(runtime.spawn(async move {
                    let theirs = other.spawn(pending::<()>());
                    assert!(theirs.await.unwrap_err().is_cancelled());
                }));
                runtime.run_until_stalled();
            }
            for n in order {
                drop(runtimes[n].take());
                for runtime in runtimes.iter().flatten() {
                    runtime.run_until_stalled();
                }
            }
        }
    });
}

#[test]
fn a_task_that_owns_its_own_handle_is_dropped_in_the_end() {
    in_time(|| {
        let alive = Arc::new(());
        for is_elsewhere in [false, true] {
            let runtime = new();
            let (hand_over, handle) = oneshot::channel::<JoinHandle<()>>();
            let held = Arc::clone(&alive);
            let future = async move {
                let own = handle.await;
                pending::<()>().await;
                drop((own, held));
            };
            let task = if is_elsewhere {
                runtime.handle().spawn(future)
            } else {
                runtime.spawn(future)
            };
            hand_over.send(task).unwrap();
            runtime.run_until_stalled();
        }
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn what_is_forgotten_affects_nothing_else() {
    in_time(|| {
        let mut forgotten: Vec<Box<dyn Any>> = Vec::new();
        let mut forget = |thing: Box<dyn Any>| forgotten.push(thing);
        let runtime = paused();
        runtime.block_on(async {
            let mut timer = Box::pin(sleep(LONG));
            assert!(poll_once(&mut timer).is_pending());
            forget(Box::new(timer));
            forget(Box::new(interval(LONG)));
            let mut turn = Box::pin(yield_now());
            assert!(poll_once(&mut turn).is_pending());
            forget(Box::new(turn));
            forget(Box::new(spawn(async { 1 })));
            forget(Box::new(spawn(pending::<()>())));
            forget(Box::new(spawn_blocking(|| 1)));
            forget(Box::new(set_immediate(|| ()).abort_handle()));
            let (client, server) = connection().await;
            let client = Rc::new(client);
            let reader = Rc::clone(&client);
            let mut read = Box::pin(async move { reader.read(&mut [0; 8]).await });
            assert!(poll_once(&mut read).is_pending());
            forget(Box::new(read));
            // The one that was forgotten still stands in the line before this one.
            server.write_all(b"x").await.unwrap();
            assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 1);
            forget(Box::new((client, server)));
            let start = Instant::now();
            sleep(2 * LONG).await;
            assert_eq!(start.elapsed(), 2 * LONG);
        });
        drop(runtime);
        new().block_on(async { drop(forgotten) });
    });
}

#[test]
fn a_forgotten_guard_of_enter_refuses_what_comes_after_the_end() {
    in_time(|| {
        let thread = thread::spawn(|| {
            let runtime = new();
            // Its end would come with the thread's, were it not for the order of things.
            let _never_dropped = ManuallyDrop::new(runtime.enter());
            let task = spawn(pending::<()>());
            drop(runtime);
            assert!(task.is_finished());
            let refused = spawn(async {});
            assert!(refused.is_finished());
            let mut timer = sleep(LONG);
            let _whatever = catch_unwind(AssertUnwindSafe(|| poll_once(&mut timer)));
            drop(timer);
            // And it is in nobody's way.
            assert_eq!(
                quintet::block_on(async { spawn(async { 2 }).await.unwrap() }),
                2
            );
        });
        thread.join().unwrap();
    });
}

#[test]
fn a_thread_local_may_run_a_runtime_in_its_destructor() {
    thread_local! {
        static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    }
    in_time(|| {
        let (worked, has_worked) = mpsc::channel();
        thread::spawn(move || {
            // Registered first, so it is dropped last, when ours may be gone.
            LAST.set(Some(OnDrop::new(Box::new(move || {
                let result = catch_unwind(|| {
                    let runtime = new();
                    let task = catch_unwind(AssertUnwindSafe(|| runtime.spawn(async { 1 })));
                    drop(task);
                    runtime.block_on(async { 2 })
                });
                worked.send(result.is_ok()).unwrap();
            }))));
            quintet::block_on(async { spawn(async {}).await.unwrap() });
        })
        .join()
        .unwrap();
        // Either it works, or it panics: both are fine where thread-locals are gone.
        let _works = has_worked.recv().unwrap();
    });
}

#[test]
fn handles_of_a_thread_local_are_used_as_the_thread_ends() {
    thread_local! {
        static HELD: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    }
    in_time(|| {
        let runtime = new();
        let (handle, task) = (runtime.handle().clone(), runtime.spawn(pending::<()>()));
        let guard = handle.keep_alive();
        thread::spawn(move || {
            HELD.set(Some(OnDrop::new(Box::new(move || {
                drop(handle.spawn(async {}));
                drop(handle.spawn_blocking(|| ()));
                task.abort();
                drop(task);
                drop(guard);
            }))));
        })
        .join()
        .unwrap();
        runtime.run().unwrap();
    });
}

#[test]
fn a_hundred_thousand_waiters_of_every_kind_are_dropped_without_recursion() {
    in_time(|| {
        let runtime = paused();
        for n in 0..100_000_u64 {
            let wait = n % 4;
            drop(runtime.spawn(async move {
                match wait {
                    0 => sleep(LONG).await,
                    1 => yield_now().await,
                    2 => pending().await,
                    _ => spawn(pending::<()>()).await.unwrap(),
                }
            }));
        }
        runtime.turn(Some(Duration::ZERO));
        drop(runtime);
    });
}

#[test]
fn a_chain_of_a_hundred_thousand_wakes_does_not_recurse() {
    in_time(|| {
        let runtime = new();
        let (first, mut receiver) = oneshot::channel::<u32>();
        for _ in 0..100_000 {
            let (sender, next) = oneshot::channel();
            let before = std::mem::replace(&mut receiver, next);
            drop(runtime.spawn(async move { sender.send(before.await.unwrap() + 1).unwrap() }));
        }
        first.send(0).unwrap();
        assert_eq!(runtime.block_on(receiver).unwrap(), 100_000);
    });
}

#[test]
fn a_chain_of_senders_a_hundred_thousand_long_breaks_without_recursion() {
    in_time(|| {
        let runtime = new();
        let (first, mut receiver) = oneshot::channel::<()>();
        for _ in 0..100_000 {
            let (sender, next) = oneshot::channel::<()>();
            let before = std::mem::replace(&mut receiver, next);
            drop(runtime.spawn(async move {
                let _broken = before.await;
                drop(sender);
            }));
        }
        runtime.run_until_stalled();
        drop(first);
        assert!(runtime.block_on(receiver).is_err());
    });
}

#[test]
fn outputs_that_spawn_when_they_are_dropped_go_on_until_they_stop() {
    struct Spawns(u32, Rc<Cell<u32>>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            if self.0 > 0 {
                let next = Spawns(self.0 - 1, Rc::clone(&self.1));
                drop(spawn(async move { next }));
            }
        }
    }
    in_time(|| {
        let runtime = new();
        let dropped = Rc::new(Cell::new(0));
        let first = Spawns(50_000, Rc::clone(&dropped));
        drop(runtime.spawn(async move { first }));
        runtime.run().unwrap();
        assert_eq!(dropped.get(), 50_001);
        // The rest of these is refused by the end of the runtime, one within the other.
        let last = Spawns(100, Rc::clone(&dropped));
        drop(runtime.spawn(async move { last }));
        runtime.turn(Some(Duration::ZERO));
        drop(runtime);
        assert_eq!(dropped.get(), 50_102);
    });
}

#[test]
fn a_stream_that_is_dropped_elsewhere_leaves_no_reader_waiting() {
    in_time(|| {
        new().block_on(async {
            for _ in 0..50 {
                let (client, server) = connection().await;
                let reader = spawn(async move { server.read(&mut [0; 8]).await });
                yield_now().await;
                spawn_blocking(move || drop(client)).await.unwrap();
                assert_eq!(reader.await.unwrap().unwrap(), 0);
            }
        });
    });
}

#[test]
fn a_reader_may_die_in_a_flood() {
    in_time(|| {
        new().block_on(async {
            let (client, server) = connection().await;
            let flood = spawn(async move { while client.write(&[0; 65536]).await.is_ok() {} });
            let reader = spawn(async move { while server.read(&mut [0; 4096]).await.is_ok() {} });
            for _ in 0..100 {
                yield_now().await;
            }
            let abort = reader.abort_handle();
            spawn_blocking(move || abort.abort()).await.unwrap();
            assert!(reader.await.unwrap_err().is_cancelled());
            flood.await.unwrap();
        });
    });
}

#[test]
fn a_runtime_without_workers_to_wait_for_ends_at_once_whatever_the_grace() {
    in_time(|| {
        for _ in 0..20 {
            let runtime: Runtime = Builder::new().shutdown_grace(LONG).build().unwrap();
            let (release, is_released) = mpsc::channel::<()>();
            let job = runtime.spawn_blocking(move || _ = is_released.recv());
            job.unref();
            runtime.run_until_stalled();
            drop(runtime);
            drop(release);
        }
    });
}
