//! Timers: sleeps, intervals, timeouts.

use std::cell::Cell;
use std::error::Error;
use std::fs;
use std::future::{pending, poll_fn, ready};
use std::io;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use futures::StreamExt;
use futures::channel::oneshot;
use quintet::runtime::{Builder, Runtime};
use quintet::spawn;
use quintet::task::set_immediate;
use quintet::time::{
    self, Duration, Elapsed, Instant, Interval, MissedTickBehavior, Sleep, Timeout, interval,
    interval_at, sleep, sleep_until, timeout, timeout_at,
};
use rustix::event::{PollFd, PollFlags, poll as poll_fds};
use rustix::time::{ClockId, clock_gettime};

use crate::support::alarm::can_set_alarm;
use crate::support::cases::{
    arm, arrived, backlog_is, block, block_until, connection, deliver, in_check, in_order, in_poll,
    in_time, in_timers, keep_alive, listen, log, log_after, margin, numbered, spend, time_passes,
    watched,
};
use crate::support::child::{child, in_a_child};
use crate::support::panics::{Panicked, panic_of};
use crate::support::skipped::skip;
use crate::support::strict::block_on;
use crate::support::wakers::poll;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Counts how often it is woken.
#[derive(Default)]
struct Counter(AtomicU32);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counter {
    fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A waker and its counter.
fn counting() -> (Waker, Arc<Counter>) {
    let counter = Arc::new(Counter::default());
    (Waker::from(Arc::clone(&counter)), counter)
}

/// Polls a sleep once, for the owner of `waker`.
fn poll_for(sleep: &mut Sleep, waker: &Waker) -> Poll<()> {
    Pin::new(sleep).poll(&mut Context::from_waker(waker))
}

// ---- Precision ---------------------------------------------------------------------------------

#[test]
fn a_sleep_is_never_early() {
    watched(|| {
        block_on(async {
            let sleepers = (1..=4u64).map(|seed| {
                spawn(async move {
                    let mut micros = seed;
                    for _ in 0..200 {
                        micros = micros * 16807 % 997;
                        let start = Instant::now();
                        sleep(Duration::from_micros(micros)).await;
                        assert!(start.elapsed() >= Duration::from_micros(micros));
                    }
                })
            });
            for sleeper in sleepers.collect::<Vec<_>>() {
                sleeper.await.unwrap();
            }
        });
    });
}

#[test]
fn a_sleep_is_not_rounded_to_milliseconds() {
    if !can_set_alarm() {
        skip("waits are rounded to milliseconds, as the OS has no timerfd");
        return;
    }
    let wanted = Duration::from_micros(100);
    let took = || {
        block_on(async {
            let start = Instant::now();
            sleep(wanted).await;
            start.elapsed()
        })
    };
    // The best of many: the machine may be busy.
    let best = watched(|| (0..500).map(|_| took()).find(|took| *took < MILLISECOND));
    assert!(best.is_some_and(|best| best >= wanted), "{best:?}");
}

#[test]
fn a_sleeping_loop_uses_no_processor_time() {
    watched(|| {
        block_on(async {
            let polls = Cell::new(0);
            let before = clock_gettime(ClockId::ThreadCPUTime);
            let mut long = pin!(sleep(80 * MILLISECOND));
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                long.as_mut().poll(cx)
            })
            .await;
            let after = clock_gettime(ClockId::ThreadCPUTime);
            let used = Duration::try_from(after).unwrap() - Duration::try_from(before).unwrap();
            assert!(used < 20 * MILLISECOND, "{used:?} to sleep");
            assert_eq!(polls.get(), 2);
        });
    });
}

/// How often this thread has waited.
fn waits() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

