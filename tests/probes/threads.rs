//! Wakers, handles and sockets on foreign threads, before, during and after.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use futures::channel::oneshot;
use quintet::runtime::{Handle, Runtime};
use quintet::task::{JoinHandle, yield_now};
use quintet::time::{Duration, sleep};
use quintet::{spawn, spawn_blocking};

use super::{CountingWaker, LONG, OnDrop, in_time, new, poll_once, poll_with};

/// Waits for nothing, and leaves a waker behind.
async fn leave_waker(place: &Mutex<Vec<Waker>>) {
    poll_fn(|cx| {
        place
            .lock()
            .expect("no thread panics with it")
            .push(cx.waker().clone());
        Poll::<()>::Pending
    })
    .await;
}

#[test]
fn wakers_in_a_static_outlive_their_loops_and_wake_no_other_task() {
    static WAKERS: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
    in_time(|| {
        for _ in 0..20 {
            let runtime = new();
            for _ in 0..10 {
                drop(runtime.spawn(leave_waker(&WAKERS)));
            }
            runtime.run_until_stalled();
            drop(runtime);
        }
        // The tasks of this one stand in slots of the same numbers.
        let runtime = new();
        let polls = Rc::new(Cell::new(0));
        for _ in 0..10 {
            let polls = Rc::clone(&polls);
            drop(runtime.spawn(poll_fn(move |_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            })));
        }
        runtime.run_until_stalled();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for waker in &*WAKERS.lock().unwrap() {
                        waker.wake_by_ref();
                        let other = waker.clone();
                        drop(waker.clone());
                        other.wake();
                    }
                });
            }
        });
        runtime.block_on(async {
            WAKERS.lock().unwrap().drain(..).for_each(Waker::wake);
            yield_now().await;
        });
        assert_eq!(polls.get(), 10);
    });
}

#[test]
fn a_storm_of_wakes_on_one_task_is_one_poll_at_a_time() {
    in_time(|| {
        const WAKES: usize = 20_000;
        let runtime = new();
        let place = Mutex::new(None::<Waker>);
        let wakes = AtomicUsize::new(0);
        let polls = Cell::new(0_usize);
        thread::scope(|scope| {
            for _ in 0..3 {
                let guard = runtime.handle().keep_alive();
                let (place, wakes) = (&place, &wakes);
                scope.spawn(move || {
                    let _guard = guard;
                    while wakes.load(Ordering::Relaxed) < WAKES {
                        let waker = place.lock().unwrap().clone();
                        if let Some(waker) = waker {
                            wakes.fetch_add(1, Ordering::Relaxed);
                            waker.wake();
                        }
                    }
                });
            }
            runtime.block_on(poll_fn(|cx| {
                polls.set(polls.get() + 1);
                *place.lock().unwrap() = Some(cx.waker().clone());
                // All wakes may come within the first poll; then they are what the second comes of.
                if polls.get() > 1 && wakes.load(Ordering::Relaxed) >= WAKES {
                    return Poll::Ready(());
                }
                Poll::Pending
            }));
        });
        assert!((2..=wakes.into_inner() + 2).contains(&polls.get()));
    });
}

#[test]
fn the_last_waker_of_a_task_that_ended_is_dropped_elsewhere_while_the_loop_sleeps() {
    in_time(|| {
        let runtime = new();
        runtime.block_on(async {
            for _ in 0..200 {
                let (hand_over, waker) = mpsc::channel::<Waker>();
                let (go, gone) = oneshot::channel();
                let thread = thread::spawn(move || {
                    let waker = waker.recv().unwrap();
                    go.send(()).unwrap();
                    drop(waker);
                });
                spawn(poll_fn(move |cx| {
                    hand_over.send(cx.waker().clone()).unwrap();
                    Poll::Ready(())
                }))
                .await
                .unwrap();
                gone.await.unwrap();
                spawn(async {}).await.unwrap();
                thread.join().unwrap();
            }
        });
    });
}

