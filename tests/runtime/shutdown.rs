//! The end of a runtime: what is dropped, in which order, and what destructors may do meanwhile.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::fs;
use std::future::pending;
use std::io::Read as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use quintet::net::TcpStream;
use quintet::runtime::{Handle, Runtime};
use quintet::task::{self, JoinHandle, set_immediate, yield_now};
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking};

use crate::support::child::{child, in_a_child};
use crate::support::drops::OnDrop;
use crate::support::log::Log;
use crate::support::panics::panic_message;
use crate::support::patience::in_time;
use crate::support::tcp::connection;
use crate::support::turns::settle;
use crate::support::wakers::{CountingWaker, poll_with};

#[test]
fn futures_are_dropped_in_the_order_of_spawning_whatever_they_wait_for() {
    in_time(|| {
        let log = Log::default();
        let runtime = Runtime::new().unwrap();
        let guard = |name| {
            let log = log.clone();
            OnDrop(Some(move || log.add(name)))
        };
        let (first, second, third) = (guard("waits"), guard("ends"), guard("sleeps"));
        drop(runtime.spawn(async move {
            let _guard = first;
            pending::<()>().await;
        }));
        let ends = runtime.spawn(async move { drop(second) });
        let sleeps = runtime.spawn(async move {
            let _guard = third;
            sleep(Duration::from_secs(1000)).await;
        });
        runtime.block_on(ends).unwrap();
        assert_eq!(log.lines(), ["ends"]);
        // This takes the place of the one that has ended.
        let (fourth, fifth, sixth) = (guard("yields"), guard("immediate"), guard("new"));
        runtime.spawn(async move {
            let _guard = fourth;
            loop {
                yield_now().await;
            }
        });
        runtime.block_on(settle());
        let entered = runtime.enter();
        drop(set_immediate(move || drop(fifth)));
        drop(entered);
        runtime.spawn(async move { drop(sixth) });

        drop(runtime);

        assert_eq!(
            log.lines(),
            ["waits", "sleeps", "yields", "immediate", "new"]
        );
        assert!(sleeps.is_finished());
    });
}

#[test]
fn futures_and_outputs_are_dropped_on_their_thread_with_their_loop_current() {
    in_time(|| {
        let (drops, dropped_on) = mpsc::channel();
        let runtime = Runtime::builder().name("the one").build().unwrap();
        let handles = [true, false].map(|is_endless| {
            let drops = drops.clone();
            let tells_where = OnDrop(Some(move || {
                let handle = Handle::try_current().ok();
                let name = handle.and_then(|handle| handle.name().map(str::to_owned));
                let _test_is_over = drops.send((thread::current().id(), name));
            }));
            // Not `Send`, because of the second.
            let guard = (tells_where, Rc::new(()));
            runtime.spawn(async move {
                if is_endless {
                    pending::<()>().await;
                }
                guard
            })
        });
        runtime.block_on(settle());
        assert!(dropped_on.try_recv().is_err());

        drop(runtime);

        let here = (thread::current().id(), Some("the one".to_owned()));
        assert_eq!(
            dropped_on.try_iter().collect::<Vec<_>>(),
            [here.clone(), here]
        );
        drop(handles);
    });
}

#[test]
fn a_runtime_that_never_ran_drops_what_it_was_given() {
    in_time(|| {
        let alive = Rc::new(());
        let runtime = Runtime::new().unwrap();
        let inside = Rc::clone(&alive);
        let task = runtime.spawn(async move { drop(inside) });

        drop(runtime);

        assert_eq!(Rc::strong_count(&alive), 1);
        assert!(task.is_finished());
    });
}

