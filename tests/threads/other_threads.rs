//! Other threads: wakes, handles, and what may be dropped where.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::hint;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use quintet::runtime::{Handle, Runtime};
use quintet::spawn;
use quintet::task::{AbortHandle, JoinHandle, yield_now};
use quintet::time::sleep;

use crate::support::drops::{OnDrop, TellsWhereItIsDropped};
use crate::support::patience::in_time;
use crate::support::turns::{on_a_loop, settle};
use crate::support::wakers::{CountingWaker, block_on_by_parking, poll_with};

#[test]
fn no_wake_is_lost_and_each_leads_to_a_poll_that_sees_what_came_before_it() {
    const THREADS: u64 = 4;
    const WAKES: usize = 100_000;
    const TASKS: usize = 61;

    on_a_loop(async || {
        let targets: Arc<[Target]> = (0..TASKS).map(|_| Target::default()).collect();
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let targets = Arc::clone(&targets);
                spawn(poll_fn(move |cx| targets[number].poll(cx)))
            })
            .collect();
        settle().await;

        let threads: Vec<_> = (1..=THREADS)
            .map(|seed| {
                let targets = Arc::clone(&targets);
                thread::spawn(move || wake_at_random(&targets, WAKES, Random(seed)))
            })
            .collect();
        let end = thread::spawn({
            let targets = Arc::clone(&targets);
            move || {
                threads
                    .into_iter()
                    .for_each(|thread| thread.join().unwrap());
                targets.iter().for_each(Target::end);
            }
        });
        for task in tasks {
            task.await.unwrap();
        }

        end.join().unwrap();
        let seen = targets
            .iter()
            .map(|target| target.seen.load(Ordering::Relaxed));
        assert_eq!(seen.sum::<usize>(), THREADS as usize * WAKES);
    });
}

/// What a thread writes before it wakes a task, and what the task has seen of it. All is relaxed:
/// that the poll sees it is the wake's doing.
#[derive(Default)]
struct Target {
    written: AtomicUsize,
    seen: AtomicUsize,
    is_over: AtomicBool,
    waker: OnceLock<Waker>,
}

impl Target {
    /// The task.
    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        self.waker.get_or_init(|| cx.waker().clone());
        let is_over = self.is_over.load(Ordering::Relaxed);
        self.seen
            .store(self.written.load(Ordering::Relaxed), Ordering::Relaxed);
        if is_over {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Writes and wakes; returns what must be seen at least.
    fn write(&self) -> usize {
        let written = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        self.wake();
        written
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.wake();
    }

    fn wake(&self) {
        self.waker.get().expect("it has been polled").wake_by_ref();
    }
}

fn wake_at_random(targets: &[Target], wakes: usize, mut random: Random) {
    // So often a thread waits until its write has been seen: the loop has time to fall asleep then.
    const WAKES_PER_WAIT: usize = 8;

    for round in 0..wakes {
        let target = &targets[random.below(targets.len())];
        let own = target.write();
        while round % WAKES_PER_WAIT == 0 && target.seen.load(Ordering::Relaxed) < own {
            thread::yield_now();
        }
    }
}

#[test]
fn late_wakes_of_ended_tasks_never_reach_those_that_follow_in_their_place() {
    const ROUNDS: usize = 10_000;
    const TASKS: usize = 8;

    on_a_loop(async || {
        let (wakers, receiver) = mpsc::channel::<(Waker, Arc<AtomicBool>)>();
        let thread = thread::spawn(move || {
            for (waker, may_end) in receiver {
                may_end.store(true, Ordering::Relaxed);
                // The second comes late quite often, when the task has ended.
                waker.wake_by_ref();
                waker.wake_by_ref();
            }
        });

        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let wakers = wakers.clone();
                spawn(async move {
                    for _ in 0..ROUNDS {
                        let wakers = wakers.clone();
                        let may_end = Arc::new(AtomicBool::new(false));
                        let mut is_first = true;
                        let child = spawn(poll_fn(move |cx| {
                            if is_first {
                                is_first = false;
                                let message = (cx.waker().clone(), Arc::clone(&may_end));
                                wakers.send(message).unwrap();
                                return Poll::Pending;
                            }
                            assert!(may_end.load(Ordering::Relaxed), "another's wake came here");
                            Poll::Ready(())
                        }));
                        child.await.unwrap();
                    }
                })
            })
            .collect();
        drop(wakers);
        for task in tasks {
            task.await.unwrap();
        }

        thread.join().unwrap();
    });
}