#[test]
fn many_timers_of_a_millisecond_end_one_wait() {
    watched(|| {
        block_on(async {
            let start = Instant::now() + 5 * MILLISECOND;
            let sleepers: Vec<_> = (0..1000)
                .map(|n| {
                    spawn(async move {
                        let deadline = start + n * Duration::from_micros(100);
                        sleep_until(deadline).await;
                        assert!(Instant::now() >= deadline);
                    })
                })
                .collect();
            let before = waits();
            for sleeper in sleepers {
                sleeper.await.unwrap();
            }
            // A machine that is slow waits less often, and never more.
            let waits = waits() - before;
            assert!(waits < 300, "{waits} waits for 100 ms");
        });
    });
}

#[test]
fn time_that_was_moved_by_hand_and_goes_on_meets_its_deadlines() {
    if !can_set_alarm() {
        skip("the descriptor tells of no timer, as the OS has no timerfd");
        return;
    }
    // What is missed is never fetched: nothing else ends this wait.
    watched(|| {
        let long = Duration::from_secs(3600);
        let runtime = Runtime::new().unwrap();
        let fd = runtime.as_fd().try_clone_to_owned().unwrap();
        let task = runtime.spawn(sleep(long));
        runtime.turn(Some(Duration::ZERO));
        {
            let _entered = runtime.enter();
            time::pause();
            drop(time::advance(long - MILLISECOND));
            time::resume();
        }
        while !task.is_finished() {
            poll_fds(&mut [PollFd::new(&fd, PollFlags::IN)], None).unwrap();
            runtime.turn(Some(Duration::ZERO));
        }
    });
}

#[test]
fn turns_of_equal_length_end_while_time_stands_still() {
    watched(|| {
        let runtime = Builder::new().start_paused(true).build().unwrap();
        let _alive = runtime.handle().keep_alive();
        // By the loop's clock all of them wait until the same time.
        for _ in 0..3 {
            runtime.turn(Some(MILLISECOND));
        }
    });
}

#[test]
fn a_sleep_armed_by_a_task_that_was_woken_from_elsewhere_is_seen_by_poll() {
    in_order("short", || async {
        let long = arm(Instant::now() + Duration::from_secs(1000)).await;
        log_after(long, "long").unref();
        in_poll().await;
        sleep(2 * MILLISECOND).await;
        log("short");
    });
}

// ---- Order -------------------------------------------------------------------------------------

#[test]
fn equal_deadlines_fire_in_the_order_of_arming_whenever_that_was() {
    in_order(&numbered("", 0..30), || async {
        let deadline = Instant::now() + margin(40 * MILLISECOND);
        for n in 0..30 {
            if n % 10 == 9 {
                sleep(3 * MILLISECOND).await;
            }
            in_time(deadline);
            log_after(arm(deadline).await, n.to_string());
        }
        block_until(deadline);
    });
}

#[test]
fn deadlines_that_are_near_each_other_fire_in_their_order() {
    in_order(&numbered("", 0..200), || async {
        let start = Instant::now() + margin(10 * MILLISECOND);
        for n in (0..200u32).map(|n| n * 77 % 200) {
            log_after(
                arm(start + n * Duration::from_nanos(700)).await,
                n.to_string(),
            );
        }
        in_time(start);
        block_until(start + MILLISECOND);
    });
}

#[test]
fn a_past_deadline_counts_from_its_arming() {
    in_order("due-before past-1 past-2 immediate", || async {
        let now = Instant::now();
        let past = now.checked_sub(10 * MILLISECOND).unwrap();
        log_after(arm(now).await, "due-before");
        log_after(arm(past).await, "past-1");
        let far_past = past.checked_sub(10 * MILLISECOND).unwrap();
        log_after(arm(far_past).await, "past-2");
        set_immediate(|| log("immediate"));
    });
}

#[test]
fn a_sleep_is_armed_by_its_first_poll_and_not_by_its_making() {
    in_order("second first", || async {
        let deadline = Instant::now();
        let first = sleep_until(deadline);
        log_after(arm(deadline).await, "second");
        log_after(first, "first");
    });
}

// ---- Resetting ---------------------------------------------------------------------------------

