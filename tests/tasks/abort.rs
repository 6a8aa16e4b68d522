//! Aborting tasks: when their futures are dropped, where, and what is woken.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use quintet::runtime::{Handle, Runtime};
use quintet::task::{AbortHandle, JoinHandle, set_immediate, yield_now};
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking};

use crate::support::drops::{OnDrop, TellsWhereItIsDropped};
use crate::support::log::Log;
use crate::support::patience::in_time;
use crate::support::tcp::connection;
use crate::support::turns::{on_a_loop, reach_poll_phase, settle};

#[test]
fn a_task_that_is_aborted_before_its_first_poll_is_never_polled() {
    on_a_loop(async || {
        let polled = Rc::new(Cell::new(false));
        let (drops, dropped_on) = mpsc::channel();
        let flag = Rc::clone(&polled);
        // Not `Send`, because of the second.
        let guard = (TellsWhereItIsDropped(drops), Rc::new(()));
        let task = spawn(async move {
            let _guard = guard;
            flag.set(true);
        });

        task.abort();
        assert!(dropped_on.try_recv().is_err(), "not inside the call");
        assert!(!task.is_finished());
        let error = task.await.unwrap_err();

        assert!(error.is_cancelled());
        assert!(!polled.get());
        assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()));
    });
}

#[test]
fn a_task_that_is_aborted_before_its_runtime_runs_is_never_polled() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let tasks = [(); 2].map(|()| runtime.spawn(async { unreachable!("it is aborted") }));
        let [here, elsewhere]: [JoinHandle<()>; 2] = tasks;

        here.abort();
        let abort = elsewhere.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();

        assert!(runtime.block_on(here).unwrap_err().is_cancelled());
        // That wake stands in the inbox, but the task in the queue: the mark alone counts.
        assert!(runtime.block_on(elsewhere).unwrap_err().is_cancelled());
    });
}

#[test]
fn an_aborted_task_is_dropped_where_it_stands_in_the_queue() {
    on_a_loop(async || {
        let log = Log::default();
        let make = |name: &'static str| {
            let guard = OnDrop(Some({
                let log = log.clone();
                move || log.add(format!("{name} is dropped"))
            }));
            let log = log.clone();
            spawn(async move {
                let _guard = guard;
                log.add(format!("{name} runs"));
            })
        };
        let tasks = ["first", "second", "third"].map(make);

        tasks[1].abort();
        for task in tasks {
            let _outcome = task.await;
        }

        assert_eq!(
            log.lines(),
            [
                "first runs",
                "first is dropped",
                "second is dropped",
                "third runs",
                "third is dropped"
            ]
        );
    });
}

#[test]
fn joiners_are_woken_after_the_future_has_been_dropped() {
    on_a_loop(async || {
        let log = Log::default();
        let guard = OnDrop(Some({
            let log = log.clone();
            move || log.add("dropped".to_owned())
        }));
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let abort = task.abort_handle();
        let waiter = spawn({
            let log = log.clone();
            async move {
                assert!(task.await.unwrap_err().is_cancelled());
                log.add("told".to_owned());
            }
        });
        settle().await;

        abort.abort();
        log.add("asked".to_owned());
        assert!(!abort.is_finished());
        waiter.await.unwrap();

        assert_eq!(log.lines(), ["asked", "dropped", "told"]);
    });
}

#[test]
fn a_task_that_aborts_itself_is_dropped_when_it_next_waits() {
    on_a_loop(async || {
        let own = Rc::new(RefCell::new(None::<AbortHandle>));
        let went_on = Rc::new(Cell::new(false));
        let task = spawn({
            let (own, went_on) = (Rc::clone(&own), Rc::clone(&went_on));
            async move {
                own.take().unwrap().abort();
                went_on.set(true);
                pending::<()>().await;
            }
        });
        own.replace(Some(task.abort_handle()));

        let error = task.await.unwrap_err();

        assert!(error.is_cancelled());
        assert!(went_on.get());
    });
}