#[test]
fn a_wake_that_comes_during_the_poll_leads_to_another_poll() {
    on_a_loop(async || {
        let mut polls = 0;
        let task = spawn(poll_fn(move |cx| {
            polls += 1;
            if polls == 10 {
                return Poll::Ready(polls);
            }
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake()).join().unwrap();
            Poll::Pending
        }));

        assert_eq!(task.await.unwrap(), 10);
    });
}

#[test]
fn a_wake_from_another_thread_ends_a_sleep_without_end() {
    on_a_loop(async || {
        for _ in 0..100 {
            let (sender, receiver) = oneshot::channel();
            let thread = thread::spawn(move || sender.send("woken"));

            assert_eq!(receiver.await, Ok("woken"));
            thread.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_wake_from_another_thread_leaves_timers_alone() {
    on_a_loop(async || {
        let is_over = Arc::new(AtomicBool::new(false));
        let (wakers, receiver) = mpsc::channel::<Waker>();
        let spinning = spawn(poll_fn(move |cx| {
            let _over = wakers.send(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let thread = thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || {
                for waker in receiver {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    waker.wake();
                }
            }
        });

        for _ in 0..20 {
            let start = quintet::time::Instant::now();
            sleep(Duration::from_millis(1)).await;
            assert!(start.elapsed() >= Duration::from_millis(1));
        }

        is_over.store(true, Ordering::Relaxed);
        spinning.abort();
        assert!(spinning.await.is_err());
        thread.join().unwrap();
    });
}

#[test]
fn wakers_may_be_used_cloned_and_dropped_when_their_loop_is_gone() {
    in_time(|| {
        let alive = Rc::new(());
        let runtime = Runtime::new().unwrap();
        let (sender, wakers) = mpsc::channel();
        let make = |is_endless: bool| {
            let (sender, alive) = (sender.clone(), Rc::clone(&alive));
            runtime.spawn(async move {
                let _alive = alive;
                poll_fn(|cx| {
                    sender.send(cx.waker().clone()).unwrap();
                    if is_endless {
                        Poll::Pending
                    } else {
                        Poll::Ready(())
                    }
                })
                .await;
            })
        };
        let handles = [make(true), make(false)];
        runtime.block_on(settle());

        drop(runtime);
        assert_eq!(Rc::strong_count(&alive), 1, "wakers keep no future");

        let wakers: Vec<Waker> = wakers.try_iter().collect();
        assert_eq!(wakers.len(), 2);
        let wakers = thread::spawn(move || {
            for waker in &wakers {
                waker.wake_by_ref();
                drop(waker.clone());
                let clone = waker.clone();
                clone.wake();
            }
            wakers
        })
        .join()
        .unwrap();
        wakers.into_iter().for_each(Waker::wake);
        drop(handles);
    });
}

#[test]
fn wakers_of_another_loop_may_be_used_and_dropped_within_this_one() {
    in_time(|| {
        let first = Runtime::new().unwrap();
        let second = Runtime::new().unwrap();
        let (sender, wakers) = mpsc::channel();
        let polls = Rc::new(Cell::new(0));
        let count = Rc::clone(&polls);
        let task = first.spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            sender.send(cx.waker().clone()).unwrap();
            if count.get() == 3 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        first.block_on(settle());

        second.block_on(async {
            wakers.recv().unwrap().wake();
            yield_now().await;
        });
        assert_eq!(polls.get(), 1, "not while another loop runs");
        first.block_on(yield_now());
        assert_eq!(polls.get(), 2);

        wakers.recv().unwrap().wake();
        first.block_on(task).unwrap();
        assert_eq!(polls.get(), 3);
    });
}

#[test]
fn a_wake_between_two_runs_counts_in_the_next() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        for is_elsewhere in [false, true] {
            let (sender, receiver) = oneshot::channel();
            let task = runtime.spawn(receiver);
            runtime.block_on(settle());

            if is_elsewhere {
                let sent = thread::spawn(move || sender.send("there")).join().unwrap();
                sent.unwrap();
            } else {
                sender.send("there").unwrap();
            }

            assert_eq!(runtime.block_on(task).unwrap(), Ok("there"));
        }
    });
}

#[test]
fn two_loops_on_two_threads_wake_each_other() {
    in_time(|| {
        let token = Arc::new(AtomicUsize::new(0));
        let wakers = Arc::new([Mutex::new(None::<Waker>), Mutex::new(None::<Waker>)]);
        let threads = [0, 1].map(|me| {
            let (token, wakers) = (Arc::clone(&token), Arc::clone(&wakers));
            thread::spawn(move || {
                let task = poll_fn(move |cx| {
                    *wakers[me].lock().unwrap() = Some(cx.waker().clone());
                    // After the waker is in place: the other may have written before it was.
                    let count = token.load(Ordering::SeqCst);
                    if count >= 10_000 {
                        return Poll::Ready(());
                    }
                    if count % 2 == me {
                        token.store(count + 1, Ordering::SeqCst);
                        let other = wakers[1 - me].lock().unwrap().clone();
                        if let Some(other) = other {
                            other.wake();
                        }
                        if count + 1 >= 10_000 {
                            return Poll::Ready(());
                        }
                    }
                    Poll::Pending
                });
                quintet::block_on(async { spawn(task).await.unwrap() });
            })
        });

        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_future_from_another_thread_runs_and_is_dropped_at_home() {
    on_a_loop(async || {
        let home = thread::current().id();
        let handle = Handle::current();
        let (drops, dropped_on) = mpsc::channel();

        let task = thread::spawn(move || {
            let guard = TellsWhereItIsDropped(drops);
            handle.spawn(async move {
                let _guard = guard;
                yield_now().await;
                thread::current().id()
            })
        })
        .join()
        .unwrap();

        assert_eq!(task.await.unwrap(), home);
        assert_eq!(dropped_on.try_recv(), Ok(home));
    });
}

#[test]
fn an_output_can_be_awaited_on_another_thread_by_another_executor() {
    on_a_loop(async || {
        let handle = Handle::current();
        let (done, is_done) = oneshot::channel();
        let thread = thread::spawn(move || {
            let early = handle.spawn(async { "early" });
            let late = handle.spawn(async {
                sleep(Duration::from_millis(1)).await;
                "late"
            });
            let panicked: JoinHandle<()> = handle.spawn(async { panic!("of a task") });
            let outcomes = (
                block_on_by_parking(late).unwrap(),
                block_on_by_parking(early).unwrap(),
                block_on_by_parking(panicked).unwrap_err().is_panic(),
            );
            done.send(outcomes).unwrap();
        });

        assert_eq!(is_done.await, Ok(("late", "early", true)));
        thread.join().unwrap();
    });
}

#[test]
fn an_output_can_be_awaited_on_another_loop() {
    in_time(|| {
        let (sender, receiver) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            quintet::block_on(async {
                sender.send(Handle::current()).unwrap();
                stopped.await.unwrap();
            });
        });
        let handle = receiver.recv().unwrap();

        let sum = quintet::block_on(async {
            let tasks: Vec<_> = (0..100)
                .map(|number| handle.spawn(async move { number }))
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });

        assert_eq!(sum, 99 * 100 / 2);
        stop.send(()).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn futures_from_one_thread_begin_in_the_order_of_spawning() {
    on_a_loop(async || {
        let handle = Handle::current();
        let order = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&order);

        let tasks = thread::spawn(move || {
            (0..1000)
                .map(|number| {
                    let log = Arc::clone(&log);
                    handle.spawn(async move { log.lock().unwrap().push(number) })
                })
                .collect::<Vec<_>>()
        });
        for task in tasks.join().unwrap() {
            task.await.unwrap();
        }

        assert_eq!(*order.lock().unwrap(), Vec::from_iter(0..1000));
    });
}

#[test]
fn a_future_that_a_handle_spawns_at_home_stands_in_the_queue_like_any_other() {
    on_a_loop(async || {
        let handle = Handle::current();
        let order = Arc::new(Mutex::new(Vec::new()));
        let add = |name| {
            let order = Arc::clone(&order);
            async move { order.lock().unwrap().push(name) }
        };

        let tasks = [
            spawn(add("first")),
            handle.spawn(add("second")),
            spawn(add("third")),
        ];
        for task in tasks {
            task.await.unwrap();
        }

        assert_eq!(*order.lock().unwrap(), ["first", "second", "third"]);
    });
}

#[test]
fn futures_may_come_before_their_runtime_runs() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let here = handle.spawn(async { thread::current().id() });
        let there = thread::spawn(move || handle.spawn(async { thread::current().id() }));
        let there = there.join().unwrap();
        assert!(!here.is_finished() && !there.is_finished());

        let ids = runtime.block_on(async { (here.await.unwrap(), there.await.unwrap()) });

        assert_eq!(ids, (thread::current().id(), thread::current().id()));
    });
}

#[test]
fn a_future_that_comes_after_the_end_is_dropped_where_it_comes_from() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);

        thread::spawn(move || {
            let (drops, dropped_on) = mpsc::channel();
            let guard = TellsWhereItIsDropped(drops);
            let task = handle.spawn(async move {
                let _guard = guard;
            });

            assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()));
            assert!(task.is_finished());
            task.abort();
            assert!(block_on_by_parking(task).unwrap_err().is_cancelled());
        })
        .join()
        .unwrap();
    });
}

