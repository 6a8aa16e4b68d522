//! Join handles: what they resolve to, on which thread, and what happens without them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::fmt::{self, Write};
use std::future::{pending, poll_fn};
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe, panic_any};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::channel::oneshot;
use futures::stream::FuturesUnordered;
use quintet::runtime::{Handle, Runtime};
use quintet::task::{
    AbortHandle, AbortOnDropHandle, JoinError, JoinHandle, JoinSet, set_immediate, yield_now,
};
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking};

use crate::support::drops::{OnDrop, TellsWhereItIsDropped};
use crate::support::panics::panic_message;
use crate::support::patience::in_time;
use crate::support::turns::{on_a_loop, settle};
use crate::support::wakers::poll;
use crate::support::wakers::{CountingWaker, block_on_by_parking, hooked_waker, poll_with};

#[test]
fn a_handle_resolves_to_the_output_however_late_it_is_polled() {
    on_a_loop(async || {
        let early = spawn(async {
            yield_now().await;
            Rc::new(1)
        });
        let late = spawn(async { Rc::new(2) });

        let first = early.await.unwrap();
        settle().await;
        assert!(late.is_finished());
        let second = late.await.unwrap();

        assert_eq!((*first, *second), (1, 2));
    });
}

#[test]
fn is_finished_tells_when_the_task_has_ended() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel::<()>();
        let mut task = spawn(receiver);
        let abort = task.abort_handle();
        settle().await;
        assert!(!task.is_finished() && !abort.is_finished());

        sender.send(()).unwrap();
        assert!(!task.is_finished(), "it has not run since");
        settle().await;

        assert!(task.is_finished() && abort.is_finished());
        (&mut task).await.unwrap().unwrap();
        assert!(
            task.is_finished(),
            "that the handle has completed changes nothing"
        );
    });
}

#[test]
fn a_handle_that_has_completed_panics_when_it_is_polled_again() {
    on_a_loop(async || {
        let aborted = spawn(pending::<()>());
        aborted.abort();
        let handles = [
            spawn(async {}),
            aborted,
            set_immediate(|| ()),
            spawn_blocking(|| ()),
            Handle::current().spawn(async {}),
            Handle::current().spawn_blocking(|| ()),
        ];

        for mut handle in handles {
            let _output = (&mut handle).await;
            let message = panic_message(|| poll_with(&mut handle, Waker::noop()));
            assert_eq!(message, "`JoinHandle` polled after completion");
        }
    });
}

#[test]
fn a_handle_that_is_polled_on_another_loop_panics_and_names_both() {
    in_time(|| {
        let home = Runtime::new().unwrap();
        let other = Runtime::new().unwrap();
        let mut task = home.spawn(async {});

        let message =
            other.block_on(async { panic_message(|| poll_with(&mut task, Waker::noop())) });

        let loops: Vec<&str> = message
            .split("quintet loop ")
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap())
            .collect();
        assert_eq!(loops.len(), 2, "{message}");
        assert_ne!(loops[0], loops[1], "{message}");
        assert!(message.contains("is current on this thread"), "{message}");
        assert!(message.contains("Handle::spawn"), "{message}");
        home.block_on(task).unwrap();
    });
}

#[test]
fn a_handle_that_is_polled_where_no_loop_runs_panics_and_says_so() {
    in_time(|| {
        let home = Runtime::new().unwrap();
        let mut task = home.spawn(async { 5 });

        let (message, task) = thread::spawn(move || {
            let message = panic_message(|| poll_with(&mut task, Waker::noop()));
            (message, task)
        })
        .join()
        .unwrap();

        assert!(message.contains("quintet loop "), "{message}");
        assert!(
            message.contains("no loop is current on this thread"),
            "{message}"
        );
        assert_eq!(
            home.block_on(task).unwrap(),
            5,
            "it can still be awaited at home"
        );
    });
}

#[test]
fn a_handle_that_outlives_its_runtime_can_be_asked_aborted_and_dropped() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let mut unfinished = runtime.spawn(pending::<()>());
        let never_polled = runtime.spawn(async { Rc::new(()) });
        let elsewhere = runtime.handle().spawn(pending::<()>());
        let abort = unfinished.abort_handle();

        drop(runtime);

        assert!(unfinished.is_finished() && abort.is_finished());
        unfinished.abort();
        abort.abort();
        let Poll::Ready(Err(error)) = poll_with(&mut unfinished, Waker::noop()) else {
            panic!("it has ended with its runtime");
        };
        assert!(error.is_cancelled());
        let message = panic_message(|| poll_with(&mut unfinished, Waker::noop()));
        assert_eq!(message, "`JoinHandle` polled after completion");
        drop(unfinished);
        thread::spawn(move || drop(never_polled)).join().unwrap();
        let error = block_on_by_parking(elsewhere).unwrap_err();
        assert!(error.is_cancelled());
    });
}

