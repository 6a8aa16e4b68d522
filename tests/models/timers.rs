//! Timers that are armed, reset, cancelled and polled on paused time, beside a sorted list.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use quintet::runtime::Builder;
use quintet::spawn;
use quintet::time::{self, Duration, Instant, Sleep, advance, advance_to_next, sleep};

use crate::programs::{check, operations};

/// Sleeps that a program has at a time.
const PLACES: usize = 6;

/// Operations of the longest program.
const LENGTH: usize = 60;

operations! {
    6 Arm { place: PLACES, digit: 8, level: LEVELS };
    2 Endless { place: PLACES };
    3 Reset { place: PLACES, digit: 8, level: LEVELS };
    2 Cancel { place: PLACES };
    3 Poll { place: PLACES };
    2 Spawn { digit: 8, level: LEVELS };
    5 Advance { digit: 8, level: LEVELS };
    3 AdvanceToNext;
}

/// From nanoseconds to weeks.
const LEVELS: usize = 17;

/// A time that is short or long: a digit at one of the levels of base 8.
fn span(digit: usize, level: usize) -> Duration {
    Duration::from_nanos((digit as u64) << (3 * level))
}

/// The numbers of the timers that were woken, in order.
type Woken = Arc<Mutex<Vec<usize>>>;

/// A waker that is not a task's.
struct Bell {
    number: usize,
    woken: Woken,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap().push(self.number);
    }
}

/// What a timer should do.
#[derive(Clone, Copy, Debug)]
struct Timer {
    number: usize,
    /// The later of its deadline and the time of its arming; `None` if it never fires.
    key: Option<Instant>,
    /// How many were armed before it.
    sequence: usize,
    is_waited_for: bool,
}

/// The timers that have not fired.
#[derive(Default)]
struct Model {
    timers: Vec<Timer>,
    armed: usize,
}

impl Model {
    fn arm(&mut self, number: usize, key: Option<Instant>, is_waited_for: bool) {
        self.cancel(number);
        self.timers.push(Timer {
            number,
            key,
            sequence: self.armed,
            is_waited_for,
        });
        self.armed += 1;
    }

    fn get(&mut self, number: usize) -> Option<&mut Timer> {
        self.timers.iter_mut().find(|timer| timer.number == number)
    }

    fn cancel(&mut self, number: usize) {
        self.timers.retain(|timer| timer.number != number);
    }

    /// Takes out what is due. Returns the timers that this wakes, in order.
    fn fire(&mut self, now: Instant) -> Vec<usize> {
        let is_due = |timer: &mut Timer| timer.key.is_some_and(|key| key <= now);
        let mut due: Vec<Timer> = self.timers.extract_if(.., is_due).collect();
        due.sort_by_key(|timer| (timer.key, timer.sequence));
        due.retain(|timer| timer.is_waited_for);
        due.iter().map(|timer| timer.number).collect()
    }

    fn next(&self) -> Option<Instant> {
        self.timers.iter().filter_map(|timer| timer.key).min()
    }
}

/// Both sides of a run.
struct State {
    places: [Option<Sleep>; PLACES],
    wakers: Vec<Waker>,
    woken: Woken,
    model: Model,
    /// Tasks that sleep, so far. They are numbered after the places.
    tasks: usize,
}

impl State {
    fn new() -> Self {
        let woken = Woken::default();
        let waker = |number| {
            let woken = Arc::clone(&woken);
            Waker::from(Arc::new(Bell { number, woken }))
        };
        State {
            places: Default::default(),
            wakers: (0..PLACES).map(waker).collect(),
            woken,
            model: Model::default(),
            tasks: 0,
        }
    }

    /// Puts a sleep in a place and arms it.
    fn arm(&mut self, place: usize, duration: Duration) {
        let key = match duration {
            Duration::MAX => None,
            _ => Some(Instant::now() + duration),
        };
        self.places[place] = Some(sleep(duration));
        self.poll(place);
        self.model.arm(place, key, true);
    }

    /// Polls a sleep. Returns whether it has ended.
    fn poll(&mut self, place: usize) -> Option<bool> {
        let sleep = Pin::new(self.places[place].as_mut()?);
        let polled = sleep.poll(&mut Context::from_waker(&self.wakers[place]));
        Some(polled.is_ready())
    }

    async fn step(&mut self, op: &Op) -> Result<(), String> {
        let now = Instant::now();
        match *op {
            Op::Arm {
                place,
                digit,
                level,
            } => self.arm(place, span(digit, level)),
            Op::Endless { place } => self.arm(place, Duration::MAX),
            Op::Reset {
                place,
                digit,
                level,
            } => {
                let deadline = now + span(digit, level);
                if let Some(sleep) = &mut self.places[place] {
                    Pin::new(sleep).reset(deadline);
                    // What has fired has woken its waiter.
                    let timer = self.model.get(place);
                    let is_waited_for = timer.is_some_and(|timer| timer.is_waited_for);
                    self.model.arm(place, Some(deadline), is_waited_for);
                }
            }
            Op::Cancel { place } => {
                self.places[place] = None;
                self.model.cancel(place);
            }
            Op::Poll { place } => {
                let has_ended = self.poll(place);
                let timer = self.model.get(place);
                let is_armed = timer.map(|timer| timer.is_waited_for = true).is_some();
                if has_ended == Some(is_armed) {
                    return Err(format!("polled, it has ended: {has_ended:?}"));
                }
            }
            Op::Spawn { digit, level } => {
                let (number, duration) = (PLACES + self.tasks, span(digit, level));
                let woken = Arc::clone(&self.woken);
                self.tasks += 1;
                self.model.arm(number, Some(now + duration), true);
                spawn(async move {
                    sleep(duration).await;
                    woken.lock().unwrap().push(number);
                });
            }
            Op::Advance { digit, level } => advance(span(digit, level)).await,
            Op::AdvanceToNext => {
                let next = self.model.next().map(|next| next.duration_since(now));
                let moved = advance_to_next();
                if moved != next {
                    return Err(format!("it moves by {moved:?}, the next is after {next:?}"));
                }
            }
        }
        self.settle().await
    }

    /// Fires everything that is due, and compares what was woken and what has ended.
    async fn settle(&mut self) -> Result<(), String> {
        // What a task arms in the first tick fires in the second.
        for _ in 0..2 {
            advance(Duration::ZERO).await;
        }
        let woken = std::mem::take(&mut *self.woken.lock().unwrap());
        let expected = self.model.fire(Instant::now());
        if woken != expected {
            return Err(format!("woken are {woken:?}, not {expected:?}"));
        }
        for (place, sleep) in self.places.iter().enumerate() {
            let has_ended = sleep.as_ref().map(Sleep::is_elapsed);
            if has_ended == Some(self.model.get(place).is_some()) {
                return Err(format!("the sleep in {place} has ended: {has_ended:?}"));
            }
        }
        Ok(())
    }
}

async fn run(program: &[Op]) -> Result<(), String> {
    time::auto_advance(false);
    let mut state = State::new();
    for (step, op) in program.iter().enumerate() {
        let result = state.step(op).await;
        result.map_err(|failure| format!("at {step}: {failure}"))?;
    }
    Ok(())
}

#[test]
fn timers() {
    check("cargo test --test models timers", LENGTH, |program| {
        let mut builder = Builder::new();
        let runtime = builder.start_paused(true).build().unwrap();
        runtime.block_on(run(program))
    });
}