#[test]
fn what_destructors_spawn_is_refused_and_dropped_at_once() {
    in_time(|| {
        let refused = Rc::new(Cell::new(0));
        let count = Rc::clone(&refused);
        let runtime = Runtime::new().unwrap();
        runtime.spawn(async move {
            let _guard = OnDrop(Some(move || {
                let alive = Arc::new(());
                let held = || Arc::clone(&alive);
                let (a, b, c, d, e, f) = (held(), held(), held(), held(), held(), held());
                let handles = [
                    spawn(async move { drop(a) }),
                    task::Builder::new()
                        .name("late")
                        .spawn(async move { drop(b) }),
                    set_immediate(move || drop(c)),
                    spawn_blocking(move || drop(d)),
                    Handle::current().spawn(async move { drop(e) }),
                    Handle::current().spawn_blocking(move || drop(f)),
                ];
                for (number, mut handle) in handles.into_iter().enumerate() {
                    assert!(handle.is_finished(), "number {number}");
                    let output = poll_with(&mut handle, Waker::noop());
                    let Poll::Ready(Err(error)) = output else {
                        panic!("number {number} was taken");
                    };
                    assert!(error.is_cancelled(), "number {number}: {error}");
                    count.set(count.get() + 1);
                }
                assert_eq!(Arc::strong_count(&alive), 1);
            }));
            pending::<()>().await;
        });
        runtime.block_on(settle());

        drop(runtime);

        assert_eq!(refused.get(), 6);
    });
}

#[test]
fn destructors_that_spawn_destructors_that_spawn_come_to_an_end() {
    /// A destructor that spawns a future with such a destructor, and so on.
    fn chain(left: usize, ends: Rc<Cell<bool>>) -> Box<dyn FnOnce()> {
        Box::new(move || {
            if left == 0 {
                ends.set(true);
                return;
            }
            let next = OnDrop(Some(chain(left - 1, ends)));
            drop(spawn(async move { drop(next) }));
        })
    }

    in_time(|| {
        let ends = Rc::new(Cell::new(false));
        let runtime = Runtime::new().unwrap();
        let first = OnDrop(Some(chain(100, Rc::clone(&ends))));
        drop(runtime.spawn(async move { drop(first) }));

        drop(runtime);

        assert!(ends.get());
    });
}

#[test]
fn destructors_may_wake_abort_arm_and_close() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let done = Rc::new(Cell::new(0));
        let (sender, receiver) = oneshot::channel::<()>();
        let later = runtime.spawn(async { receiver.await.is_ok() });
        let abort = later.abort_handle();
        let count = Rc::clone(&done);
        runtime.spawn(async move {
            let (client, server) = connection().await;
            let mut timer = Box::pin(sleep(Duration::from_secs(1000)));
            let mut turn = Box::pin(yield_now());
            assert!(poll_with(&mut timer, Waker::noop()).is_pending());
            assert!(poll_with(&mut turn, Waker::noop()).is_pending());
            let mut later = later;
            let _guard = OnDrop(Some(move || {
                abort.abort();
                drop(sender);
                assert!(poll_with(&mut later, Waker::noop()).is_pending() || later.is_finished());
                let mut other = sleep(Duration::ZERO);
                assert!(poll_with(&mut other, Waker::noop()).is_pending());
                timer.as_mut().reset(quintet::time::Instant::now());
                drop((timer, turn, other));
                let mut closing = Box::pin(client.close());
                assert!(poll_with(&mut closing, Waker::noop()).is_pending());
                drop((closing, server));
                count.set(count.get() + 1);
            }));
            pending::<()>().await;
        });
        runtime.block_on(async {
            for _ in 0..100 {
                yield_now().await;
            }
            sleep(Duration::from_millis(5)).await;
        });

        drop(runtime);

        assert_eq!(done.get(), 1);
    });
}

#[test]
fn sockets_of_tasks_are_closed() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            pending::<()>().await;
            drop(stream);
        });
        let (mut peer, _) = runtime.block_on(async {
            spawn_blocking(move || listener.accept())
                .await
                .unwrap()
                .unwrap()
        });

        drop(runtime);

        assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
    });
}

#[test]
fn a_task_that_awaits_a_close_is_woken_before_the_end() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (counter, waker) = CountingWaker::new();
        let (mut closing, _server) = runtime.block_on(async {
            let (client, server) = connection().await;
            let mut closing = Box::pin(client.close());
            assert!(poll_with(&mut closing, &waker).is_pending());
            (closing, server)
        });

        drop(runtime);

        assert_eq!(counter.wakes(), 1);
        assert!(poll_with(&mut closing, &waker).is_ready());
    });
}