#[test]
fn a_waiting_sleep_is_reset_to_later_and_to_earlier() {
    in_order("earlier middle later", || async {
        let start = Instant::now();
        let mut to_later = arm(start).await;
        let mut to_earlier = arm(start + Duration::from_secs(1000)).await;
        Pin::new(&mut to_later).reset(start + 8 * MILLISECOND);
        Pin::new(&mut to_earlier).reset(start + 4 * MILLISECOND);
        assert_eq!(to_later.deadline(), start + 8 * MILLISECOND);
        log_after(to_later, "later");
        log_after(arm(start + 6 * MILLISECOND).await, "middle");
        log_after(to_earlier, "earlier");
        in_time(start + 4 * MILLISECOND);
    });
}

#[test]
fn a_sleep_that_is_reset_comes_last_among_equals() {
    in_order("second first", || async {
        let deadline = Instant::now() + MILLISECOND;
        let mut first = arm(deadline).await;
        let second = arm(deadline).await;
        Pin::new(&mut first).reset(deadline);
        log_after(first, "first");
        log_after(second, "second");
        block_until(deadline);
    });
}

#[test]
fn a_sleep_that_fired_unnoticed_waits_again_when_it_is_reset() {
    watched(|| {
        block_on(async {
            let mut sleep = arm(Instant::now()).await;
            in_check().await;
            assert!(sleep.is_elapsed());
            let deadline = Instant::now() + 3 * MILLISECOND;
            Pin::new(&mut sleep).reset(deadline);
            assert!(!sleep.is_elapsed());
            (&mut sleep).await;
            assert!(Instant::now() >= deadline);
            assert!(sleep.is_elapsed());
        });
    });
}

#[test]
fn a_sleep_that_has_ended_waits_again_when_it_is_reset() {
    watched(|| {
        block_on(async {
            let mut sleep = sleep(Duration::ZERO);
            for _ in 0..3 {
                (&mut sleep).await;
                assert!(sleep.is_elapsed());
                // It stays ended, however often it is polled.
                (&mut sleep).await;
                let deadline = Instant::now() + MILLISECOND;
                Pin::new(&mut sleep).reset(deadline);
                assert!(!sleep.is_elapsed());
                (&mut sleep).await;
                assert!(Instant::now() >= deadline);
                Pin::new(&mut sleep).reset(Instant::now());
            }
        });
    });
}

#[test]
fn the_reset_of_an_ended_sleep_arms_it() {
    in_order("reset armed-later", || async {
        let mut ended = sleep(Duration::ZERO);
        (&mut ended).await;
        let deadline = Instant::now() + MILLISECOND;
        Pin::new(&mut ended).reset(deadline);
        let later = arm(deadline).await;
        log_after(ended, "reset");
        log_after(later, "armed-later");
        block_until(deadline);
    });
}

#[test]
fn a_sleep_is_reset_before_its_first_poll() {
    watched(|| {
        let start = Instant::now();
        // Not even a runtime is needed.
        let mut sleep = sleep(Duration::from_secs(1000));
        Pin::new(&mut sleep).reset(start + MILLISECOND);
        assert!(!sleep.is_elapsed());
        block_on(sleep);
        assert!(start.elapsed() >= MILLISECOND);
    });
}

// ---- Deadlines at the ends of time -------------------------------------------------------------

#[test]
fn far_deadlines_never_come() {
    watched(|| {
        block_on(async {
            let far = [
                Duration::MAX,
                Duration::from_secs(u64::MAX),
                Duration::from_secs(u64::MAX / 10),
                Duration::from_secs(i64::MAX as u64),
                Duration::from_nanos(u64::MAX),
                Duration::from_nanos(i64::MAX as u64),
                Duration::from_millis(u64::MAX),
                Duration::from_millis(1 << 31),
                Duration::from_secs(86_400 * 365 * 100),
            ];
            let mut sleeps: Vec<Sleep> = far.into_iter().map(sleep).collect();
            for sleep in &mut sleeps {
                assert!(poll!(sleep).is_pending());
            }
            sleep(2 * MILLISECOND).await;
            in_check().await;
            for sleep in &mut sleeps {
                assert!(!sleep.is_elapsed());
                assert!(poll!(&mut *sleep).is_pending());
                Pin::new(sleep).reset(Instant::now());
            }
            for sleep in sleeps {
                sleep.await;
            }
        });
    });
}

