//! Paused time, its edges, and sleeps in the wrong place.

use std::future::pending;
use std::pin::Pin;
use std::sync::mpsc;
use std::thread;

use futures::channel::oneshot;
use quintet::runtime::{Builder, Handle, Runtime};
use quintet::time::{
    self, Duration, Instant, advance, advance_to_next, interval, interval_at, sleep, sleep_until,
    timeout,
};
use quintet::{spawn, spawn_blocking};

use super::{LONG, in_time, new, panic_of, paused, poll_once};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// A runtime whose time stands still unless it is moved.
fn moved_by_hand() -> Runtime {
    let built = Builder::new()
        .start_paused(true)
        .auto_advance(false)
        .build();
    built.expect("descriptors for a runtime")
}

#[test]
fn without_auto_advance_time_may_be_moved_again_and_again() {
    in_time(|| {
        let runtime = moved_by_hand();
        runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..10 {
                advance(LONG).await;
                sleep(Duration::ZERO).await;
            }
            assert_eq!(start.elapsed(), 10 * LONG);
            let late = spawn(sleep(LONG));
            quintet::task::yield_now().await;
            assert_eq!(advance_to_next(), Some(LONG));
            late.await.unwrap();
        });
    });
}

#[test]
fn what_is_due_fires_while_time_stands_still_and_a_socket_is_waited_for() {
    in_time(|| {
        let runtime = moved_by_hand();
        runtime.block_on(async {
            let listener = quintet::net::TcpListener::bind("127.0.0.1:0")
                .await
                .unwrap();
            let accepting = spawn(async move { listener.accept().await.map(drop) });
            sleep(Duration::ZERO).await;
            // In the timers phase: poll comes before this one can fire.
            let timer = spawn(sleep(Duration::from_secs(1)));
            quintet::task::yield_now().await;
            sleep(Duration::ZERO).await;
            drop(advance(Duration::from_secs(1)));
            timer.await.unwrap();
            accepting.abort();
        });
    });
}

#[test]
fn time_at_its_end_stays_there() {
    in_time(|| {
        paused().block_on(async {
            let century = spawn(sleep(100 * YEAR));
            let never = spawn(sleep(Duration::MAX));
            quintet::task::yield_now().await;
            advance(Duration::MAX).await;
            assert!(century.is_finished());
            assert!(!never.is_finished());
            let end = Instant::now();
            for _ in 0..3 {
                advance(Duration::MAX).await;
                advance(Duration::from_nanos(1)).await;
                sleep(Duration::ZERO).await;
                sleep_until(end).await;
                assert_eq!(Instant::now(), end);
                assert_eq!(advance_to_next(), None);
            }
            // There is no later time that could come.
            let mut later = sleep(Duration::from_nanos(1));
            assert!(poll_once(&mut later).is_pending());
            assert!(timeout(Duration::ZERO, later).await.is_err());
            let mut beat = interval(LONG);
            assert_eq!(beat.tick().await, end);
            assert!(timeout(Duration::ZERO, beat.tick()).await.is_err());
        });
    });
}

#[test]
fn a_sleep_at_the_end_of_time_is_a_panic_and_not_a_wait() {
    in_time(|| {
        let runtime = paused();
        let message = panic_of(|| {
            runtime.block_on(async {
                advance(Duration::MAX).await;
                sleep(Duration::from_secs(1)).await;
            });
        });
        assert!(message.contains("nothing can ever happen"), "{message}");
    });
}

#[test]
fn an_endless_sleep_ends_no_run_in_silence() {
    in_time(|| {
        let runtime = paused();
        let message = panic_of(|| runtime.block_on(sleep(Duration::MAX)));
        assert!(message.contains("nothing can ever happen"), "{message}");
        assert!(message.contains("a timer that never fires"), "{message}");
        let task = runtime.spawn(sleep(Duration::MAX));
        let stalled = runtime.run().unwrap_err();
        assert!(stalled.to_string().contains("never fires"), "{stalled}");
        task.unref();
        runtime.run().unwrap();
        assert!(runtime.turn(Some(LONG)) || !task.is_finished());
    });
}

#[test]
fn intervals_of_huge_periods_tick_once() {
    in_time(|| {
        paused().block_on(async {
            for period in [Duration::MAX, Duration::from_nanos(u64::MAX), 300 * YEAR] {
                let mut beat = interval(period);
                let first = beat.tick().await;
                assert_eq!(first, Instant::now());
                assert!(timeout(YEAR, beat.tick()).await.is_err(), "{period:?}");
                beat.reset();
                assert!(timeout(YEAR, beat.tick()).await.is_err(), "{period:?}");
                beat.reset_immediately();
                assert!(timeout(YEAR, beat.tick()).await.is_ok(), "{period:?}");
            }
        });
    });
}