#[test]
fn whatever_is_joined_after_the_end_of_its_runtime_is_cancelled() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (release, released) = mpsc::channel::<()>();
        let mut handles = vec![
            runtime.spawn(pending::<()>()),
            // Ended, and not awaited.
            runtime.spawn(async {}),
            runtime.handle().spawn(pending()),
            runtime.spawn_blocking(move || assert!(released.recv().is_err())),
        ];
        let (mut set, immediate) = runtime.block_on(async {
            settle().await;
            let mut set = JoinSet::new();
            set.spawn(pending::<()>());
            set.spawn(async {});
            set.spawn_blocking(|| ());
            (set, set_immediate(|| ()))
        });
        handles.push(immediate);
        let guarded = AbortOnDropHandle::new(runtime.spawn(pending::<()>()));
        runtime.shutdown_background();
        drop(release);

        // Without any loop, on another thread, and on another loop.
        assert!(
            block_on_by_parking(handles.remove(0))
                .unwrap_err()
                .is_cancelled()
        );
        let handle = handles.remove(0);
        let error = thread::spawn(|| block_on_by_parking(handle).unwrap_err());
        assert!(error.join().unwrap().is_cancelled());
        assert!(block_on_by_parking(guarded).unwrap_err().is_cancelled());
        quintet::block_on(async {
            for handle in handles {
                assert!(handle.is_finished());
                assert!(handle.await.unwrap_err().is_cancelled());
            }
            let mut joined = 0;
            while let Some(result) = set.join_next().await {
                assert!(result.unwrap_err().is_cancelled());
                joined += 1;
            }
            assert_eq!(joined, 3);
        });
    });
}

#[test]
fn a_handle_that_is_joined_while_its_runtime_ends_is_cancelled() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (sender, results) = mpsc::channel();
        let task = runtime.spawn(pending::<()>());
        let mut ended = runtime.spawn(async {});
        runtime.spawn(async move {
            let _guard = OnDrop::new(move || {
                let mut task = task;
                let end = poll_with(&mut task, Waker::noop());
                sender.send(matches!(end, Poll::Ready(Err(_)))).unwrap();
                let end = poll_with(&mut ended, Waker::noop());
                sender.send(matches!(end, Poll::Ready(Ok(())))).unwrap();
            });
            pending::<()>().await;
        });
        runtime.block_on(settle());

        drop(runtime);

        assert_eq!(results.iter().collect::<Vec<_>>(), [true, true]);
    });
}

#[test]
fn handles_are_unwind_safe_whatever_the_output_is() {
    fn check<T: UnwindSafe + RefUnwindSafe>() {}
    check::<JoinHandle<Rc<Cell<&mut u8>>>>();
    check::<AbortOnDropHandle<Rc<Cell<&mut u8>>>>();
    check::<AbortHandle>();
}

#[test]
fn a_task_goes_on_when_its_handle_is_dropped() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel();
        let task = spawn(async move {
            yield_now().await;
            sleep(Duration::from_micros(10)).await;
            sender.send("done").unwrap();
        });
        settle().await;

        drop(task);

        assert_eq!(receiver.await, Ok("done"));
    });
}

#[test]
fn a_task_goes_on_when_its_handle_is_dropped_on_another_thread() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel();
        let task = spawn(async move {
            let mut own = Vec::new();
            for number in 0..3 {
                yield_now().await;
                own.push(Rc::new(number));
            }
            sender.send(own.len()).unwrap();
        });

        thread::spawn(move || drop(task)).join().unwrap();

        assert_eq!(receiver.await, Ok(3));
    });
}