#[test]
fn handles_of_every_kind_and_state_are_dropped_on_a_hundred_threads() {
    in_time(|| {
        let runtime = new();
        let guard = runtime.enter();
        let mut handles: Vec<JoinHandle<Box<u32>>> = Vec::new();
        for n in 0..50 {
            let boxed = move || Box::new(n);
            handles.push(spawn(async move { boxed() }));
            handles.push(spawn(async move {
                sleep(LONG).await;
                boxed()
            }));
            handles.push(spawn_blocking(boxed));
            handles.push(runtime.handle().spawn(async move { boxed() }));
            handles.push(runtime.handle().spawn_blocking(boxed));
            let aborted = spawn(async move { boxed() });
            aborted.abort();
            handles.push(aborted);
        }
        drop(guard);
        runtime.turn(Some(Duration::ZERO));
        let threads: Vec<_> = (0..100)
            .map(|_| {
                let handles: Vec<_> = handles.drain(..3).collect();
                thread::spawn(move || {
                    for (n, handle) in handles.into_iter().enumerate() {
                        if n == 1 {
                            handle.abort();
                        }
                        let abort = handle.abort_handle();
                        drop(handle);
                        abort.abort();
                        let _either = abort.is_finished();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        runtime.run().unwrap();
        assert!(
            runtime.dump().tasks().is_empty(),
            "all were aborted or ended"
        );
    });
}

#[test]
fn a_task_that_is_awaited_on_one_loop_ends_with_the_other() {
    in_time(|| {
        for _ in 0..50 {
            let (hand_over, handle) = mpsc::channel();
            let (go, may_go) = mpsc::channel::<()>();
            let thread = thread::spawn(move || {
                let runtime = new();
                hand_over
                    .send(runtime.handle().spawn(pending::<()>()))
                    .unwrap();
                runtime.run_until_stalled();
                may_go.recv().unwrap();
                drop(runtime);
            });
            let task = handle.recv().unwrap();
            let error = new().block_on(async move {
                go.send(()).unwrap();
                task.await.unwrap_err()
            });
            assert!(error.is_cancelled());
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_job_may_wait_for_a_task_of_its_loop_by_another_executor() {
    in_time(|| {
        let runtime = new();
        let output = runtime.block_on(async {
            let home = Handle::current();
            let job = spawn_blocking(move || {
                let task = home.spawn(async {
                    sleep(Duration::from_micros(50)).await;
                    spawn(async { 6 }).await.unwrap()
                });
                7 * quintet::block_on(task).unwrap()
            });
            job.await.unwrap()
        });
        assert_eq!(output, 42);
    });
}

#[test]
fn four_loops_that_spawn_on_each_other_all_come_to_an_end() {
    in_time(|| {
        const LOOPS: usize = 4;
        let barrier = Arc::new(Barrier::new(LOOPS));
        let handles = Arc::new(Mutex::new(Vec::<Handle>::new()));
        let threads: Vec<_> = (0..LOOPS)
            .map(|own| {
                let (barrier, handles) = (Arc::clone(&barrier), Arc::clone(&handles));
                thread::spawn(move || {
                    let runtime = new();
                    handles.lock().unwrap().push(runtime.handle().clone());
                    barrier.wait();
                    let handles = handles.lock().unwrap().clone();
                    runtime.block_on(async {
                        for round in 0..100 {
                            let other = &handles[(own + round) % LOOPS];
                            let task = other.spawn(async move { round });
                            // A loop that has ended meanwhile cancels it.
                            match task.await {
                                Ok(output) => assert_eq!(output, round),
                                Err(error) => assert!(error.is_cancelled()),
                            }
                        }
                    });
                    drop(runtime);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_future_that_came_through_a_handle_is_dropped_where_it_belongs_whenever_the_end_comes() {
    in_time(|| {
        for _ in 0..50 {
            let runtime = new();
            let home = thread::current().id();
            let handle = runtime.handle().clone();
            let thread = thread::spawn(move || {
                let own = thread::current().id();
                for _ in 0..50 {
                    let is_here = OnDrop::new(move || {
                        let here = thread::current().id();
                        assert!(here == home || here == own, "on a third thread");
                    });
                    drop(handle.spawn(async move {
                        let _is_here = is_here;
                        pending::<()>().await;
                    }));
                }
            });
            runtime.turn(Some(Duration::ZERO));
            runtime.run_until_stalled();
            drop(runtime);
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_handle_is_cloned_and_dropped_by_the_hundred_thousand_while_its_loop_ends() {
    in_time(|| {
        let runtime = new();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let handle = runtime.handle().clone();
                thread::spawn(move || {
                    let mut last = handle.clone();
                    for _ in 0..100_000 {
                        last = handle.clone();
                    }
                    drop(handle);
                    last.stop();
                    assert!(last.spawn(async {}).is_finished() || last.name().is_none());
                })
            })
            .collect();
        runtime.run_until_stalled();
        drop(runtime);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_foreign_waker_is_told_once_by_each_thing_that_it_waits_for() {
    in_time(|| {
        let runtime: Runtime = new();
        let guard = runtime.enter();
        let (counting, waker) = CountingWaker::new();
        let mut timer = sleep(Duration::ZERO);
        let mut turn = yield_now();
        let mut task = spawn(async {});
        let mut job = spawn_blocking(|| ());
        let mut elsewhere = runtime.handle().spawn(async {});
        assert!(poll_with(&mut timer, &waker).is_pending());
        assert!(poll_with(&mut turn, &waker).is_pending());
        assert!(poll_with(&mut task, &waker).is_pending());
        assert!(poll_with(&mut job, &waker).is_pending());
        assert!(poll_with(&mut elsewhere, &waker).is_pending());
        while counting.wakes() < 5 {
            runtime.turn(Some(Duration::from_millis(1)));
        }
        runtime.run_until_stalled();
        assert_eq!(counting.wakes(), 5);
        assert!(poll_once(&mut timer).is_ready());
        assert!(poll_once(&mut turn).is_ready());
        assert!(poll_once(&mut task).is_ready());
        assert!(poll_once(&mut job).is_ready());
        assert!(poll_once(&mut elsewhere).is_ready());
        drop(guard);
        drop(waker);
        drop((timer, turn, task, job, elsewhere));
        drop(runtime);
        assert_eq!(Arc::strong_count(&counting), 1, "no waker is kept");
    });
}

#[test]
fn a_loop_may_be_built_on_a_thread_that_wakes_another_to_death() {
    in_time(|| {
        let (hand_over, waker) = mpsc::channel::<Waker>();
        let thread = thread::spawn(move || {
            let waker = waker.recv().unwrap();
            // Within a loop of its own, outside of it, and as its thread ends.
            new().block_on(async {
                waker.wake_by_ref();
                yield_now().await;
                waker.wake_by_ref();
            });
            waker.wake();
        });
        let mut polls = 0;
        new().block_on(poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                hand_over.send(cx.waker().clone()).unwrap();
                return Poll::Pending;
            }
            Poll::Ready(())
        }));
        thread.join().unwrap();
    });
}