#[test]
fn an_interval_that_missed_centuries_ticks_on() {
    in_time(|| {
        paused().block_on(async {
            let mut beat = interval(Duration::from_nanos(1));
            beat.tick().await;
            advance(200 * YEAR).await;
            beat.tick().await;
            let next = beat.tick().await;
            assert!(next <= Instant::now());
            assert!(Instant::now() - next <= Duration::from_nanos(1));
            let mut far = interval_at(Instant::now() + 100 * YEAR, LONG);
            let start = Instant::now();
            far.tick().await;
            assert_eq!(start.elapsed(), 100 * YEAR);
        });
    });
}

#[test]
fn mistakes_with_paused_time_say_how_to_mend_them() {
    in_time(|| {
        new().block_on(async {
            type Call = fn();
            let calls: [(Call, &str); 3] = [
                (
                    time::resume,
                    "`time::resume` needs paused time; call `time::pause` first",
                ),
                (|| drop(advance(LONG)), "`time::advance` needs paused time"),
                (
                    || _ = advance_to_next(),
                    "`time::advance_to_next` needs paused time",
                ),
            ];
            for (call, text) in calls {
                let message = panic_of(call);
                assert!(message.contains(text), "{message}");
            }
            time::pause();
            let message = panic_of(time::pause);
            assert!(
                message.contains("`time::resume` ends the pause"),
                "{message}"
            );
            assert!(time::is_paused());
            time::resume();
            assert!(!time::is_paused());
        });
        let calls: [fn(); 5] = [
            time::pause,
            time::resume,
            || drop(advance(LONG)),
            || _ = advance_to_next(),
            || time::auto_advance(true),
        ];
        for call in calls {
            let message = panic_of(call);
            assert!(
                message.contains("no quintet runtime is current"),
                "{message}"
            );
        }
        assert!(!time::is_paused());
    });
}

#[test]
fn time_that_is_paused_and_resumed_a_thousand_times_never_goes_back() {
    in_time(|| {
        new().block_on(async {
            let mut last = Instant::now();
            for n in 0..1000 {
                time::pause();
                advance(Duration::from_micros(n)).await;
                let then = Instant::now();
                assert!(then >= last);
                time::resume();
                last = Instant::now();
                assert!(last >= then);
            }
            let start = Instant::now();
            sleep(Duration::from_micros(100)).await;
            assert!(start.elapsed() >= Duration::from_micros(100));
        });
    });
}

#[test]
fn the_time_of_one_runtime_is_not_that_of_another() {
    in_time(|| {
        let (one, other) = (paused(), paused());
        let real = new();
        for round in 1..=100 {
            let passed = |times| {
                let slept = async move {
                    let start = Instant::now();
                    sleep(times * LONG).await;
                    start.elapsed()
                };
                (slept, times * LONG)
            };
            let (sleeping, expected) = passed(round);
            assert_eq!(one.block_on(sleeping), expected);
            let (sleeping, expected) = passed(2 * round);
            assert_eq!(other.block_on(sleeping), expected);
            assert!(real.block_on(async { !time::is_paused() }));
            let _entered = one.enter();
            assert!(time::is_paused());
        }
    });
}

#[test]
fn time_waits_for_guards_and_for_workers() {
    in_time(|| {
        let runtime = paused();
        runtime.block_on(async {
            let start = Instant::now();
            let timer = spawn(sleep(LONG));
            let guard = Handle::current().keep_alive();
            let (sender, receiver) = oneshot::channel();
            let thread = thread::spawn(move || {
                sender.send(()).unwrap();
                drop(guard);
            });
            receiver.await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
            let (release, is_released) = mpsc::channel::<()>();
            let job = spawn_blocking(move || is_released.recv().is_err());
            let mut polls = 0;
            let turn = quintet::task::yield_now();
            turn.await;
            polls += 1;
            assert_eq!(polls, 1);
            assert_eq!(start.elapsed(), Duration::ZERO);
            drop(release);
            assert!(job.await.unwrap());
            timer.await.unwrap();
            assert_eq!(start.elapsed(), LONG);
            thread.join().unwrap();
        });
    });
}