#[test]
fn a_task_that_aborts_itself_and_ends_in_the_same_poll_has_ended() {
    on_a_loop(async || {
        let own = Rc::new(RefCell::new(None::<AbortHandle>));
        let task = spawn({
            let own = Rc::clone(&own);
            async move {
                own.take().unwrap().abort();
                "ended"
            }
        });
        own.replace(Some(task.abort_handle()));

        assert_eq!(task.await.unwrap(), "ended");
    });
}

#[test]
fn a_task_that_is_aborted_from_another_thread_during_its_last_poll_has_ended() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel::<AbortHandle>();
        let task = spawn(async move {
            let own = receiver.await.unwrap();
            thread::spawn(move || own.abort()).join().unwrap();
            "ended"
        });
        sender.send(task.abort_handle()).ok().unwrap();

        assert_eq!(task.await.unwrap(), "ended");
        reach_poll_phase().await;
    });
}

#[test]
fn aborting_twice_or_more_is_aborting_once() {
    on_a_loop(async || {
        let drops = Rc::new(Cell::new(0));
        let guard = OnDrop(Some({
            let drops = Rc::clone(&drops);
            move || drops.set(drops.get() + 1)
        }));
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let abort = task.abort_handle();
        settle().await;

        task.abort();
        abort.abort();
        settle().await;
        task.abort();
        let error = task.await.unwrap_err();
        abort.abort();
        settle().await;

        assert!(error.is_cancelled());
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn aborting_a_task_that_has_ended_changes_nothing() {
    on_a_loop(async || {
        let task = spawn(async { Rc::new("output") });
        settle().await;

        task.abort();
        thread::spawn({
            let abort = task.abort_handle();
            move || abort.abort()
        })
        .join()
        .unwrap();
        reach_poll_phase().await;

        assert_eq!(*task.await.unwrap(), "output");
    });
}

#[test]
fn an_abort_handle_does_not_reach_the_next_task_in_its_place() {
    on_a_loop(async || {
        let ended = spawn(async {});
        let stale = ended.abort_handle();
        ended.await.unwrap();
        let detached = spawn(async {});
        let stale_too = detached.abort_handle();
        drop(detached);
        settle().await;
        let (sender, receiver) = oneshot::channel();
        let next = spawn(receiver);
        let other = spawn(async { yield_now().await });
        settle().await;

        stale.abort();
        stale_too.abort();
        thread::spawn(move || {
            stale.abort();
            stale_too.abort();
        })
        .join()
        .unwrap();
        reach_poll_phase().await;

        sender.send("untouched").unwrap();
        assert_eq!(next.await.unwrap(), Ok("untouched"));
        other.await.unwrap();
    });
}

#[test]
fn a_detached_task_can_be_aborted() {
    on_a_loop(async || {
        let alive = Rc::new(());
        let task = spawn({
            let alive = Rc::clone(&alive);
            async move {
                let _alive = alive;
                pending::<()>().await;
            }
        });
        let abort = task.abort_handle();
        drop(task);
        settle().await;

        abort.abort();
        settle().await;

        assert_eq!(Rc::strong_count(&alive), 1);
        assert!(abort.is_finished());
    });
}

#[test]
fn a_task_that_is_aborted_from_another_thread_is_dropped_on_its_own() {
    on_a_loop(async || {
        let (drops, dropped_on) = mpsc::channel();
        // Not `Send`, because of the second.
        let guard = (TellsWhereItIsDropped(drops), Rc::new(()));
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        settle().await;

        let abort = task.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();
        assert!(dropped_on.try_recv().is_err());
        let error = task.await.unwrap_err();

        assert!(error.is_cancelled());
        assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()));
    });
}

#[test]
fn an_abort_from_another_thread_ends_the_loops_sleep() {
    on_a_loop(async || {
        let task = spawn(pending::<()>());
        let abort = task.abort_handle();
        // The loop may be asleep by then or not: both ways must do.
        let thread = thread::spawn(move || {
            thread::yield_now();
            abort.abort();
        });

        assert!(task.await.unwrap_err().is_cancelled());
        thread.join().unwrap();
    });
}

#[test]
fn a_yielding_task_can_be_aborted() {
    on_a_loop(async || {
        let went_on = Rc::new(Cell::new(false));
        let flag = Rc::clone(&went_on);
        let task = spawn(async move {
            yield_now().await;
            flag.set(true);
        });
        settle().await;

        task.abort();
        settle().await;
        assert!(task.is_finished(), "before its turn comes");
        yield_now().await;

        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!went_on.get());
    });
}