#[test]
fn a_loop_that_sleeps_for_ever_is_still_woken() {
    in_order("woken", || async {
        spawn(sleep(Duration::MAX)).unref();
        let (wake, woken) = oneshot::channel();
        let alive = keep_alive();
        thread::spawn(move || {
            thread::sleep(2 * MILLISECOND);
            wake.send(()).unwrap();
            drop(alive);
        });
        woken.await.unwrap();
        log("woken");
    });
}

#[test]
fn a_timeout_and_an_interval_may_be_endless() {
    watched(|| {
        block_on(async {
            let slept = timeout(Duration::MAX, sleep(MILLISECOND)).await;
            assert_eq!(slept, Ok(()));
            let mut endless = interval(Duration::MAX);
            endless.tick().await;
            assert!(timeout(MILLISECOND, endless.tick()).await.is_err());
        });
    });
}

// ---- Dropping and moving -----------------------------------------------------------------------

#[test]
fn a_sleep_dropped_while_it_is_armed_wakes_no_task() {
    watched(|| {
        block_on(async {
            let (waker, counter) = counting();
            let mut sleep = sleep(MILLISECOND);
            assert!(poll_for(&mut sleep, &waker).is_pending());
            drop(sleep);
            assert_eq!(Arc::strong_count(&counter), 2, "its waker has gone with it");
            time::sleep(3 * MILLISECOND).await;
            assert_eq!(counter.count(), 0);
        });
    });
}

#[test]
fn a_sleep_wakes_the_task_that_polled_it_first() {
    watched(|| {
        block_on(async {
            let (waker, counter) = counting();
            let mut first = sleep(MILLISECOND);
            assert!(poll_for(&mut first, &waker).is_pending());
            sleep(3 * MILLISECOND).await;
            assert_eq!(counter.count(), 1);
            assert!(poll_for(&mut first, &waker).is_ready());
        });
    });
}

#[test]
fn only_the_last_waker_of_a_sleep_is_woken() {
    watched(|| {
        block_on(async {
            let wakers: Vec<_> = (0..3).map(|_| counting()).collect();
            let deadline = Instant::now();
            let mut sleep = sleep_until(deadline);
            for (waker, _) in &wakers {
                assert!(poll_for(&mut sleep, waker).is_pending());
            }
            // Back to one that it had before.
            assert!(poll_for(&mut sleep, &wakers[1].0).is_pending());
            in_check().await;
            let counts: Vec<u32> = wakers.iter().map(|(_, counter)| counter.count()).collect();
            assert_eq!(counts, [0, 1, 0]);
            assert!(poll_for(&mut sleep, &wakers[0].0).is_ready());
            in_check().await;
            assert_eq!(wakers[0].1.count(), 0);
        });
    });
}

#[test]
fn a_sleep_that_moves_to_another_task_wakes_that_one() {
    in_order("other-task", || async {
        let mut sleep = arm(Instant::now() + MILLISECOND).await;
        let other = spawn(async move {
            (&mut sleep).await;
            log("other-task");
        });
        other.await.unwrap();
    });
}

#[test]
fn a_sleep_dropped_on_another_thread_wakes_no_task() {
    in_order("0-wakes", || async {
        let (waker, counter) = counting();
        let deadline = Instant::now() + margin(5 * MILLISECOND);
        let mut sleep = sleep_until(deadline);
        assert!(poll_for(&mut sleep, &waker).is_pending());
        thread::spawn(|| drop(sleep)).join().unwrap();
        // The news comes by poll.
        in_check().await;
        in_time(deadline);
        sleep_until(deadline + MILLISECOND).await;
        log(format!("{}-wakes", counter.count()));
    });
}

