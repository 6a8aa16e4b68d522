//! Time under the program's control.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use futures::FutureExt;
use futures::channel::oneshot;
use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{Builder, Handle, Runtime};
use quintet::time::{
    self, Duration, Instant, MissedTickBehavior, advance, advance_to_next, interval, sleep,
    sleep_until, timeout,
};
use quintet::{spawn, spawn_blocking};

use crate::support::panics::panic_message as panic_of;
use crate::support::patience::in_time;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

fn paused() -> Runtime {
    let paused = Builder::new().start_paused(true).build();
    paused.expect("descriptors for a runtime")
}

fn block_on<F: Future>(future: F) -> F::Output {
    in_time(|| paused().block_on(future))
}

#[test]
fn sleeps_take_their_time_to_the_nanosecond_and_no_time() {
    block_on(async {
        let start = Instant::now();
        sleep(DAY).await;
        assert_eq!(start.elapsed(), DAY);
        sleep(Duration::from_nanos(1)).await;
        assert_eq!(start.elapsed(), DAY + Duration::from_nanos(1));
        sleep(Duration::ZERO).await;
        assert_eq!(start.elapsed(), DAY + Duration::from_nanos(1));
    });
}

#[test]
fn time_stands_still_while_tasks_run() {
    block_on(async {
        let start = Instant::now();
        thread::sleep(Duration::from_millis(2));
        quintet::task::yield_now().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn sleeps_of_many_tasks_end_in_the_order_of_their_deadlines() {
    block_on(async {
        let log = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = [30, 10, 20, 10]
            .into_iter()
            .enumerate()
            .map(|(index, seconds)| {
                let log = Rc::clone(&log);
                spawn(async move {
                    sleep(SECOND * seconds).await;
                    log.borrow_mut().push(index);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*log.borrow(), [1, 3, 2, 0]);
    });
}

#[test]
fn advance_only_moves_the_clock_and_awaiting_it_lets_timers_fire() {
    block_on(async {
        let start = Instant::now();
        let mut early = pin!(sleep(SECOND));
        let late = spawn(sleep(10 * SECOND));
        assert!(early.as_mut().now_or_never().is_none());
        let moved = advance(2 * SECOND);
        assert_eq!(start.elapsed(), 2 * SECOND);
        assert!(!early.is_elapsed(), "timers fire in their phase");
        moved.await;
        assert!(early.is_elapsed());
        assert_eq!(start.elapsed(), 2 * SECOND);
        assert!(!late.is_finished());
        advance(8 * SECOND).await;
        assert!(late.is_finished());
    });
}

#[test]
fn advance_to_next_goes_from_deadline_to_deadline() {
    block_on(async {
        time::auto_advance(false);
        let cancelled = spawn(sleep(SECOND));
        let tasks = [2, 5].map(|seconds| spawn(sleep(SECOND * seconds)));
        let never = spawn(sleep(Duration::MAX));
        quintet::task::yield_now().await;
        cancelled.abort();
        quintet::task::yield_now().await;
        assert_eq!(advance_to_next(), Some(2 * SECOND));
        assert_eq!(
            advance_to_next(),
            Some(Duration::ZERO),
            "it has not fired yet"
        );
        advance(Duration::ZERO).await;
        assert!(tasks[0].is_finished());
        assert_eq!(advance_to_next(), Some(3 * SECOND));
        advance(Duration::ZERO).await;
        assert!(tasks[1].is_finished());
        assert_eq!(advance_to_next(), None);
        assert!(!never.is_finished());
    });
}

#[test]
fn time_can_be_paused_and_resumed_in_between() {
    in_time(|| {
        Runtime::new().unwrap().block_on(async {
            assert!(!time::is_paused());
            let start = Instant::now();
            time::pause();
            assert!(time::is_paused());
            sleep(DAY).await;
            time::resume();
            let after = start.elapsed();
            assert!(after >= DAY);
            sleep(Duration::from_millis(2)).await;
            assert!(start.elapsed() >= after + Duration::from_millis(2));
            time::pause();
            let now = Instant::now();
            sleep(DAY).await;
            assert_eq!(now.elapsed(), DAY);
        });
    });
}

#[test]
fn intervals_and_timeouts_follow_paused_time() {
    block_on(async {
        let start = Instant::now();
        let mut beat = interval(10 * SECOND);
        assert_eq!(beat.missed_tick_behavior(), MissedTickBehavior::Skip);
        for n in 0..5 {
            assert_eq!(beat.tick().await, start + 10 * SECOND * n);
        }
        advance(35 * SECOND);
        assert_eq!(beat.tick().await, start + 50 * SECOND, "late");
        assert_eq!(
            beat.tick().await,
            start + 80 * SECOND,
            "60 and 70 were missed"
        );
        let result = timeout(SECOND, sleep(2 * SECOND)).await;
        result.unwrap_err();
        timeout(2 * SECOND, sleep(SECOND)).await.unwrap();
        assert_eq!(start.elapsed(), 82 * SECOND);
    });
}

/// When the ticks of an interval are due, and when they are taken, since its start; the second one
/// is taken `late` after it is due.
fn ticks_after_a_late_one(
    behavior: MissedTickBehavior,
    period: Duration,
    late: Duration,
) -> [(Duration, Duration); 3] {
    block_on(async {
        let start = Instant::now();
        let mut beat = interval(period);
        beat.set_missed_tick_behavior(behavior);
        beat.tick().await;
        sleep(period + late).await;
        let mut ticks = [(Duration::ZERO, Duration::ZERO); 3];
        for tick in &mut ticks {
            *tick = (beat.tick().await - start, start.elapsed());
        }
        ticks
    })
}

#[test]
fn a_tick_is_missed_when_it_is_more_than_five_milliseconds_late() {
    use MissedTickBehavior::{Burst, Delay, Skip};
    let ms = |millis: [u64; 3]| millis.map(Duration::from_millis);
    let cases = [
        // The period, how late it is; when ticks are due, and when they are taken.
        (Delay, 100, 5, [100, 200, 300], [105, 200, 300]),
        (Delay, 100, 6, [100, 206, 306], [106, 206, 306]),
        (Delay, 100, 60, [100, 260, 360], [160, 260, 360]),
        (Delay, 100, 100, [100, 300, 400], [200, 300, 400]),
        (Delay, 100, 250, [100, 450, 550], [350, 450, 550]),
        (Skip, 100, 5, [100, 200, 300], [105, 200, 300]),
        (Skip, 100, 60, [100, 200, 300], [160, 200, 300]),
        (Skip, 100, 100, [100, 300, 400], [200, 300, 400]),
        (Skip, 100, 250, [100, 400, 500], [350, 400, 500]),
        (Burst, 100, 60, [100, 200, 300], [160, 200, 300]),
        (Burst, 100, 250, [100, 200, 300], [350, 350, 350]),
        // Where the period is shorter than that, a whole period is late.
        (Delay, 2, 1, [2, 4, 6], [3, 4, 6]),
        (Delay, 2, 3, [2, 7, 9], [5, 7, 9]),
        (Skip, 2, 3, [2, 6, 8], [5, 6, 8]),
        (Burst, 2, 3, [2, 4, 6], [5, 5, 6]),
    ];
    for (behavior, period, late, due, taken) in cases {
        let [period, late, _] = ms([period, late, 0]);
        let ticks = ticks_after_a_late_one(behavior, period, late);
        assert_eq!(ticks.map(|(due, _)| due), ms(due), "{behavior:?} {late:?}");
        assert_eq!(
            ticks.map(|(_, taken)| taken),
            ms(taken),
            "{behavior:?} {late:?}"
        );
    }
}

#[test]
fn time_does_not_move_while_a_job_is_under_way() {
    block_on(async {
        let start = Instant::now();
        let (release, is_released) = mpsc::channel::<()>();
        let job = spawn_blocking(move || is_released.recv().is_err());
        let timer = spawn(async move {
            sleep(SECOND).await;
            start.elapsed()
        });
        // Real time passes here; were it not for the job, the second would be over.
        let handle = Handle::current();
        let ticking = spawn_blocking(|| thread::sleep(Duration::from_millis(5)));
        ticking.await.unwrap();
        assert!(!timer.is_finished());
        assert_eq!(start.elapsed(), Duration::ZERO);
        drop(release);
        assert!(job.await.unwrap());
        assert_eq!(timer.await.unwrap(), SECOND);
        drop(handle);
    });
}

#[test]
fn time_does_not_move_while_another_thread_holds_a_guard() {
    block_on(async {
        let guard = Handle::current().keep_alive();
        let (sender, receiver) = oneshot::channel();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            sender.send(7).unwrap();
            drop(guard);
        });
        let seven = timeout(SECOND, receiver).await;
        assert_eq!(seven.unwrap().unwrap(), 7);
        sleep(SECOND).await;
        thread.join().unwrap();
    });
}

#[test]
fn sockets_go_on_in_paused_time() {
    block_on(async {
        let start = Instant::now();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).await.unwrap();
            sleep(DAY).await;
            stream.write_all(&bytes).await.unwrap();
        });
        let client = TcpStream::connect(addr).await.unwrap();
        client.write_all(b"ping").await.unwrap();
        let mut bytes = [0; 4];
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ping");
        server.await.unwrap();
        assert!(start.elapsed() >= DAY);
    });
}

#[test]
fn nothing_moves_by_itself_without_auto_advance() {
    in_time(|| {
        let runtime = Builder::new()
            .start_paused(true)
            .auto_advance(false)
            .build()
            .unwrap();
        // Made inside: outside, `sleep` goes by the system's clock.
        let task = runtime.spawn(async { sleep(SECOND).await });
        assert!(runtime.turn(Some(Duration::from_millis(1))));
        runtime.run_until_stalled();
        assert!(!task.is_finished());
        let error = runtime.run().unwrap_err();
        assert!(
            error.to_string().contains("waits for a timer, due in 1.0s"),
            "{error}"
        );
        let guard = runtime.enter();
        let _moved = advance(SECOND);
        drop(guard);
        runtime.run_until_stalled();
        assert!(task.is_finished());
    });
}

#[test]
fn block_on_panics_where_nothing_can_ever_happen() {
    in_time(|| {
        for is_moving in [true, false] {
            let runtime = Builder::new()
                .start_paused(true)
                .auto_advance(is_moving)
                .build()
                .unwrap();
            let name = "the waiting task";
            let _waiting = {
                let _guard = runtime.enter();
                let task = quintet::task::Builder::new().name(name);
                task.spawn(sleep(if is_moving { Duration::MAX } else { SECOND }))
            };
            let message = panic_of(|| runtime.block_on(std::future::pending::<()>()));
            assert!(message.contains("nothing can ever happen"), "{message}");
            assert!(message.contains(name), "{message}");
            // The runtime is as good as before.
            assert_eq!(runtime.block_on(async { 2 }), 2);
        }
    });
}

#[test]
fn the_ends_of_time_are_no_problem() {
    block_on(async {
        let far = spawn(sleep_until(Instant::now() + 500 * 365 * DAY));
        let never = spawn(sleep(Duration::MAX));
        far.await.unwrap();
        advance(Duration::MAX).await;
        assert!(!never.is_finished());
        let now = Instant::now();
        assert!(now.checked_add(SECOND).is_some());
        sleep(Duration::ZERO).await;
        let passed = Instant::now().checked_sub(1000 * 365 * DAY);
        sleep_until(passed.unwrap_or(now)).await;
    });
}

#[test]
fn wrong_uses_say_how_to_mend_them() {
    in_time(|| {
        Runtime::new().unwrap().block_on(async {
            let uses: [fn(); 3] = [
                || drop(advance(SECOND)),
                || assert!(advance_to_next().is_none()),
                time::resume,
            ];
            for wrong in uses {
                let message = panic_of(wrong);
                assert!(message.contains("needs paused time"), "{message}");
                assert!(message.contains("time::pause"), "{message}");
            }
            time::pause();
            assert!(panic_of(time::pause).contains("paused already"));
        });
        assert!(panic_of(time::pause).contains("no quintet runtime is current"));
        assert!(!time::is_paused());
    });
}

#[test]
fn each_loop_has_a_time_of_its_own() {
    in_time(|| {
        let (first, second) = (paused(), Runtime::new().unwrap());
        let start = first.block_on(async { Instant::now() });
        first.block_on(async { sleep(DAY).await });
        let later = first.block_on(async { Instant::now() });
        assert_eq!(later - start, DAY);
        let other = second.block_on(async { Instant::now() });
        assert!(other < later);
        assert!(
            Instant::now() < later,
            "outside of loops it is the system's"
        );
    });
}