#[test]
fn a_sleeping_task_can_be_aborted() {
    on_a_loop(async || {
        let start = Instant::now();
        let task = spawn(sleep(Duration::from_secs(1000)));
        settle().await;

        task.abort();

        assert!(task.await.unwrap_err().is_cancelled());
        assert!(start.elapsed() < Duration::from_secs(500));
    });
}

#[test]
fn a_reading_task_can_be_aborted_and_its_socket_is_closed() {
    on_a_loop(async || {
        let (client, server) = connection().await;
        let task = spawn(async move {
            let mut bytes = [0; 16];
            server.read(&mut bytes).await
        });
        reach_poll_phase().await;
        assert!(!task.is_finished());

        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());

        assert_eq!(
            client.read(&mut [0; 1]).await.unwrap(),
            0,
            "the other end hears of it"
        );
    });
}

#[test]
fn a_joining_task_can_be_aborted_and_the_joined_one_goes_on() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let inner = spawn(async move {
            receiver.await.unwrap();
            done.send(()).unwrap();
        });
        let outer = spawn(inner);
        settle().await;

        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        sender.send(()).unwrap();

        assert_eq!(is_done.await, Ok(()));
    });
}

#[test]
fn an_immediate_can_be_aborted_before_it_runs() {
    on_a_loop(async || {
        let alive = Rc::new(());
        let immediates = [(); 2].map(|()| {
            let alive = Rc::clone(&alive);
            set_immediate(move || -> () { unreachable!("it is aborted: {alive:?}") })
        });

        let [here, elsewhere] = immediates;
        here.abort();
        settle().await;
        assert!(here.is_finished(), "before the check phase");
        let abort = elsewhere.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();
        yield_now().await;

        assert!(here.await.unwrap_err().is_cancelled());
        assert!(elsewhere.await.unwrap_err().is_cancelled());
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn an_immediate_aborts_another_of_the_same_phase() {
    on_a_loop(async || {
        let second = Rc::new(RefCell::new(None::<AbortHandle>));
        let first = set_immediate({
            let second = Rc::clone(&second);
            move || second.take().unwrap().abort()
        });
        let task = set_immediate(|| -> () { unreachable!("it is aborted") });
        second.replace(Some(task.abort_handle()));

        first.await.unwrap();

        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_task_that_spins_can_be_aborted_from_here_and_elsewhere() {
    on_a_loop(async || {
        let tasks = [(); 2].map(|()| {
            spawn(poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            }))
        });
        yield_now().await;

        let [here, elsewhere] = tasks;
        here.abort();
        assert!(here.await.unwrap_err().is_cancelled());
        let abort = elsewhere.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();

        assert!(elsewhere.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_task_may_be_aborted_by_its_own_destructor() {
    on_a_loop(async || {
        for is_aborted in [true, false] {
            let own = Rc::new(RefCell::new(None::<AbortHandle>));
            let guard = OnDrop(Some({
                let own = Rc::clone(&own);
                move || own.take().unwrap().abort()
            }));
            let task = spawn(async move {
                let _guard = guard;
                yield_now().await;
            });
            own.replace(Some(task.abort_handle()));
            settle().await;

            if is_aborted {
                task.abort();
            }
            let outcome = task.await;

            assert_eq!(outcome.is_err(), is_aborted);
            assert!(own.borrow().is_none());
        }
    });
}

#[test]
fn destructors_that_abort_each_other_a_hundred_thousand_long_do_not_recurse() {
    on_a_loop(async || {
        let dropped = Rc::new(Cell::new(0));
        let mut last = None::<AbortHandle>;
        for _ in 0..100_000 {
            let dropped = Rc::clone(&dropped);
            let next = last.take();
            let guard = OnDrop(Some(move || {
                dropped.set(dropped.get() + 1);
                if let Some(next) = next {
                    next.abort();
                }
            }));
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            last = Some(task.abort_handle());
        }
        settle().await;

        last.unwrap().abort();
        while dropped.get() < 100_000 {
            yield_now().await;
        }
    });
}

#[test]
fn everything_an_aborted_task_held_is_given_back() {
    on_a_loop(async || {
        let alive = Rc::new(());
        let tasks: Vec<_> = (0..10_000)
            .map(|number| {
                let alive = Rc::clone(&alive);
                spawn(async move {
                    let _alive = alive;
                    match number % 3 {
                        0 => pending().await,
                        1 => sleep(Duration::from_secs(1000)).await,
                        _ => loop {
                            yield_now().await;
                        },
                    }
                })
            })
            .collect();
        yield_now().await;

        tasks.iter().for_each(JoinHandle::abort);
        for task in tasks {
            assert!(task.await.unwrap_err().is_cancelled());
        }

        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn a_task_from_another_thread_can_be_aborted_from_anywhere() {
    on_a_loop(async || {
        let here = Handle::current().spawn(pending::<()>());
        let handle = Handle::current();
        let elsewhere = thread::spawn(move || handle.spawn(pending::<()>()))
            .join()
            .unwrap();
        reach_poll_phase().await;

        here.abort();
        let abort = elsewhere.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();

        assert!(here.await.unwrap_err().is_cancelled());
        assert!(elsewhere.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn four_threads_that_abort_the_same_tasks_do_it_once() {
    on_a_loop(async || {
        const TASKS: usize = 500;
        let drops = Arc::new(AtomicUsize::new(0));
        let ends = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let (drops, ends) = (Arc::clone(&drops), Arc::clone(&ends));
                let guard = OnDrop(Some(move || {
                    drops.fetch_add(1, Ordering::Relaxed);
                }));
                spawn(async move {
                    let _guard = guard;
                    while !ends.load(Ordering::Relaxed) || number % 2 == 0 {
                        yield_now().await;
                    }
                })
            })
            .collect();
        let aborts: Arc<[_]> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let threads = [1, 3, 7, 11].map(|step| {
            let (aborts, ends) = (Arc::clone(&aborts), Arc::clone(&ends));
            thread::spawn(move || {
                for number in 0..TASKS {
                    aborts[number * step % TASKS].abort();
                    ends.store(number > TASKS / 2, Ordering::Relaxed);
                }
                ends.store(true, Ordering::Relaxed);
            })
        });

        let mut cancelled = 0;
        for task in tasks {
            match task.await {
                Ok(()) => {}
                Err(error) => {
                    assert!(error.is_cancelled());
                    cancelled += 1;
                }
            }
        }

        assert!(cancelled >= TASKS / 2);
        assert_eq!(drops.load(Ordering::Relaxed), TASKS);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn an_abort_between_two_runs_takes_effect_in_the_next() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let alive = Rc::new(());
        let inside = Rc::clone(&alive);
        let task = runtime.spawn(async move {
            let _inside = inside;
            pending::<()>().await;
        });
        runtime.block_on(settle());

        task.abort();
        assert_eq!(Rc::strong_count(&alive), 2, "not before the loop runs");
        assert!(!task.is_finished());

        let error = runtime.block_on(task).unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn a_blocking_job_that_is_aborted_while_it_waits_never_runs() {
    in_time(|| {
        let runtime = Runtime::builder().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let (release, released) = mpsc::channel::<()>();
            let running = spawn_blocking(move || released.recv().is_err());
            let waiting = spawn_blocking(|| -> () { unreachable!("it is aborted") });

            waiting.abort();
            assert!(
                waiting.await.unwrap_err().is_cancelled(),
                "nothing waits for a worker"
            );
            drop(release);

            assert!(running.await.unwrap());
        });
    });
}