#[test]
fn a_future_that_is_on_its_way_at_the_end_is_dropped_at_home() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let (drops, dropped_on) = mpsc::channel();
        let task = thread::spawn(move || {
            let guard = TellsWhereItIsDropped(drops);
            handle.spawn(async move {
                let _guard = guard;
            })
        });
        let task = task.join().unwrap();

        drop(runtime);

        assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()));
        assert!(block_on_by_parking(task).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_task_that_awaits_another_elsewhere_is_woken_when_its_runtime_ends() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let task = runtime.handle().spawn(pending::<()>());
        runtime.block_on(settle());
        let thread = thread::spawn(move || block_on_by_parking(task));

        drop(runtime);

        assert!(thread.join().unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_future_that_is_aborted_before_it_arrives_is_never_polled() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let (drops, dropped_on) = mpsc::channel();
        let task: JoinHandle<()> = thread::spawn(move || {
            let guard = TellsWhereItIsDropped(drops);
            let task = handle.spawn(async move {
                let _guard = guard;
                unreachable!("it is aborted")
            });
            task.abort();
            task
        })
        .join()
        .unwrap();
        assert!(dropped_on.try_recv().is_err(), "not over there");

        let error = runtime.block_on(task).unwrap_err();

        assert!(error.is_cancelled());
        assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()));
    });
}