#[test]
fn a_sleep_may_outlive_its_runtime() {
    watched(|| {
        let runtime = Runtime::new().unwrap();
        let armed = || runtime.block_on(arm(Instant::now() + Duration::from_secs(1000)));
        let sleeps = [armed(), armed(), armed()];
        drop(runtime);
        let [here, mut polled, elsewhere] = sleeps;
        drop(here);
        thread::spawn(|| drop(elsewhere)).join().unwrap();
        assert!(!polled.is_elapsed());
        let panicked = panic_of(|| poll_for(&mut polled, Waker::noop()));
        assert!(
            panicked.message.contains("no loop is current"),
            "{panicked:?}"
        );
        drop(polled);
    });
}

#[test]
fn a_sleep_made_outside_of_a_runtime_is_armed_inside() {
    watched(|| {
        let start = Instant::now();
        let sleep = sleep(2 * MILLISECOND);
        let other = thread::spawn(|| block_on(sleep));
        other.join().unwrap();
        assert!(start.elapsed() >= 2 * MILLISECOND);
    });
}

#[test]
fn awaiting_a_sleep_outside_of_a_runtime_panics_and_says_how_to_mend_it() {
    let mut sleep = sleep(MILLISECOND);
    let panicked = panic_of(|| poll_for(&mut sleep, Waker::noop()));
    assert_eq!(
        panicked.message,
        "no quintet runtime is current on this thread; call this inside `Runtime::block_on` or \
         `#[quintet::main]`, or while a guard of `Runtime::enter` lives"
    );
}

#[test]
fn a_sleep_armed_on_one_runtime_is_refused_by_another() {
    watched(|| {
        let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let mut sleep = first.block_on(arm(Instant::now() + 5 * MILLISECOND));
        let deadline = Instant::now();

        let Panicked { message, .. } = panic_of(|| second.block_on(&mut sleep));
        assert!(
            message.starts_with("this `Sleep` is armed on quintet loop "),
            "{message}"
        );
        assert!(
            message.ends_with("use a sleep only on the loop that first polled it"),
            "{message}"
        );
        assert!(
            message.contains(" is current on this thread; "),
            "{message}"
        );
        let reset = panic_of(|| second.block_on(async { Pin::new(&mut sleep).reset(deadline) }));
        assert_eq!(reset.file, file!(), "the caller's place");

        // Nothing is lost by that, neither for the sleep nor for the other loop.
        second.block_on(in_timers());
        first.block_on(sleep);
    });
}

#[test]
fn sleeps_and_their_like_are_send_and_sync() {
    fn assert<T: Send + Sync>() {}
    assert::<Sleep>();
    assert::<Interval>();
    assert::<Instant>();
    assert::<Elapsed>();
    assert::<Timeout<Sleep>>();
}

/// How much memory the process has in use.
fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn cancelled_sleeps_take_no_memory() {
    // Other tests of this process take memory too.
    in_a_child(child("timers::cancelled_sleeps_take_no_memory"), || {
        block_on(async {
            let cancel = async |millis: u64| {
                for n in 0..100_000 {
                    let mut sleep = sleep(Duration::from_millis(millis + n));
                    assert!(poll!(&mut sleep).is_pending());
                }
            };
            cancel(1000).await;
            let before = resident_bytes();
            // Near deadlines, far ones, and such as are due.
            for millis in [1000, 1_000_000, 1 << 40, 0] {
                cancel(millis).await;
            }
            let grown = resident_bytes().saturating_sub(before);
            // A leak would be some ten MB at least.
            assert!(grown < 8 << 20, "{grown} bytes more");
        });
    });
}

// ---- Intervals ---------------------------------------------------------------------------------