#[test]
fn an_output_is_dropped_at_once_when_its_handle_is_dropped() {
    on_a_loop(async || {
        let alive = Rc::new(());
        let tasks = [(); 2].map(|()| {
            let alive = Rc::clone(&alive);
            spawn(async move { alive })
        });
        let [before, after] = tasks;

        drop(before);
        settle().await;
        assert_eq!(
            Rc::strong_count(&alive),
            2,
            "dropped as soon as there was one"
        );
        drop(after);

        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn an_output_stays_at_home_when_its_handle_is_dropped_on_another_thread() {
    on_a_loop(async || {
        let (drops, dropped_on) = mpsc::channel();
        let task = spawn(async { (TellsWhereItIsDropped(drops), Rc::new(())) });
        settle().await;

        thread::spawn(move || drop(task)).join().unwrap();
        assert!(dropped_on.try_recv().is_err(), "not over there");
        yield_now().await;

        assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()));
    });
}

#[test]
fn an_output_stays_at_home_when_the_runtime_ends_before_its_handle() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (drops, dropped_on) = mpsc::channel();
        let task = runtime.spawn(async { (TellsWhereItIsDropped(drops), Rc::new(())) });
        runtime.block_on(settle());

        // The handle is on its way home when the runtime ends.
        thread::spawn(move || drop(task)).join().unwrap();
        drop(runtime);

        assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()));
    });
}

#[test]
fn a_handle_may_travel_and_be_awaited_at_home() {
    on_a_loop(async || {
        let task = spawn(async { Rc::new("home") });

        let task = thread::spawn(move || task).join().unwrap();

        assert_eq!(*task.await.unwrap(), "home");
    });
}

#[test]
fn only_the_waker_of_the_last_poll_is_woken_and_the_former_is_let_go() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel::<()>();
        let mut task = spawn(receiver);
        let (first, first_waker) = CountingWaker::new();
        let (second, second_waker) = CountingWaker::new();

        assert!(poll_with(&mut task, &first_waker).is_pending());
        assert!(poll_with(&mut task, &second_waker).is_pending());
        drop((first_waker, second_waker));
        assert_eq!(Arc::strong_count(&first), 1);
        sender.send(()).unwrap();
        settle().await;

        assert_eq!((first.wakes(), second.wakes()), (0, 1));
        assert_eq!(Arc::strong_count(&second), 1);
        task.await.unwrap().unwrap();
    });
}

#[test]
fn a_handle_that_changes_tasks_wakes_only_the_one_that_polled_it_last() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel();
        let handle = Rc::new(RefCell::new(spawn(receiver)));
        let polls = [(); 3].map(|()| Rc::new(Cell::new(0)));
        // The second polls with a waker of its own making, the others with their own.
        let pollers: Vec<_> = (0..3)
            .map(|number| {
                let (handle, polls) = (Rc::clone(&handle), Rc::clone(&polls[number]));
                spawn(poll_fn(move |cx| {
                    polls.set(polls.get() + 1);
                    let tasks = cx.waker().clone();
                    let wrapped = hooked_waker(move || tasks.wake_by_ref(), || ());
                    let waker = if number == 1 { &wrapped } else { cx.waker() };
                    poll_with(&mut *handle.borrow_mut(), waker)
                }))
            })
            .collect();
        settle().await;

        sender.send(7).unwrap();
        settle().await;
        settle().await;

        let counts = polls.map(|polls| polls.get());
        assert_eq!(counts, [1, 1, 2]);
        assert!(pollers[2].is_finished());
        pollers.iter().for_each(JoinHandle::abort);
    });
}

#[test]
fn a_waiting_task_that_has_ended_is_not_woken_and_neither_is_the_next_in_its_place() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel();
        let mut handle = Some(spawn(receiver));
        let waiter = spawn(poll_fn(move |cx| {
            let mut handle = handle.take().unwrap();
            assert!(handle.poll_unpin(cx).is_pending());
            Poll::Ready(handle)
        }));
        let handle = waiter.await.unwrap();
        let polls = Rc::new(Cell::new(0));
        let next = spawn({
            let polls = Rc::clone(&polls);
            poll_fn(move |_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            })
        });
        settle().await;

        sender.send(()).unwrap();
        settle().await;
        settle().await;

        assert!(handle.is_finished());
        assert_eq!(polls.get(), 1);
        next.abort();
    });
}

#[test]
fn dropping_a_handle_drops_its_waker_and_wakes_no_task() {
    on_a_loop(async || {
        let elsewhere = Handle::current();
        let makers: [&dyn Fn(oneshot::Receiver<()>) -> JoinHandle<_>; 2] =
            [&|receiver| spawn(receiver), &|receiver| {
                elsewhere.spawn(receiver)
            }];
        for make in makers {
            let (sender, receiver) = oneshot::channel();
            let mut task = make(receiver);
            let (counter, waker) = CountingWaker::new();
            assert!(poll_with(&mut task, &waker).is_pending());
            drop(waker);
            assert_eq!(Arc::strong_count(&counter), 2);

            drop(task);
            assert_eq!(Arc::strong_count(&counter), 1);
            sender.send(()).unwrap();
            settle().await;

            assert_eq!(counter.wakes(), 0);
        }
    });
}