#[test]
fn futures_that_are_aborted_just_as_they_arrive_are_cancelled() {
    on_a_loop(async || {
        let handle = Handle::current();
        let (done, is_done) = oneshot::channel();
        let thread = thread::spawn(move || {
            for round in 0..20_000 {
                let task = handle.spawn(pending::<()>());
                // Now sooner, now later: some meet it on its way from the inbox to its slot.
                for _ in 0..round % 400 {
                    hint::spin_loop();
                }
                task.abort();
                assert!(block_on_by_parking(task).unwrap_err().is_cancelled());
            }
            done.send(()).unwrap();
        });

        let spinning = spawn(async {
            loop {
                yield_now().await;
            }
        });
        is_done.await.unwrap();

        spinning.abort();
        thread.join().unwrap();
    });
}

#[test]
fn a_future_from_elsewhere_can_be_aborted_at_every_stage() {
    on_a_loop(async || {
        let handle = Handle::current();
        let first_turn = handle.spawn(async { unreachable!("it is aborted") });
        first_turn.abort();
        let waiting = handle.spawn(pending::<()>());
        settle().await;
        waiting.abort();
        assert!(!waiting.is_finished(), "not inside the call");
        let ended = handle.spawn(async { "output" });
        settle().await;
        ended.abort();

        let first_turn: JoinHandle<()> = first_turn;
        assert!(first_turn.await.unwrap_err().is_cancelled());
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!(ended.await.unwrap(), "output");
    });
}