#[test]
fn what_outlives_its_runtime_can_be_dropped_anywhere() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let make = || {
            runtime.block_on(async {
                let (client, server) = connection().await;
                let mut timer = Box::pin(sleep(Duration::from_secs(1000)));
                let mut turn = Box::pin(yield_now());
                assert!(poll_with(&mut timer, Waker::noop()).is_pending());
                assert!(poll_with(&mut turn, Waker::noop()).is_pending());
                let task = spawn(pending::<()>());
                (client, server, timer, turn, task, Handle::current())
            })
        };
        let (here, elsewhere) = (make(), make());

        drop(runtime);

        drop(here);
        thread::spawn(move || drop(elsewhere)).join().unwrap();
    });
}

#[test]
fn a_runtime_that_ends_inside_anothers_task_leaves_that_one_as_it_was() {
    in_time(|| {
        let outer = Runtime::builder().name("outer").build().unwrap();
        let log = Log::default();
        let ready = outer.spawn({
            let log = log.clone();
            async move { log.add("ready before") }
        });
        outer.block_on(async {
            let log = log.clone();
            let task = spawn(async move {
                let inner = Runtime::builder().name("inner").build().unwrap();
                let guard = OnDrop(Some({
                    let log = log.clone();
                    move || {
                        assert_eq!(Handle::current().name(), Some("inner"));
                        log.add("dropped");
                    }
                }));
                inner.spawn(async move { drop(guard) });
                let later = spawn({
                    let log = log.clone();
                    async move { log.add("ready meanwhile") }
                });
                drop(inner);
                assert_eq!(Handle::current().name(), Some("outer"));
                log.add("goes on");
                yield_now().await;
                later.await.unwrap();
            });
            task.await.unwrap();
        });

        assert!(ready.is_finished());
        assert_eq!(
            log.lines(),
            ["ready before", "dropped", "goes on", "ready meanwhile"]
        );
    });
}

#[test]
fn a_runtime_may_end_in_the_destructor_of_anothers_task() {
    in_time(|| {
        let alive = Rc::new(());
        let inner = Runtime::new().unwrap();
        let outer = Runtime::new().unwrap();
        let inside = Rc::clone(&alive);
        inner.spawn(async move {
            let _inside = inside;
            pending::<()>().await;
        });
        let task = outer.spawn(async move {
            let _inner = inner;
            pending::<()>().await;
        });
        outer.block_on(settle());

        drop(outer);

        assert_eq!(Rc::strong_count(&alive), 1);
        assert!(task.is_finished());
        assert!(Handle::try_current().is_err());
    });
}

#[test]
fn the_current_runtime_is_restored_when_another_ends() {
    in_time(|| {
        let ends = Runtime::new().unwrap();
        let stays = Runtime::builder().name("stays").build().unwrap();
        let guard = stays.enter();

        drop(ends);

        assert_eq!(Handle::current().name(), Some("stays"));
        drop(guard);
        assert!(Handle::try_current().is_err());
    });
}

#[test]
fn block_on_in_a_destructor_of_a_shutdown_panics_and_says_why() {
    in_time(|| {
        let said = Rc::new(RefCell::new(String::new()));
        let message = Rc::clone(&said);
        let runtime = Runtime::new().unwrap();
        runtime.spawn(async move {
            let _guard = OnDrop(Some(move || {
                message.replace(panic_message(|| quintet::block_on(async {})));
            }));
            pending::<()>().await;
        });
        runtime.block_on(settle());

        drop(runtime);

        let said = said.take();
        assert!(said.contains("is running on this thread already"), "{said}");
    });
}