#[test]
fn dropping_a_handle_on_another_thread_lets_its_waker_go_at_home() {
    on_a_loop(async || {
        let mut task = spawn(pending::<()>());
        let abort = task.abort_handle();
        let (counter, waker) = CountingWaker::new();
        assert!(poll_with(&mut task, &waker).is_pending());
        drop(waker);

        thread::spawn(move || drop(task)).join().unwrap();
        assert_eq!(Arc::strong_count(&counter), 2);
        yield_now().await;

        assert_eq!(Arc::strong_count(&counter), 1);
        abort.abort();
    });
}

#[test]
fn a_wakers_wake_may_use_the_loop() {
    on_a_loop(async || {
        let woken = Arc::new(AtomicUsize::new(0));
        let sleeper = spawn(pending::<()>());
        let (sender, receiver) = oneshot::channel::<()>();
        let mut task = spawn(receiver);
        let waker = hooked_waker(use_the_loop(&woken, sleeper.abort_handle()), || ());
        assert!(poll_with(&mut task, &waker).is_pending());

        sender.send(()).unwrap();
        settle().await;
        settle().await;
        settle().await;

        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert!(sleeper.is_finished());
        assert!(task.is_finished());
    });
}

#[test]
fn a_wakers_drop_may_use_the_loop() {
    on_a_loop(async || {
        for way in 0..4 {
            let dropped = Arc::new(AtomicUsize::new(0));
            let sleeper = spawn(pending::<()>());
            let (sender, receiver) = oneshot::channel::<()>();
            let mut task = spawn(receiver);
            let hook = use_the_loop(&dropped, sleeper.abort_handle());
            assert!(poll_with(&mut task, &hooked_waker(|| (), hook)).is_pending());

            match way {
                0 => assert!(poll_with(&mut task, Waker::noop()).is_pending()),
                1 => drop(task),
                2 => sender.send(()).unwrap(),
                _ => task.abort(),
            }
            settle().await;
            settle().await;
            settle().await;

            assert_eq!(dropped.load(Ordering::Relaxed), 1, "way {way}");
            assert!(sleeper.is_finished());
        }
    });
}

#[test]
fn a_future_that_is_dropped_may_use_the_loop() {
    on_a_loop(async || {
        for is_aborted in [false, true] {
            let used = Arc::new(AtomicUsize::new(0));
            let sleeper = spawn(pending::<()>());
            let hook = OnDrop(Some(use_the_loop(&used, sleeper.abort_handle())));
            let task = spawn(async move {
                let _hook = hook;
                yield_now().await;
            });

            if is_aborted {
                settle().await;
                task.abort();
            }
            assert_eq!(task.await.is_err(), is_aborted);
            settle().await;
            settle().await;

            assert_eq!(used.load(Ordering::Relaxed), 1);
            assert!(sleeper.is_finished());
        }
    });
}

#[test]
fn awaiting_a_reference_and_giving_up_loses_nothing() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel();
        let mut task = spawn(receiver);
        for _ in 0..3 {
            assert!((&mut task).now_or_never().is_none());
            assert!(poll!(&mut task).is_pending());
            settle().await;
        }

        sender.send("there").unwrap();

        assert_eq!(task.await.unwrap(), Ok("there"));
    });
}

#[test]
fn many_handles_can_be_awaited_together() {
    on_a_loop(async || {
        let tasks: FuturesUnordered<_> = (0..1000)
            .map(|number| {
                spawn(async move {
                    for _ in 0..number % 7 {
                        yield_now().await;
                    }
                    number
                })
            })
            .collect();

        let mut outputs: Vec<_> = tasks.map(Result::unwrap).collect().await;

        outputs.sort_unstable();
        assert_eq!(outputs, Vec::from_iter(0..1000));
    });
}

#[test]
fn a_chain_of_a_hundred_thousand_joins_does_not_recurse() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel();
        let mut last = spawn(async move { receiver.await.unwrap() });
        for _ in 0..100_000 {
            last = spawn(async move { last.await.unwrap() + 1 });
        }
        settle().await;

        sender.send(0).unwrap();

        assert_eq!(last.await.unwrap(), 100_000);
    });
}