/// The ticks of an interval whose first tick is followed by a pause of somewhat more than four
/// periods, in periods since the start; with where the third tick stands on the clock.
async fn ticks_after_a_pause(behavior: MissedTickBehavior) -> (Vec<f64>, f64) {
    let period = 4 * MILLISECOND;
    let start = Instant::now();
    let mut interval = interval_at(start, period);
    interval.set_missed_tick_behavior(behavior);
    assert_eq!(interval.missed_tick_behavior(), behavior);
    assert_eq!(interval.period(), period);
    let mut ticks = Vec::new();
    let mut seen = 0.0;
    for n in 0..5 {
        let due = interval.tick().await;
        assert!(Instant::now() >= due);
        in_time(start + period * if n == 0 { 1 } else { 1000 });
        if n == 0 {
            block_until(start + 4 * period + MILLISECOND);
        }
        if n == 1 {
            seen = start.elapsed().as_secs_f64() / period.as_secs_f64();
        }
        ticks.push(due.duration_since(start).as_secs_f64() / period.as_secs_f64());
    }
    (ticks, seen)
}

#[test]
fn an_interval_may_burst() {
    in_order("burst", || async {
        let (ticks, _) = ticks_after_a_pause(MissedTickBehavior::Burst).await;
        log(if ticks == [0.0, 1.0, 2.0, 3.0, 4.0] {
            "burst".into()
        } else {
            format!("{ticks:?}")
        });
    });
}

#[test]
fn an_interval_may_delay() {
    in_order("delay", || async {
        let (ticks, seen) = ticks_after_a_pause(MissedTickBehavior::Delay).await;
        // The late tick is told when it was due; the next one counts from when it was taken.
        let is_delayed = ticks[..2] == [0.0, 1.0] && ticks[2] > 5.0 && ticks[2] <= seen + 1.0;
        let is_spaced = ticks
            .windows(2)
            .skip(2)
            .all(|pair| pair[1] - pair[0] > 0.999);
        log(if is_delayed && is_spaced {
            "delay".into()
        } else {
            format!("{ticks:?} {seen}")
        });
    });
}

#[test]
fn an_interval_skips_by_default() {
    in_order("skip", || async {
        assert_eq!(MissedTickBehavior::default(), MissedTickBehavior::Skip);
        let (ticks, seen) = ticks_after_a_pause(MissedTickBehavior::Skip).await;
        let is_skipped = ticks[..2] == [0.0, 1.0] && ticks[2] >= 5.0 && ticks[2] <= seen + 1.0;
        let is_aligned = ticks.iter().all(|tick| (tick - tick.round()).abs() < 1e-6);
        let is_increasing = ticks.windows(2).all(|pair| pair[1] > pair[0] + 0.5);
        let is_right = is_skipped && is_aligned && is_increasing;
        log(if is_right {
            "skip".into()
        } else {
            format!("{ticks:?} {seen}")
        });
    });
}

#[test]
fn an_interval_stays_aligned_over_many_periods() {
    watched(|| {
        block_on(async {
            let period = Duration::from_nanos(100_003);
            let start = Instant::now();
            let mut ticks = interval_at(start, period);
            let mut latest = None;
            for _ in 0..1000 {
                let due = ticks.tick().await;
                let since = due.duration_since(start).as_nanos();
                assert_eq!(since % period.as_nanos(), 0);
                assert!(latest < Some(due));
                latest = Some(due);
            }
        });
    });
}

#[test]
fn an_interval_is_a_stream_and_can_be_reset() {
    watched(|| {
        block_on(async {
            let period = 2 * MILLISECOND;
            let mut ticks = interval(period);
            let first = ticks.next().await.unwrap();
            assert!(first <= Instant::now());

            let now = Instant::now();
            ticks.reset();
            assert!(ticks.next().await.unwrap() >= now + period);
            ticks.reset_after(3 * period);
            assert!(ticks.tick().await >= now + 4 * period);
            ticks.reset_immediately();
            assert!(ticks.tick().await <= Instant::now());
            let at = Instant::now() + period / 2;
            ticks.reset_at(at);
            assert_eq!(ticks.tick().await, at);
        });
    });
}

#[test]
fn a_tick_that_is_given_up_is_not_lost() {
    watched(|| {
        block_on(async {
            let start = Instant::now() + 2 * MILLISECOND;
            let mut ticks = interval_at(start, Duration::from_secs(1000));
            assert!(poll!(pin!(ticks.tick())).is_pending());
            block_until(start);
            in_check().await;
            assert_eq!(ticks.tick().await, start);
        });
    });
}

