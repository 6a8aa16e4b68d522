//! The ways to run a loop, in odd places and under fire.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use futures::StreamExt;
use futures::channel::mpsc as channel;
use quintet::runtime::{Handle, KeepAlive, Runtime, before_exit, on_exit};
use quintet::task::{JoinHandle, set_immediate, yield_now};
use quintet::time::{Duration, Instant, sleep};
use quintet::{spawn, spawn_blocking};

use super::{LONG, OnDrop, in_time, new, panic_of, paused};

#[test]
fn guards_dropped_elsewhere_at_any_moment_end_the_run() {
    in_time(|| {
        let runtime = new();
        let (guards, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            for (n, guard) in receiver.into_iter().enumerate() {
                // Sometimes at once, sometimes when the loop most likely sleeps.
                (0..n % 128 * 8).for_each(|_| std::hint::spin_loop());
                drop::<KeepAlive>(guard);
            }
        });
        for _ in 0..5000 {
            guards.send(runtime.handle().keep_alive()).unwrap();
            runtime.run().unwrap();
        }
        drop(guards);
        thread.join().unwrap();
    });
}

#[test]
fn guards_dropped_while_the_loop_sleeps_end_the_run() {
    in_time(|| {
        let runtime = new();
        for _ in 0..1000 {
            let guard = runtime.handle().keep_alive();
            let (say_asleep, is_asleep) = mpsc::channel();
            let thread = thread::spawn(move || {
                is_asleep.recv().unwrap();
                drop(guard.clone());
                drop(guard);
            });
            // The last thing before poll waits.
            runtime.spawn(async move { say_asleep.send(()).unwrap() });
            runtime.run().unwrap();
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_run_is_not_over_before_what_was_sent_under_a_guard_has_come() {
    in_time(|| {
        const MESSAGES: usize = 2000;
        let runtime = new();
        let arrived = Arc::new(AtomicUsize::new(0));
        let (guards, receiver) = mpsc::channel::<KeepAlive>();
        let (handle, count) = (runtime.handle().clone(), Arc::clone(&arrived));
        let thread = thread::spawn(move || {
            for guard in receiver {
                let count = Arc::clone(&count);
                drop(handle.spawn(async move { count.fetch_add(1, Ordering::Relaxed) }));
                drop(guard);
            }
        });
        for n in 1..=MESSAGES {
            guards.send(runtime.handle().keep_alive()).unwrap();
            runtime.run().unwrap();
            assert_eq!(arrived.load(Ordering::Relaxed), n);
        }
        drop(guards);
        thread.join().unwrap();
    });
}

#[test]
fn a_guard_may_make_guards_while_the_last_one_goes() {
    in_time(|| {
        let runtime = new();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let guard = runtime.handle().keep_alive();
                thread::spawn(move || {
                    let mut guard = guard;
                    for _ in 0..5000 {
                        guard = guard.clone();
                    }
                })
            })
            .collect();
        runtime.run().unwrap();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn storms_of_stops_lose_no_work() {
    in_time(|| {
        let runtime = new();
        let is_over = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (handle, is_over) = (runtime.handle().clone(), Arc::clone(&is_over));
                thread::spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        handle.stop();
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let task = runtime.spawn(async {
            for _ in 0..100 {
                yield_now().await;
                sleep(Duration::ZERO).await;
                spawn_blocking(|| ()).await.unwrap();
            }
        });
        while !task.is_finished() {
            runtime.run().unwrap();
            runtime.turn(None);
            runtime.run_until_stalled();
        }
        let task = runtime.spawn(sleep(Duration::from_millis(1)));
        // Which no stop ends.
        runtime.block_on(task).unwrap();
        is_over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_stop_before_the_run_counts_once() {
    in_time(|| {
        let runtime = paused();
        let task = runtime.spawn(sleep(LONG));
        for _ in 0..10 {
            runtime.handle().stop();
        }
        runtime.run().unwrap();
        assert!(!task.is_finished());
        runtime.run().unwrap();
        assert!(task.is_finished());
    });
}

#[test]
fn a_stop_in_a_hook_ends_the_run_whatever_the_hook_starts() {
    in_time(|| {
        let runtime = paused();
        let guard = runtime.enter();
        let started = Rc::new(RefCell::new(Vec::<JoinHandle<()>>::new()));
        let tasks = Rc::clone(&started);
        before_exit(move || {
            tasks.borrow_mut().push(spawn(sleep(LONG)));
            Handle::current().stop();
        });
        drop(guard);
        for n in 1..=5 {
            runtime.run().unwrap();
            assert_eq!(started.borrow().len(), n);
        }
    });
}

#[test]
fn a_hook_whose_work_is_unreferenced_revives_nothing() {
    in_time(|| {
        let runtime = new();
        let guard = runtime.enter();
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        before_exit(move || {
            count.set(count.get() + 1);
            let task = spawn(sleep(LONG));
            task.unref();
        });
        drop(guard);
        runtime.run().unwrap();
        assert!((1..=2).contains(&calls.get()), "{}", calls.get());
    });
}

#[test]
fn a_hook_that_runs_its_own_runtime_is_told_and_the_runtime_goes_on() {
    in_time(|| {
        let runtime = Rc::new(new());
        let guard = runtime.enter();
        let (inner, calls) = (Rc::downgrade(&runtime), Rc::new(Cell::new(0)));
        let count = Rc::clone(&calls);
        before_exit(move || {
            count.set(count.get() + 1);
            let runtime = inner.upgrade().expect("it runs");
            let ways: [fn(&Runtime); 4] = [
                |runtime| runtime.run().unwrap(),
                |runtime| _ = runtime.turn(None),
                Runtime::run_until_stalled,
                |runtime| runtime.block_on(async {}),
            ];
            for way in ways {
                let message = panic_of(|| way(&runtime));
                assert!(message.contains("inside a task use `.await`"), "{message}");
            }
            // Another one cannot run here either, for this thread is busy.
            assert!(panic_of(|| new().block_on(async {})).contains("is running on this thread"));
        });
        drop(guard);
        runtime.spawn(async {});
        runtime.run().unwrap();
        assert_eq!(calls.get(), 1);
        assert_eq!(runtime.block_on(async { 3 }), 3);
    });
}

#[test]
fn hooks_that_add_hooks_come_to_an_end() {
    in_time(|| {
        let runtime = new();
        let guard = runtime.enter();
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        before_exit(move || {
            let count = Rc::clone(&count);
            before_exit(move || count.set(count.get() + 1));
        });
        let count = Rc::clone(&calls);
        on_exit(move |_| {
            let count = Rc::clone(&count);
            // Too late: the exit has begun.
            on_exit(move |_| count.set(count.get() + 1000));
        });
        drop(guard);
        runtime.run().unwrap();
        runtime.run().unwrap();
        drop(runtime);
        assert!(calls.get() < 1000);
    });
}

#[test]
fn a_turn_of_the_longest_limit_ends_with_the_first_event() {
    in_time(|| {
        let runtime = new();
        let task = runtime.spawn(sleep(Duration::from_millis(1)));
        while !task.is_finished() {
            runtime.turn(Some(Duration::MAX));
        }
        assert!(!runtime.turn(Some(Duration::MAX)), "nothing is alive");
        let runtime = paused();
        let task = runtime.spawn(sleep(Duration::MAX));
        for _ in 0..3 {
            runtime.turn(Some(LONG));
        }
        assert!(!task.is_finished());
    });
}

#[test]
fn turns_do_not_wait_for_what_is_unreferenced() {
    in_time(|| {
        let runtime = new();
        let (release, is_released) = mpsc::channel::<()>();
        let guard = runtime.enter();
        spawn(sleep(LONG)).unref();
        spawn(pending::<()>()).unref();
        spawn_blocking(move || is_released.recv()).unref();
        set_immediate(|| ()).unref();
        drop(guard);
        while runtime.turn(None) {}
        drop(release);
    });
}

#[test]
fn two_runtimes_of_one_thread_play_ping_pong_by_turns() {
    in_time(|| {
        const ROUNDS: u32 = 2000;
        let runtimes = [new(), new()];
        let (to_second, mut from_first) = channel::unbounded();
        let (to_first, mut from_second) = channel::unbounded();
        let first = runtimes[0].spawn(async move {
            for n in 0..ROUNDS {
                to_second.unbounded_send(n).unwrap();
                assert_eq!(from_second.next().await, Some(n));
            }
        });
        let second = runtimes[1].spawn(async move {
            while let Some(n) = from_first.next().await {
                to_first.unbounded_send(n).unwrap();
            }
        });
        while !first.is_finished() {
            for runtime in &runtimes {
                runtime.turn(Some(Duration::ZERO));
            }
        }
        runtimes[0].block_on(first).unwrap();
        runtimes[1].block_on(second).unwrap();
    });
}

#[test]
fn fifty_runtimes_take_turns_on_one_thread() {
    in_time(|| {
        let runtimes: Vec<_> = (0..50).map(|_| new()).collect();
        let tasks: Vec<_> = runtimes
            .iter()
            .map(|runtime| {
                runtime.spawn(async {
                    for _ in 0..5 {
                        sleep(Duration::from_micros(50)).await;
                        spawn_blocking(|| ()).await.unwrap();
                        yield_now().await;
                    }
                })
            })
            .collect();
        while !tasks.iter().all(JoinHandle::is_finished) {
            for runtime in &runtimes {
                runtime.turn(Some(Duration::ZERO));
            }
        }
    });
}

#[test]
fn runtimes_within_jobs_within_runtimes_go_five_deep() {
    fn nested(depth: u32) -> u32 {
        quintet::block_on(async move {
            if depth == 0 {
                return 0;
            }
            sleep(Duration::from_micros(10)).await;
            1 + spawn_blocking(move || nested(depth - 1)).await.unwrap()
        })
    }
    in_time(|| assert_eq!(nested(5), 5));
}

#[test]
fn until_stalled_ends_by_a_stop_where_a_task_never_rests() {
    in_time(|| {
        let runtime = new();
        let handle = runtime.handle().clone();
        let task = runtime.spawn(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        let thread = thread::spawn(move || handle.stop());
        runtime.run_until_stalled();
        thread.join().unwrap();
        task.abort();
        runtime.run_until_stalled();
        assert!(task.is_finished());
    });
}

#[test]
fn a_run_in_a_destructor_of_a_task_panics_and_the_task_has_ended() {
    in_time(|| {
        let runtime = Rc::new(new());
        let said = Rc::new(RefCell::new(String::new()));
        let (inner, saying) = (Rc::downgrade(&runtime), Rc::clone(&said));
        let guard = OnDrop::new(move || {
            let runtime = inner.upgrade().expect("it runs");
            *saying.borrow_mut() = panic_of(|| runtime.run());
        });
        let task = runtime.spawn(async move {
            let _guard = guard;
            yield_now().await;
        });
        runtime.run().unwrap();
        assert!(
            said.borrow().contains("`run` would block it"),
            "{}",
            said.borrow()
        );
        assert!(task.is_finished());
    });
}

#[test]
fn a_task_that_awaits_itself_stalls_the_run_and_can_be_aborted() {
    in_time(|| {
        let runtime = new();
        let (hand_over, handle) = futures::channel::oneshot::channel::<JoinHandle<()>>();
        let task = runtime.spawn(async move {
            let own = handle.await.unwrap();
            own.await.unwrap();
        });
        let abort = task.abort_handle();
        hand_over.send(task).unwrap();
        let stalled = runtime.run().unwrap_err();
        assert_eq!(stalled.tasks().len(), 1);
        abort.abort();
        runtime.run().unwrap();
        assert!(abort.is_finished());
    });
}

#[test]
fn a_loop_that_stalls_a_thousand_times_goes_on_each_time() {
    in_time(|| {
        let runtime = new();
        let (sender, mut receiver) = channel::unbounded();
        let task = runtime.spawn(async move { while receiver.next().await.is_some() {} });
        for _ in 0..1000 {
            assert_eq!(runtime.run().unwrap_err().tasks().len(), 1);
            sender.unbounded_send(()).unwrap();
        }
        drop(sender);
        runtime.run().unwrap();
        assert!(task.is_finished());
    });
}

#[test]
fn dumps_may_be_asked_for_in_every_place() {
    in_time(|| {
        let runtime = new();
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let inside = OnDrop::new(|| assert!(!Handle::current().dump().tasks().is_empty()));
            let task = spawn(async move {
                let _inside = inside;
                pending::<()>().await;
            });
            yield_now().await;
            let handle = Handle::current();
            let asked = spawn_blocking(move || handle.dump().tasks().len());
            assert_eq!(asked.await.unwrap(), 3, "root, task, job");
            task.abort();
        });
        let guard = runtime.enter();
        before_exit(|| _ = Handle::current().dump());
        on_exit(|_| _ = Handle::current().dump());
        drop(guard);
        runtime.run().unwrap();
        drop(runtime);
        assert!(handle.dump().tasks().is_empty());
        assert_eq!(
            handle.dump().to_string(),
            "a runtime that has ended: 0 tasks"
        );
    });
}

#[test]
fn guards_that_are_dropped_in_any_order_leave_no_runtime_current() {
    in_time(|| {
        let named = |name| quintet::runtime::Builder::new().name(name).build().unwrap();
        let runtimes = ["a", "b", "c"].map(named);
        let current = || Handle::try_current().ok()?.name().map(str::to_owned);
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut guards: Vec<_> = runtimes.iter().map(|r| Some(r.enter())).collect();
            for index in order {
                guards[index] = None;
                let last = (0..3).rev().find(|&index| guards[index].is_some());
                let expected = last.map(|index| ["a", "b", "c"][index].to_owned());
                assert_eq!(current(), expected, "{order:?}");
            }
        }
    });
}

#[test]
fn a_deadline_that_passed_between_two_runs_fires_in_the_next() {
    in_time(|| {
        let runtime = paused();
        let guard = runtime.enter();
        let task = spawn(sleep(LONG));
        runtime.run_until_stalled();
        drop(quintet::time::advance(LONG));
        assert!(
            runtime
                .next_deadline()
                .is_some_and(|at| at <= Instant::now())
        );
        runtime.run_until_stalled();
        assert!(task.is_finished());
        drop(guard);
    });
}