#[test]
fn outputs_that_hold_handles_of_other_outputs_are_dropped() {
    in_time(|| {
        let alive = Rc::new(());
        let runtime = Runtime::new().unwrap();
        let mut kept = Vec::new();
        for is_reversed in [false, true] {
            let (sender, receiver) = oneshot::channel::<JoinHandle<Box<dyn Any>>>();
            let held = Rc::clone(&alive);
            let first = runtime.spawn(async move {
                let other = if is_reversed {
                    None
                } else {
                    Some(receiver.await)
                };
                Box::new((held, other)) as Box<dyn Any>
            });
            let held = Rc::clone(&alive);
            let second = runtime.spawn(async move { Box::new(held) as Box<dyn Any> });
            if is_reversed {
                runtime.spawn(async move { drop((first, second)) });
            } else {
                sender.send(second).ok().unwrap();
                runtime.block_on(settle());
                // Held beyond the end of the runtime, so that its end drops the outcome.
                kept.push(first);
            }
        }
        runtime.block_on(settle());

        drop(runtime);

        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn a_runtime_may_stand_in_a_thread_local() {
    thread_local! {
        static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
    }

    let test = "shutdown::a_runtime_may_stand_in_a_thread_local";
    // In a process of its own: a panic in the destructor of a thread-local aborts the process.
    in_a_child(child(test), || {
        for is_first in [true, false] {
            let (drops, dropped_on) = mpsc::channel();
            thread::spawn(move || {
                if !is_first {
                    assert!(
                        Handle::try_current().is_err(),
                        "the runtime's own locals come first"
                    );
                }
                RUNTIME.with(|runtime| {
                    let runtime = runtime.get_or_init(|| Runtime::new().unwrap());
                    let guard = OnDrop(Some(move || drops.send(()).unwrap()));
                    runtime.spawn(async move {
                        let _guard = guard;
                        let _connection = connection().await;
                        let _handle = spawn(pending::<()>());
                        sleep(Duration::from_secs(1000)).await;
                    });
                    runtime.block_on(async {
                        spawn_blocking(|| ()).await.unwrap();
                        sleep(Duration::from_millis(2)).await;
                    });
                });
            })
            .join()
            .unwrap();
            assert_eq!(dropped_on.try_recv(), Ok(()));
        }
    });
}

#[test]
fn what_stands_in_a_thread_local_may_outlive_the_runtime() {
    thread_local! {
        static HELD: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
    }

    let test = "shutdown::what_stands_in_a_thread_local_may_outlive_the_runtime";
    in_a_child(child(test), || {
        thread::spawn(|| {
            HELD.with(|held| held.borrow_mut().clear());
            quintet::block_on(async {
                let mut timer = Box::pin(sleep(Duration::from_secs(1000)));
                assert!(poll_with(&mut timer, Waker::noop()).is_pending());
                let mut turn = Box::pin(yield_now());
                assert!(poll_with(&mut turn, Waker::noop()).is_pending());
                let (client, server) = connection().await;
                let task = spawn(pending::<()>());
                HELD.with(|held| {
                    held.borrow_mut().extend([
                        Box::new(task.abort_handle()) as Box<dyn Any>,
                        Box::new(task),
                        Box::new(timer),
                        Box::new(turn),
                        Box::new((client, server)),
                        Box::new(Handle::current()),
                        Box::new(OnDrop(Some(|| {
                            assert!(Handle::try_current().is_err());
                        }))),
                    ]);
                });
            });
        })
        .join()
        .unwrap();
    });
}

#[test]
fn a_hundred_runtimes_leave_no_descriptors_and_no_threads_behind() {
    fn count(of: &str) -> usize {
        fs::read_dir(of).expect("proc is mounted").count()
    }

    let test = "shutdown::a_hundred_runtimes_leave_no_descriptors_and_no_threads_behind";
    in_a_child(child(test), || {
        let make = || {
            quintet::block_on(async {
                let (client, server) = connection().await;
                sleep(Duration::from_micros(100)).await;
                spawn_blocking(|| ()).await.unwrap();
                spawn(async move {
                    let _held = (client, server);
                    pending::<()>().await;
                });
                settle().await;
            });
        };
        make();
        let before = (count("/proc/self/fd"), count("/proc/self/task"));

        for _ in 0..100 {
            make();
        }

        // Threads have said goodbye by then, but the system may not have seen them out.
        while count("/proc/self/task") > before.1 {
            thread::yield_now();
        }
        assert_eq!(count("/proc/self/fd"), before.0);
    });
}