#[test]
fn an_interval_needs_a_period() {
    let line = line!() + 1;
    let panicked = panic_of(|| interval(Duration::ZERO));
    assert_eq!(
        panicked.message,
        "the period of an interval must not be zero"
    );
    assert_eq!((&*panicked.file, panicked.line), (file!(), line));
    let line = line!() + 1;
    let panicked = panic_of(|| interval_at(Instant::now(), Duration::ZERO));
    assert_eq!((&*panicked.file, panicked.line), (file!(), line));
}

// ---- Timeouts ----------------------------------------------------------------------------------

#[test]
fn a_future_that_is_ready_wins_over_any_timeout() {
    watched(|| {
        block_on(async {
            assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
            let past = Instant::now().checked_sub(MILLISECOND).unwrap();
            assert_eq!(timeout_at(past, ready(2)).await, Ok(2));
        });
    });
}

#[test]
fn a_timeout_of_zero_ends_in_the_next_timers_phase() {
    in_order("elapsed immediate", || async {
        set_immediate(|| log("immediate"));
        timeout(Duration::ZERO, pending::<()>()).await.unwrap_err();
        log("elapsed");
    });
}

#[test]
fn what_gets_ready_with_the_timer_wins() {
    in_order("inner", || async {
        let deadline = Instant::now() + margin(MILLISECOND);
        // The timeout's own timer is first, and finds the other still waiting.
        let (send, receive) = oneshot::channel();
        let wait = spawn(async move { timeout_at(deadline, receive).await });
        in_check().await;
        in_time(deadline);
        block_until(deadline);
        // It fails only where the case is repeated.
        let _held_up = send.send(());
        log(if wait.await.unwrap().is_ok() {
            "inner"
        } else {
            "elapsed"
        });
    });
}

#[test]
fn the_future_of_a_timeout_that_elapsed_is_dropped_with_it() {
    struct Logs;
    impl Drop for Logs {
        fn drop(&mut self) {
            log("dropped");
        }
    }
    in_order("elapsed dropped", || async {
        let guard = Logs;
        let inner = async move {
            let _held = guard;
            pending::<()>().await;
        };
        let mut limited = Box::pin(timeout(Duration::ZERO, inner));
        (&mut limited).await.unwrap_err();
        log("elapsed");
        drop(limited);
    });
}

#[test]
fn a_timeout_gives_its_future_back() {
    let mut limited = timeout(MILLISECOND, ready(7));
    *limited.get_mut() = ready(8);
    assert_eq!(format!("{:?}", limited.get_ref()), "Ready(Some(8))");
    assert_eq!(block_on(limited.into_inner()), 8);
}

#[test]
fn elapsed_is_an_error() {
    watched(|| {
        let elapsed = block_on(timeout(Duration::ZERO, pending::<()>())).unwrap_err();
        assert_eq!(elapsed.to_string(), "the deadline has elapsed");
        let error = io::Error::from(elapsed);
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(
            error
                .get_ref()
                .is_some_and(<dyn Error + Send + Sync>::is::<Elapsed>)
        );
    });
}

/// Runs a timeout over `inner`; while its timer falls due, `meanwhile` happens and holds the
/// thread.
async fn outcome_of<T>(
    inner: impl Future<Output = io::Result<T>> + 'static,
    meanwhile: impl FnOnce() + 'static,
) -> &'static str
where
    T: 'static,
{
    let deadline = Instant::now() + margin(5 * MILLISECOND);
    let limited = spawn(timeout_at(deadline, inner));
    // By now the inner future waits, and the poller has said what it knows.
    in_poll().await;
    block(1);
    in_poll().await;
    in_time(deadline);
    meanwhile();
    block_until(deadline);
    match limited.await.unwrap() {
        Ok(Ok(_)) => "inner",
        Ok(Err(_)) => "error",
        Err(_) => "elapsed",
    }
}