#[test]
fn a_future_from_elsewhere_goes_on_without_its_handle() {
    on_a_loop(async || {
        let handle = Handle::current();
        let (sender, receiver) = oneshot::channel();

        thread::spawn(move || {
            drop(handle.spawn(async move {
                yield_now().await;
                sender.send("done").unwrap();
            }));
        })
        .join()
        .unwrap();

        assert_eq!(receiver.await, Ok("done"));
    });
}

#[test]
fn a_handle_from_elsewhere_wakes_only_the_waker_it_was_last_polled_with() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel::<()>();
        let mut task = Handle::current().spawn(receiver);
        let (first, first_waker) = CountingWaker::new();
        let (second, second_waker) = CountingWaker::new();

        assert!(poll_with(&mut task, &first_waker).is_pending());
        assert!(poll_with(&mut task, &second_waker).is_pending());
        drop((first_waker, second_waker));
        assert_eq!(Arc::strong_count(&first), 1, "the former is let go");
        sender.send(()).unwrap();
        settle().await;

        assert_eq!((first.wakes(), second.wakes()), (0, 1));
        assert_eq!(Arc::strong_count(&second), 1);
    });
}

#[test]
fn nothing_of_a_users_is_called_under_the_lock_of_a_handle_from_elsewhere() {
    /// Asks and aborts the task that it waits for, when woken and when dropped.
    struct Asking(Mutex<Option<AbortHandle>>, Arc<AtomicUsize>);
    impl Asking {
        fn ask(&self) {
            if let Some(task) = &*self.0.lock().unwrap() {
                let _outcome = task.is_finished();
                task.abort();
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    impl Wake for Asking {
        fn wake(self: Arc<Self>) {
            self.ask();
        }
    }
    impl Drop for Asking {
        fn drop(&mut self) {
            self.ask();
        }
    }

    on_a_loop(async || {
        for way in 0..4 {
            let calls = Arc::new(AtomicUsize::new(0));
            let (sender, receiver) = oneshot::channel::<()>();
            let mut task = Handle::current().spawn(receiver);
            let asking = Asking(Mutex::new(Some(task.abort_handle())), Arc::clone(&calls));
            assert!(poll_with(&mut task, &Waker::from(Arc::new(asking))).is_pending());

            match way {
                0 => assert!(poll_with(&mut task, Waker::noop()).is_pending()),
                1 => drop(task),
                2 => sender.send(()).unwrap(),
                _ => task.abort(),
            }
            settle().await;
            settle().await;

            assert!(calls.load(Ordering::Relaxed) > 0, "way {way}");
        }
    });
}

#[test]
fn what_is_dropped_on_its_way_may_use_the_handle() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let refused = Arc::new(AtomicUsize::new(0));
        let guard = || {
            let (handle, refused) = (handle.clone(), Arc::clone(&refused));
            OnDrop(Some(move || {
                assert!(handle.spawn(async {}).is_finished(), "too late");
                refused.fetch_add(1, Ordering::Relaxed);
            }))
        };
        let on_its_way = guard();
        thread::scope(|scope| {
            scope.spawn(|| drop(handle.spawn(async move { drop(on_its_way) })));
        });

        drop(runtime);
        assert_eq!(refused.load(Ordering::Relaxed), 1);
        let late = guard();
        drop(handle.spawn(async move { drop(late) }));

        assert_eq!(refused.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_handle_knows_its_runtime() {
    in_time(|| {
        let error = Handle::try_current().map(drop).unwrap_err();
        assert!(
            error.to_string().contains("no quintet runtime is current"),
            "{error}"
        );
        let named = Runtime::builder().name("the named one").build().unwrap();
        let other = Runtime::new().unwrap();

        assert_eq!(named.handle().name(), Some("the named one"));
        assert_eq!(other.handle().name(), None);
        let inside = named.block_on(async { Handle::current() });
        assert_eq!(inside.name(), Some("the named one"));
        let guard = named.enter();
        assert_eq!(Handle::current().name(), Some("the named one"));
        drop(guard);
        assert!(Handle::try_current().is_err());
        assert!(format!("{inside:?}").contains("the named one"));
    });
}

#[test]
fn a_runtime_that_ends_under_load_resolves_every_handle_and_loses_nothing() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 100;

    in_time(|| {
        for _ in 0..ROUNDS {
            let made = Arc::new(AtomicUsize::new(0));
            let dropped = Arc::new(AtomicUsize::new(0));
            let runtime = Runtime::new().unwrap();
            let barrier = Arc::new(Barrier::new(THREADS + 1));
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let handle = runtime.handle().clone();
                    let (made, dropped) = (Arc::clone(&made), Arc::clone(&dropped));
                    let barrier = Arc::clone(&barrier);
                    thread::spawn(move || {
                        barrier.wait();
                        let own = thread::current().id();
                        let refused = Arc::new(AtomicUsize::new(0));
                        let mut tasks = Vec::new();
                        let mut cancelled = 0;
                        while refused.load(Ordering::Relaxed) < 10 {
                            made.fetch_add(1, Ordering::Relaxed);
                            let (dropped, refused) = (Arc::clone(&dropped), Arc::clone(&refused));
                            let guard = OnDrop(Some(move || {
                                dropped.fetch_add(1, Ordering::Relaxed);
                                let is_here = thread::current().id() == own;
                                refused.fetch_add(usize::from(is_here), Ordering::Relaxed);
                            }));
                            let task = handle.spawn(async move {
                                let _guard = guard;
                                yield_now().await;
                            });
                            match tasks.len() % 3 {
                                0 => task.abort(),
                                1 => task.abort_handle().abort(),
                                _ => {}
                            }
                            tasks.push(task);
                            // Some are waited for now and then, so that the loop keeps up.
                            if tasks.len() == 16 {
                                let outcomes = tasks.drain(..).map(block_on_by_parking);
                                cancelled += outcomes.filter(Result::is_err).count();
                            }
                        }
                        let outcomes = tasks.drain(..).map(block_on_by_parking);
                        cancelled + outcomes.filter(Result::is_err).count()
                    })
                })
                .collect();

            barrier.wait();
            runtime.block_on(async {
                for _ in 0..10 {
                    yield_now().await;
                }
            });
            drop(runtime);

            for thread in threads {
                assert!(thread.join().unwrap() >= 10);
            }
            assert_eq!(
                dropped.load(Ordering::Relaxed),
                made.load(Ordering::Relaxed)
            );
        }
    });
}

#[test]
fn handles_that_are_dropped_elsewhere_while_tasks_end_leave_nothing_behind() {
    on_a_loop(async || {
        let alive = Rc::new(());
        let (handles, receiver) = mpsc::channel::<JoinHandle<Rc<()>>>();
        let thread = thread::spawn(move || receiver.into_iter().count());
        let spawned = Rc::new(RefCell::new(0));

        for round in 0..20_000 {
            let output = Rc::clone(&alive);
            let task = spawn(async move {
                if round % 3 == 0 {
                    yield_now().await;
                }
                output
            });
            handles.send(task).unwrap();
            *spawned.borrow_mut() += 1;
            if round % 7 == 0 {
                yield_now().await;
            }
        }
        drop(handles);
        assert_eq!(thread.join().unwrap(), *spawned.borrow());
        yield_now().await;
        while Rc::strong_count(&alive) > 1 {
            yield_now().await;
        }
    });
}

/// A small generator of numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}