#[test]
fn outputs_that_hold_each_others_handles_a_hundred_thousand_deep_are_dropped_without_recursion() {
    on_a_loop(async || {
        let innermost = Rc::new(());
        let alive = Rc::clone(&innermost);
        let mut last: JoinHandle<Box<dyn Any>> =
            spawn(async move { Box::new(alive) as Box<dyn Any> });
        for _ in 0..100_000 {
            last = spawn(async move { Box::new(last) as Box<dyn Any> });
        }
        settle().await;
        assert_eq!(Rc::strong_count(&innermost), 2);

        drop(last);

        assert_eq!(Rc::strong_count(&innermost), 1);
    });
}

#[test]
fn a_cancelled_task_makes_an_error_of_its_own_kind() {
    on_a_loop(async || {
        let task = spawn(pending::<()>());
        let id = task.id();
        task.abort();

        let error = task.await.unwrap_err();

        assert!(error.is_cancelled() && !error.is_panic());
        assert_eq!(error.to_string(), format!("task {id} was cancelled"));
        assert_eq!(
            format!("{error:?}"),
            format!("JoinError(task {id} was cancelled)")
        );
        assert!(error.source().is_none());
        let error = error.try_into_panic().unwrap_err();
        let message = panic_message(move || error.into_panic());
        assert!(message.contains("into_panic"), "{message}");
    });
}

#[test]
fn a_panicked_task_makes_an_error_that_carries_its_payload() {
    on_a_loop(async || {
        let text = String::from("payload");
        let task: JoinHandle<()> = spawn(async move { panic!("{text}") });
        let id = task.id();

        let error = task.await.unwrap_err();

        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.to_string(), format!("task {id} panicked: payload"));
        assert!(error.source().is_none());
        let payload = error.into_panic();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "payload");
    });
}

#[test]
fn a_payload_need_not_be_a_string() {
    on_a_loop(async || {
        let task: JoinHandle<()> = spawn(async { panic_any(42_u8) });

        let error = task.await.unwrap_err();

        assert!(error.to_string().contains("not a string"), "{error}");
        assert_eq!(*error.into_panic().downcast::<u8>().unwrap(), 42);
    });
}

#[test]
fn join_errors_become_io_errors() {
    on_a_loop(async || {
        let aborted = spawn(pending::<()>());
        aborted.abort();
        let panicked: JoinHandle<()> = spawn(async { panic!("oh") });

        let cancelled = io::Error::from(aborted.await.unwrap_err());
        let other = io::Error::from(panicked.await.unwrap_err());

        assert_eq!(cancelled.kind(), io::ErrorKind::Other);
        assert!(cancelled.to_string().contains("was cancelled"));
        assert_eq!(other.kind(), io::ErrorKind::Other);
        assert!(other.to_string().contains("panicked: oh"));
    });
}

#[test]
fn a_handle_can_be_printed_anywhere() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(async {});
        let id = task.id();

        let text = thread::spawn(move || format!("{task:?} {:?}", task.abort_handle()));

        let text = text.join().unwrap();
        assert!(
            text.contains("JoinHandle") && text.contains("AbortHandle"),
            "{text}"
        );
        assert!(text.contains(&id.to_string()), "{text}");
        assert!(text.contains("is_finished: false"), "{text}");
    });
}

/// Makes a function that does on the current loop what a destructor or a waker may do.
fn use_the_loop(
    calls: &Arc<AtomicUsize>,
    victim: AbortHandle,
) -> impl Fn() + Send + Sync + 'static {
    let calls = Arc::clone(calls);
    move || {
        let (sender, receiver) = oneshot::channel::<()>();
        let mut task = spawn(receiver);
        assert!(poll_with(&mut task, Waker::noop()).is_pending());
        drop(task);
        assert!(sender.send(()).is_ok(), "wakes that task");
        let mut timer = sleep(Duration::from_secs(1000));
        assert!(poll_with(&mut timer, Waker::noop()).is_pending());
        let mut turn = yield_now();
        assert!(poll_with(&mut turn, Waker::noop()).is_pending());
        set_immediate(|| ()).abort();
        spawn_blocking(|| ()).abort();
        victim.abort();
        calls.fetch_add(1, Ordering::Relaxed);
    }
}

/// Shows the error in each piece that is written of it.
struct Echo<'a>(&'a JoinError, String);

impl Write for Echo<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write!(self.1, "[{text}: {}]", self.0)
    }
}

#[test]
fn an_error_is_not_locked_while_it_is_shown() {
    in_time(|| {
        quintet::block_on(async {
            let error = spawn(async { panic!("at work") }).await.unwrap_err();
            let mut echo = Echo(&error, String::new());
            write!(echo, "{error}").unwrap();
            assert!(
                echo.1.contains(&format!("[at work: {error}]")),
                "{}",
                echo.1
            );
        });
    });
}