#[test]
fn the_last_poll_of_a_timeout_tries_to_read() {
    in_order("inner", || async {
        let (own, peer) = connection();
        let own = Rc::new(own);
        let end = Rc::clone(&own);
        let read = async move { end.read(&mut [0]).await };
        log(outcome_of(read, move || deliver(&peer, &*own, b"x")).await);
    });
}

#[test]
fn the_last_poll_of_a_timeout_tries_to_accept() {
    in_order("inner", || async {
        let listener = listen().await;
        let addr = listener.local_addr().unwrap();
        // Another listens on, should the timeout have elapsed too early.
        let listener = Rc::new(listener);
        let end = Rc::clone(&listener);
        let accept = async move { end.accept().await };
        let connect = move || {
            let _listening = &listener;
            let client = std::net::TcpStream::connect(addr).unwrap();
            backlog_is(addr, 1);
            drop(client);
        };
        log(outcome_of(accept, connect).await);
    });
}

#[test]
fn the_last_poll_of_a_timeout_tries_deep_inside() {
    in_order("inner", || async {
        let (own, peer) = connection();
        let own = Rc::new(own);
        let end = Rc::clone(&own);
        let read = async move {
            let nested = timeout(Duration::MAX, async { end.readable().await });
            nested
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
        };
        log(outcome_of(read, move || deliver(&peer, &*own, b"x")).await);
    });
}

#[test]
fn the_last_poll_of_a_timeout_finds_nothing_where_nothing_came() {
    in_order("elapsed", || async {
        let (own, peer) = connection();
        let read = async move { own.read(&mut [0]).await };
        log(outcome_of(read, || ()).await);
        drop(peer);
    });
}

/// How long a future goes on that is to be stopped by a timeout. It must not come to that.
const TOO_LONG: Duration = Duration::from_secs(5);

#[test]
fn a_timeout_ends_a_future_that_is_always_busy() {
    in_order("elapsed", || async {
        let start = Instant::now();
        // It spends the budget in each poll, so nothing is left to ask the timer with.
        let busy = async {
            while start.elapsed() < TOO_LONG {
                time_passes();
                spend(1).await;
            }
        };
        let limited = timeout(2 * MILLISECOND, busy).await;
        log(if limited.is_err() { "elapsed" } else { "never" });
    });
}

#[test]
fn a_timeout_ends_a_read_of_a_socket_that_is_always_readable() {
    in_order("elapsed", || async {
        let (own, mut peer) = connection();
        let alive = keep_alive();
        thread::spawn(move || {
            while io::Write::write_all(&mut peer, &[0; 65536]).is_ok() {}
            drop(alive);
        });
        arrived(&own, 60_000);
        let start = Instant::now();
        let busy = async {
            while start.elapsed() < TOO_LONG {
                time_passes();
                own.read(&mut [0]).await.unwrap();
            }
        };
        let limited = timeout(2 * MILLISECOND, busy).await;
        log(if limited.is_err() { "elapsed" } else { "never" });
    });
}

#[test]
fn the_last_poll_of_a_timeout_has_a_budget_left() {
    in_order("inner", || async {
        let (own, peer) = connection();
        let own = Rc::new(own);
        let end = Rc::clone(&own);
        let deadline = Instant::now() + margin(5 * MILLISECOND);
        let read = async move { end.read(&mut [0]).await };
        let limited = spawn(async move {
            let mut limited = pin!(timeout_at(deadline, read));
            assert!(poll!(&mut limited).is_pending());
            block(1);
            in_poll().await;
            in_time(deadline);
            deliver(&peer, &*own, b"x");
            block_until(deadline);
            // The timer fires in the next timers phase. Before the data is known, in the same poll,
            // all but one unit is spent elsewhere.
            in_timers().await;
            spend(126).await;
            limited.await
        });
        let outcome = limited.await.unwrap();
        log(if matches!(outcome, Ok(Ok(1))) {
            "inner"
        } else {
            "elapsed"
        });
    });
}