#[test]
fn a_guard_that_is_dropped_at_any_moment_lets_paused_time_go_on() {
    in_time(|| {
        let runtime = paused();
        let (guards, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            for (n, guard) in receiver.into_iter().enumerate() {
                (0..n % 64 * 16).for_each(|_| std::hint::spin_loop());
                drop::<quintet::runtime::KeepAlive>(guard);
            }
        });
        for _ in 0..3000 {
            guards.send(runtime.handle().keep_alive()).unwrap();
            runtime.block_on(sleep(LONG));
        }
        drop(guards);
        thread.join().unwrap();
    });
}

#[test]
fn a_sleep_on_another_threads_loop_fails_there_and_lives_at_home() {
    in_time(|| {
        new().block_on(async {
            let mut timer = Box::pin(sleep(LONG));
            assert!(poll_once(&mut timer).is_pending());
            let back = spawn_blocking(move || {
                quintet::block_on(async move {
                    let message = panic_of(|| poll_once(&mut timer));
                    assert!(message.contains("this `Sleep` is armed on quintet loop"));
                    let deadline = Instant::now();
                    let message = panic_of(|| timer.as_mut().reset(deadline));
                    assert!(
                        message.contains("use a sleep only on the loop"),
                        "{message}"
                    );
                    Some(timer)
                })
            });
            let mut timer = back.await.unwrap().expect("it comes back");
            timer.as_mut().reset(Instant::now());
            timer.await;
        });
    });
}

#[test]
fn sleeps_of_one_loop_may_die_on_another_by_the_thousand() {
    in_time(|| {
        let runtime = paused();
        for _ in 0..10 {
            runtime.block_on(async {
                let mut timers: Vec<_> = (0..1000).map(|n| sleep(LONG * n)).collect();
                for timer in &mut timers {
                    assert!(poll_once(timer).is_pending());
                }
                spawn_blocking(move || quintet::block_on(async move { drop(timers) }))
                    .await
                    .unwrap();
                quintet::task::yield_now().await;
                assert_eq!(advance_to_next(), None, "all are gone");
            });
        }
    });
}

#[test]
fn a_sleep_may_be_reset_while_it_fires_and_in_every_state() {
    in_time(|| {
        paused().block_on(async {
            let start = Instant::now();
            let mut timer = sleep(LONG);
            Pin::new(&mut timer).reset(start + 2 * LONG);
            for n in 3..10 {
                assert!(poll_once(&mut timer).is_pending());
                Pin::new(&mut timer).reset(start + n * LONG);
            }
            drop(advance(20 * LONG));
            // It is due, and has not fired.
            Pin::new(&mut timer).reset(start + 30 * LONG);
            quintet::task::yield_now().await;
            assert!(!timer.is_elapsed());
            (&mut timer).await;
            assert_eq!(start.elapsed(), 30 * LONG);
            Pin::new(&mut timer).reset(start);
            timer.await;
        });
    });
}

#[test]
fn timeouts_in_timeouts_end_from_the_inside() {
    in_time(|| {
        paused().block_on(async {
            let start = Instant::now();
            let inner = timeout(LONG, timeout(Duration::MAX, pending::<()>()));
            assert!(timeout(2 * LONG, inner).await.unwrap().is_err());
            assert_eq!(start.elapsed(), LONG);
            let mut nested: Pin<Box<dyn Future<Output = ()>>> = Box::pin(pending());
            for n in 1..500 {
                nested = Box::pin(async move {
                    let _elapsed = timeout(LONG * n, nested).await;
                });
            }
            nested.await;
            assert_eq!(start.elapsed(), 2 * LONG);
        });
    });
}

#[test]
fn an_interval_of_nothing_is_refused_with_its_reason_in_every_form() {
    in_time(|| {
        new().block_on(async {
            let calls: [fn(); 2] = [
                || drop(interval(Duration::ZERO)),
                || drop(interval_at(Instant::now(), Duration::ZERO)),
            ];
            for call in calls {
                assert!(panic_of(call).contains("period of an interval must not be zero"));
            }
        });
    });
}

#[test]
fn a_reset_on_another_loop_panics_and_changes_nothing() {
    in_time(|| {
        let (home, other) = (paused(), paused());
        let guard = home.enter();
        let mut timer = Box::pin(sleep(LONG));
        drop(guard);
        home.block_on(async { assert!(poll_once(&mut timer).is_pending()) });
        let deadline = timer.deadline();
        let message = other.block_on(async { panic_of(|| timer.as_mut().reset(Instant::now())) });
        assert!(message.contains("armed on quintet loop"), "{message}");
        assert_eq!(timer.deadline(), deadline);
        home.block_on(timer);
    });
}
