//! Tests of the wheel, then a comparison with a model: a `BTreeMap` in the documented order.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;
use std::task::Waker;

use programs::{Dice, Operation, check_some};

use super::slab::RETIRED;
use super::{
    Due, EXACT_WAKES_MAX, GRANULE_BITS, LEVEL_BITS, LEVELS, NEVER, NIL, ROOM_KEPT_MAX, SLOTS,
    STRETCH_BITS, TimerEntry, TimerKey, TimerState, Wheel, digit_of,
};

#[allow(
    unused_imports,
    unused_macros,
    dead_code,
    reason = "what other suites use"
)]
#[path = "../../../../tests/models/programs.rs"]
mod programs;

const MILLISECOND: u64 = 1_000_000;
const YEAR: u64 = 365 * 24 * 3600 * 1000 * MILLISECOND;

/// The limit that excludes no timer.
const ALL: u64 = u64::MAX;

impl<T> Wheel<T> {
    /// The key that `pop_due` returns.
    fn pop_key(&mut self, now: u64, limit: u64) -> Option<TimerKey> {
        self.pop_due(now, limit).map(|(key, ..)| key)
    }
}

/// The values of all timers due at `now`, in the order in which they fire.
fn fire<T: Copy>(wheel: &mut Wheel<T>, now: u64) -> Vec<T> {
    let mut fired = Vec::new();
    while let Some(key) = wheel.pop_key(now, ALL) {
        fired.push(*wheel.get_mut(key).unwrap());
    }
    fired
}

/// How many nanoseconds a slot of this level spans.
fn span_of(level: u32) -> u64 {
    1 << (GRANULE_BITS + LEVEL_BITS * level)
}

#[test]
fn an_entry_takes_48_bytes() {
    assert_eq!(size_of::<TimerEntry<Option<Waker>>>(), 48);
    assert_eq!(size_of::<TimerKey>(), 8);
    assert_eq!(size_of::<Due>(), 24);
}

#[test]
fn timers_fire_by_deadline_and_then_in_the_order_of_arming() {
    let mut wheel = Wheel::new();
    for (value, deadline) in [500, 7, YEAR, 500, 70_000, 7, YEAR, 500]
        .into_iter()
        .enumerate()
    {
        wheel.insert(deadline, value);
    }

    let fired = fire(&mut wheel, YEAR);

    assert_eq!(fired, [1, 5, 0, 3, 7, 4, 2, 6]);
}

#[test]
fn equal_deadlines_keep_their_order_through_all_levels() {
    for level in 0..LEVELS as u32 {
        let deadline = span_of(level) * 3 + 5;
        let mut wheel = Wheel::new();
        for value in 0..500 {
            wheel.insert(deadline, value);
        }
        wheel.insert(deadline - 1, 1000);

        let fired = fire(&mut wheel, deadline);

        assert_eq!(fired[0], 1000);
        assert!(fired[1..].iter().copied().eq(0..500));
    }
}

#[test]
fn a_timer_fires_at_its_deadline_and_not_a_nanosecond_earlier() {
    let deadlines = (0..LEVELS as u32).flat_map(|level| {
        let multiples = [1, 2, 31, 32, 33, 62, 63, 64, 65, 127, 128, 4095, 4096, 4097];
        let grid = multiples
            .into_iter()
            .filter_map(move |k| span_of(level).checked_mul(k));
        grid.flat_map(|boundary| [boundary - 1, boundary, boundary + 1])
    });
    for deadline in deadlines {
        for start in [0, 1, deadline / 2, deadline / 64 * 63, deadline - 1] {
            let mut wheel = Wheel::new();
            assert_eq!(wheel.pop_key(start, ALL), None);
            let key = wheel.insert(deadline, ());

            assert_eq!(wheel.next_deadline(), Some(deadline));
            assert_eq!(
                wheel.pop_key(deadline - 1, ALL),
                None,
                "{deadline} from {start}"
            );
            assert_eq!(wheel.next_deadline(), Some(deadline));
            assert_eq!(
                wheel.pop_key(deadline, ALL),
                Some(key),
                "{deadline} from {start}"
            );
            assert_eq!(wheel.next_deadline(), None);
        }
    }
}

#[test]
fn every_millisecond_of_a_minute_fires_on_time() {
    let mut wheel = Wheel::new();
    for millisecond in 1..60_000 {
        wheel.insert(millisecond * MILLISECOND, millisecond);
    }

    for millisecond in 1..60_000 {
        assert_eq!(wheel.next_deadline(), Some(millisecond * MILLISECOND));
        let key = wheel.pop_key(millisecond * MILLISECOND, ALL).unwrap();
        assert_eq!(wheel.remove(key), Some(millisecond));
        assert_eq!(wheel.pop_key(millisecond * MILLISECOND, ALL), None);
    }

    assert!(wheel.is_empty());
}

#[test]
fn a_jump_over_centuries_takes_no_steps() {
    let mut wheel = Wheel::new();
    wheel.insert(5, 'a');
    wheel.insert(u64::MAX - 1, 'c');
    wheel.insert(300 * YEAR, 'b');

    assert_eq!(fire(&mut wheel, 300 * YEAR - 1), ['a']);
    assert_eq!(fire(&mut wheel, u64::MAX - 2), ['b']);
    assert_eq!(fire(&mut wheel, u64::MAX - 1), ['c']);
}

#[test]
fn a_jump_takes_the_timers_of_one_granule_at_a_time() {
    let mut wheel = Wheel::new();
    for value in 0..1000 {
        wheel.insert(value * MILLISECOND, value);
    }

    for value in 0..1000 {
        let key = wheel.pop_key(YEAR, ALL).unwrap();
        assert_eq!(wheel.remove(key), Some(value));
        assert!(
            wheel.due.is_empty(),
            "the heap is small, so firing is cheap"
        );
    }
}

#[test]
fn a_timer_for_never_waits_without_a_deadline() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(NEVER, 'n');
    let other = wheel.insert(NEVER, 'o');

    assert_eq!(wheel.next_deadline(), None);
    assert_eq!(wheel.pop_key(u64::MAX, ALL), None);
    assert_eq!(wheel.len(), 2);

    assert!(wheel.rearm(other, u64::MAX - 1));
    assert_eq!(wheel.pop_key(u64::MAX, ALL), Some(other));
    assert_eq!(wheel.remove(key), Some('n'));
    assert!(wheel.is_empty());
}

#[test]
fn a_deadline_in_the_past_is_due_at_once_and_goes_by_its_deadline() {
    let mut wheel = Wheel::new();
    assert_eq!(wheel.pop_key(YEAR, ALL), None);
    wheel.insert(YEAR, 'd');
    wheel.insert(YEAR - 1, 'c');
    wheel.insert(0, 'a');
    wheel.insert(17, 'b');

    assert_eq!(wheel.next_deadline(), Some(0));
    assert_eq!(fire(&mut wheel, YEAR), ['a', 'b', 'c', 'd']);
}

#[test]
fn an_earlier_time_counts_as_the_latest() {
    let mut wheel = Wheel::new();
    assert_eq!(wheel.pop_key(YEAR, ALL), None);
    wheel.insert(YEAR, 'a');
    wheel.insert(YEAR + 1, 'b');

    assert_eq!(fire(&mut wheel, 3), ['a']);
    wheel.insert(YEAR + 100 * MILLISECOND, 'c');
    assert_eq!(fire(&mut wheel, YEAR - 50 * MILLISECOND), []);
    assert_eq!(fire(&mut wheel, YEAR + 100 * MILLISECOND), ['b', 'c']);
}

#[test]
fn a_timer_armed_in_a_phase_fires_in_the_next() {
    let mut wheel = Wheel::new();
    let first = wheel.insert(10, 'a');
    let second = wheel.insert(20, 'b');
    let limit = wheel.next_sequence();

    assert_eq!(wheel.pop_key(20, limit), Some(first));
    let added = wheel.insert(20, 'c');
    assert!(wheel.rearm(first, 20));
    assert_eq!(wheel.pop_key(20, limit), Some(second));
    assert_eq!(wheel.pop_key(20, limit), None);
    assert_eq!(wheel.next_deadline(), Some(20));

    let limit = wheel.next_sequence();
    assert_eq!(wheel.pop_key(20, limit), Some(added));
    assert_eq!(wheel.pop_key(20, limit), Some(first));
}

#[test]
fn a_timer_armed_again_fires_after_those_with_the_same_deadline() {
    let mut wheel = Wheel::new();
    let keys = ['a', 'b', 'c'].map(|value| wheel.insert(YEAR, value));

    assert!(wheel.rearm(keys[0], YEAR));
    assert_eq!(wheel.next_sequence(), 4);
    assert_eq!(wheel.len(), 3);

    assert_eq!(fire(&mut wheel, YEAR), ['b', 'c', 'a']);
}

#[test]
fn a_timer_that_fired_keeps_its_value_and_can_be_armed_again() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(10, 'a');
    assert!(!wheel.has_fired(key));

    assert_eq!(wheel.pop_key(10, ALL), Some(key));
    assert!(wheel.has_fired(key));
    assert!(wheel.is_empty());
    assert_eq!(wheel.pop_key(10, ALL), None);
    assert_eq!(wheel.get_mut(key), Some(&mut 'a'));

    assert!(wheel.rearm(key, 30));
    assert!(!wheel.has_fired(key));
    assert_eq!(wheel.len(), 1);
    assert_eq!(wheel.pop_key(29, ALL), None);
    assert_eq!(wheel.pop_key(30, ALL), Some(key));
    assert_eq!(wheel.remove(key), Some('a'));
}

#[test]
fn a_stale_key_finds_nothing() {
    let mut wheel = Wheel::new();
    let stale = wheel.insert(10, 'a');
    assert_eq!(wheel.remove(stale), Some('a'));
    let next = wheel.insert(20, 'b');
    assert_eq!(next.index, stale.index, "the entry is used again");
    assert_eq!(wheel.pop_key(20, ALL), Some(next));

    assert!(!wheel.has_fired(stale));
    assert!(!wheel.rearm(stale, 1));
    assert_eq!(wheel.get_mut(stale), None);
    assert_eq!(wheel.remove(stale), None);

    assert!(wheel.has_fired(next));
    assert_eq!(wheel.remove(next), Some('b'));
}

/// Sets the generation of the timer of `key`, as if the entry had been used many times.
fn grow_old<T>(wheel: &mut Wheel<T>, key: TimerKey, generation: u32) -> TimerKey {
    wheel.slab.timer_mut(key.index).generation = generation;
    TimerKey { generation, ..key }
}

#[test]
fn an_entry_without_generations_left_is_retired() {
    let mut wheel = Wheel::new();
    let first = wheel.insert(10, 0);
    let first = grow_old(&mut wheel, first, RETIRED - 2);
    wheel.remove(first);

    let last = wheel.insert(10, 1);
    assert_eq!(last.index, first.index);
    assert_eq!(last.generation, RETIRED - 1);
    assert_eq!(wheel.remove(last), Some(1));
    let next = wheel.insert(10, 2);

    assert_ne!(next.index, first.index);
    assert_eq!(wheel.get_mut(last), None);
    assert_eq!(fire(&mut wheel, 10), [2]);
}

#[test]
fn memory_of_a_burst_is_freed_and_its_keys_stay_stale() {
    let mut wheel = Wheel::new();
    let keys: Vec<_> = (0..10 * ROOM_KEPT_MAX)
        .map(|i| wheel.insert(i as u64 % 2, i))
        .collect();
    let old = grow_old(&mut wheel, keys[0], RETIRED - 1);
    for &key in keys[1..].iter().chain([&old]) {
        assert!(wheel.remove(key).is_some());
    }
    assert!(wheel.slab.entries.capacity() <= ROOM_KEPT_MAX);
    assert!(wheel.due.capacity() <= ROOM_KEPT_MAX);

    let fresh: Vec<_> = keys.iter().map(|_| wheel.insert(YEAR, 0)).collect();

    assert_eq!(
        fresh[0].index, 1,
        "the retired entry is left out, the others come in order"
    );
    assert!(
        keys.iter()
            .chain([&old])
            .all(|&key| wheel.get_mut(key).is_none())
    );
    assert!(fresh.iter().all(|&key| wheel.get_mut(key).is_some()));
    assert_eq!(wheel.len(), fresh.len());
}

#[test]
fn memory_with_a_retired_entry_is_kept() {
    let mut wheel = Wheel::new();
    let mut keys: Vec<_> = (0..=ROOM_KEPT_MAX).map(|i| wheel.insert(YEAR, i)).collect();
    keys[ROOM_KEPT_MAX] = grow_old(&mut wheel, keys[ROOM_KEPT_MAX], RETIRED - 1);

    for &key in &keys {
        assert!(wheel.remove(key).is_some());
    }
    let fresh: Vec<_> = keys.iter().map(|_| wheel.insert(YEAR, 0)).collect();

    assert!(fresh.iter().all(|key| key.index as usize != ROOM_KEPT_MAX));
}

#[test]
fn cancelling_due_timers_for_ever_takes_no_more_memory() {
    let mut wheel = Wheel::new();
    let survivor = wheel.insert(0, 0);

    for deadline in 1..100_000 {
        let key = wheel.insert(deadline % 1000, 1);
        if deadline % 2 == 0 {
            wheel.rearm(key, 1);
        }
        wheel.remove(key);
        assert!(wheel.due.len() <= 3);
    }

    assert!(wheel.due.capacity() < 100);
    assert!(wheel.slab.entries.capacity() < 100);
    assert_eq!(wheel.pop_key(0, ALL), Some(survivor));
}

#[test]
fn a_cancelled_timer_causes_at_most_one_spurious_wake_up() {
    for level in 0..LEVELS as u32 {
        let base = span_of(level);
        let mut wheel = Wheel::new();
        let doomed: Vec<_> = (1..60).map(|i| wheel.insert(base + i, 'x')).collect();
        wheel.insert(base + 63, 'a');
        doomed
            .iter()
            .for_each(|&key| assert_eq!(wheel.remove(key), Some('x')));

        let promise = wheel.next_deadline().unwrap();
        assert!(promise <= base + 63);
        assert_eq!(wheel.pop_key(promise, ALL), None);

        assert_eq!(wheel.next_deadline(), Some(base + 63));
        assert_eq!(fire(&mut wheel, base + 63), ['a']);
        assert_eq!(wheel.next_deadline(), None);
    }
}

/// A wheel whose time is that of the first stretch after the start of a level's slots, with a timer
/// in each of its first `granules` granules; also its time, the deadlines, and the stretch's last
/// nanosecond.
fn dense(granules: u64) -> (Wheel<u64>, u64, Vec<u64>, u64) {
    let start = 3 * span_of(2);
    let deadlines = (0..granules).map(|granule| start + granule * span_of(0) + 10);
    let mut wheel = Wheel::new();
    assert_eq!(wheel.pop_key(start, ALL), None);
    for deadline in deadlines.clone() {
        wheel.insert(deadline, deadline);
    }
    let end = start + (1 << STRETCH_BITS) - 1;
    (wheel, start, deadlines.collect(), end)
}

#[test]
fn each_granule_of_a_sparse_stretch_wakes_the_loop() {
    let (mut wheel, mut now, deadlines, _) = dense(u64::from(EXACT_WAKES_MAX));
    for deadline in deadlines {
        assert_eq!(wheel.next_wake(now), Some(deadline));
        now = deadline;
        assert_eq!(fire(&mut wheel, now), [deadline]);
    }
    assert_eq!(wheel.next_wake(now), None);
}

#[test]
fn a_dense_stretch_wakes_the_loop_once() {
    let (mut wheel, now, deadlines, end) = dense(u64::from(EXACT_WAKES_MAX) + 1);

    assert_eq!(wheel.next_wake(now), Some(end));
    assert_eq!(wheel.next_deadline(), Some(deadlines[0]));

    assert_eq!(fire(&mut wheel, end), deadlines);
}

#[test]
fn timers_with_one_deadline_are_not_dense() {
    let (mut wheel, now, deadlines, _) = dense(1);
    for _ in 0..1000 {
        wheel.insert(deadlines[0], deadlines[0]);
    }

    assert_eq!(wheel.next_wake(now), Some(deadlines[0]));
}

#[test]
fn a_due_timer_is_not_delayed_by_a_dense_stretch() {
    let (mut wheel, _, deadlines, end) = dense(16);

    assert_eq!(wheel.next_wake(deadlines[0] - 1), Some(end));
    assert_eq!(wheel.next_wake(deadlines[0]), Some(deadlines[0]));
}

#[test]
fn timers_of_other_stretches_do_not_make_a_stretch_dense() {
    let (mut wheel, start, deadlines, _) = dense(1);
    for stretch in 1..4 {
        for granule in 0..16 {
            wheel.insert(start + (16 * stretch + granule) * span_of(0), 0);
        }
    }

    assert_eq!(wheel.next_wake(start), Some(deadlines[0]));
}

#[test]
fn cancelled_timers_do_not_make_a_stretch_dense() {
    let (mut wheel, now, deadlines, end) = dense(1);
    let granules = (1..16).map(|granule| deadlines[0] + granule * span_of(0));
    let keys: Vec<_> = granules.map(|at| wheel.insert(at, at)).collect();
    assert_eq!(wheel.next_wake(now), Some(end));

    keys.into_iter().for_each(|key| {
        wheel.remove(key);
    });

    assert_eq!(wheel.next_wake(now), Some(deadlines[0]));
}

#[test]
fn a_stretch_stays_dense_after_a_phase_that_was_ended_by_its_budget() {
    let granule = span_of(0);
    let now = 65 * granule;
    let fill_and_next_wake = |wheel: &mut Wheel<u64>| {
        for n in 66..72 {
            wheel.insert(n * granule, n);
        }
        wheel.next_wake(now)
    };
    let mut fresh = Wheel::new();
    assert_eq!(fresh.pop_key(now, ALL), None);

    // One of two in the same granule fires, and the other is cancelled; or fires, and none is left.
    let mut cancelled = Wheel::new();
    cancelled.insert(62 * granule, 0);
    let left = cancelled.insert(62 * granule + 1, 1);
    assert!(cancelled.pop_key(now, ALL).is_some());
    assert_eq!(cancelled.remove(left), Some(1));
    let mut fired = Wheel::new();
    fired.insert(62 * granule, 0);
    assert!(fired.pop_key(now, ALL).is_some());

    let end = (80 * granule) - 1;
    assert_eq!(fill_and_next_wake(&mut fresh), Some(end));
    assert_eq!(fill_and_next_wake(&mut cancelled), Some(end));
    assert_eq!(fill_and_next_wake(&mut fired), Some(end));
}

#[test]
fn a_hundred_thousand_timers_in_a_second_take_about_a_thousand_waits() {
    let mut wheel = Wheel::new();
    for n in 0..100_000_u64 {
        let deadline = YEAR + n * 7919 % 100_000 * 10_000;
        wheel.insert(deadline, deadline);
    }
    let (mut waits, mut last) = (0, 0);
    while let Some(now) = wheel.next_wake(wheel.now) {
        waits += 1;
        for deadline in fire(&mut wheel, now) {
            assert!((last..=now).contains(&deadline), "in order and not early");
            assert!(
                now - deadline < 1 << STRETCH_BITS,
                "late by {}",
                now - deadline
            );
            last = deadline;
        }
    }
    assert!(wheel.is_empty());
    assert!(waits <= 1250, "{waits} waits");
}

/// A point in time, relative to the present.
#[derive(Clone, Copy, Debug)]
enum When {
    At(u64),
    In(u64),
    Ago(u64),
    /// A nanosecond before, at, or after the start of a slot that many slots ahead.
    Boundary {
        level: u32,
        ahead: u64,
        after: u64,
    },
    /// The deadline of one of the next few timers, or the nanosecond before.
    Deadline {
        of: usize,
        before: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Insert(When),
    Rearm(usize, When),
    Remove(usize),
    /// A phase: the time, how many timers may fire, and how many of the last armed timers it
    /// excludes.
    Fire {
        now: When,
        budget: usize,
        newest: u64,
    },
    /// The loop is about to wait.
    Wake,
}

impl Operation for When {
    fn random(dice: &mut Dice) -> Self {
        match dice.below(15) {
            0..3 => When::In(below(dice, 300_000)),
            3..6 => When::In(any_below_bits(dice, 64)),
            6..10 => {
                let level = dice.below(LEVELS) as u32;
                let ahead = match below(dice, 4) {
                    0 => below(dice, 66),
                    few => few,
                };
                let after = below(dice, 3);
                When::Boundary {
                    level,
                    ahead,
                    after,
                }
            }
            10..13 => When::Deadline {
                of: any(dice) as usize,
                before: below(dice, 2),
            },
            13 => When::Ago(any_below_bits(dice, 64)),
            _ => When::At([0, u64::MAX - 1, NEVER][dice.below(3)]),
        }
    }

    fn smaller(&self) -> Vec<Self> {
        match *self {
            When::At(moment) => less(moment).map(When::At).collect(),
            When::In(delay) => less(delay).map(When::In).collect(),
            When::Ago(delay) => less(delay).map(When::Ago).collect(),
            When::Boundary {
                level,
                ahead,
                after,
            } => {
                let levels = less(u64::from(level)).map(|level| level as u32);
                let levels = levels.map(|level| When::Boundary {
                    level,
                    ahead,
                    after,
                });
                let aheads = less(ahead).map(|ahead| When::Boundary {
                    level,
                    ahead,
                    after,
                });
                let afters = less(after).map(|after| When::Boundary {
                    level,
                    ahead,
                    after,
                });
                levels.chain(aheads).chain(afters).collect()
            }
            When::Deadline { of, before } => {
                let ofs = less(of as u64).map(|of| When::Deadline {
                    of: of as usize,
                    before,
                });
                let befores = less(before).map(|before| When::Deadline { of, before });
                ofs.chain(befores).collect()
            }
        }
    }
}

/// When a phase runs: mostly soon, so that a case does not reach the end of time at once.
fn phase(dice: &mut Dice) -> When {
    match dice.below(14) {
        0..3 => When::In(0),
        3..7 => When::In(below(dice, 2_000_000)),
        7..11 => When::Deadline {
            of: any(dice) as usize,
            before: below(dice, 2),
        },
        11..13 => When::In(any_below_bits(dice, 40)),
        _ => When::random(dice),
    }
}

impl Operation for Step {
    fn random(dice: &mut Dice) -> Self {
        match dice.below(19) {
            0..6 => Step::Insert(When::random(dice)),
            6..8 => Step::Rearm(any(dice) as usize, When::random(dice)),
            8..11 => Step::Remove(any(dice) as usize),
            11..16 => Step::Fire {
                now: phase(dice),
                budget: dice.below(12),
                newest: below(dice, 6).saturating_sub(3),
            },
            _ => Step::Wake,
        }
    }

    fn smaller(&self) -> Vec<Self> {
        match *self {
            Step::Insert(when) => when.smaller().into_iter().map(Step::Insert).collect(),
            Step::Rearm(which, when) => {
                let whiches = less(which as u64).map(|which| Step::Rearm(which as usize, when));
                let whens = when
                    .smaller()
                    .into_iter()
                    .map(|when| Step::Rearm(which, when));
                whiches.chain(whens).collect()
            }
            Step::Remove(which) => {
                let whiches = less(which as u64).map(|which| Step::Remove(which as usize));
                whiches.collect()
            }
            Step::Fire {
                now,
                budget,
                newest,
            } => {
                let nows = now.smaller().into_iter();
                let nows = nows.map(|now| Step::Fire {
                    now,
                    budget,
                    newest,
                });
                let budgets = less(budget as u64).map(|budget| budget as usize);
                let budgets = budgets.map(|budget| Step::Fire {
                    now,
                    budget,
                    newest,
                });
                let newests = less(newest).map(|newest| Step::Fire {
                    now,
                    budget,
                    newest,
                });
                nows.chain(budgets).chain(newests).collect()
            }
            Step::Wake => Vec::new(),
        }
    }
}

/// A timer, and how many may fire after it where many wait.
#[derive(Clone, Copy, Debug)]
struct Insert {
    deadline: When,
    budget: usize,
}

impl Operation for Insert {
    fn random(dice: &mut Dice) -> Self {
        let deadline = When::random(dice);
        let budget = 1 + dice.below(4);
        Insert { deadline, budget }
    }

    fn smaller(&self) -> Vec<Self> {
        let Insert { deadline, budget } = *self;
        let deadlines = deadline.smaller().into_iter();
        let deadlines = deadlines.map(|deadline| Insert { deadline, budget });
        let budgets = less(budget as u64 - 1).map(|budget| budget as usize + 1);
        let budgets = budgets.map(|budget| Insert { deadline, budget });
        deadlines.chain(budgets).collect()
    }
}

fn any(dice: &mut Dice) -> u64 {
    dice.below(usize::MAX) as u64
}

fn below(dice: &mut Dice, bound: usize) -> u64 {
    dice.below(bound) as u64
}

/// A number of at most so many bits, as often of few as of many.
fn any_below_bits(dice: &mut Dice, bits: usize) -> u64 {
    any(dice) >> (64 - bits + dice.below(bits))
}

/// Some numbers below `number`, which may be none.
fn less(number: u64) -> impl Iterator<Item = u64> {
    let some = [0, number / 2, number.saturating_sub(1)];
    some.into_iter().filter(move |&less| less < number)
}

/// A wheel and its model.
struct Pair {
    wheel: Wheel<usize>,
    /// Waiting timers in order, by their number.
    waiting: BTreeMap<(u64, u64), usize>,
    /// All timers ever inserted: key, deadline and sequence; none if removed.
    timers: Vec<(TimerKey, Option<(u64, u64)>)>,
    sequence: u64,
    now: u64,
    /// Whether a waiting timer was cancelled or re-armed since the wheel was empty.
    blurred: bool,
}

impl Pair {
    fn new() -> Self {
        Pair {
            wheel: Wheel::new(),
            waiting: BTreeMap::new(),
            timers: Vec::new(),
            sequence: 0,
            now: 0,
            blurred: false,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Insert(deadline) => self.insert(self.moment(deadline)),
            Step::Rearm(which, deadline) => self.rearm(which, self.moment(deadline)),
            Step::Remove(which) => self.remove(which),
            Step::Wake => self.compare_wake(),
            Step::Fire {
                now,
                budget,
                newest,
            } => {
                self.now = self.now.max(self.moment(now));
                let limit = self.sequence.saturating_sub(newest);
                for _ in 0..budget {
                    if !self.fire(limit) {
                        break;
                    }
                }
            }
        }
        self.compare();
    }

    fn moment(&self, when: When) -> u64 {
        match when {
            When::At(moment) => moment,
            When::In(delay) => self.now.saturating_add(delay),
            When::Ago(delay) => self.now.saturating_sub(delay),
            When::Boundary {
                level,
                ahead,
                after,
            } => {
                let slot = (self.now / span_of(level)).saturating_add(ahead);
                let start = slot.saturating_mul(span_of(level));
                start.saturating_add(after).saturating_sub(1)
            }
            When::Deadline { of, before } => {
                let some = of % self.waiting.len().clamp(1, 6);
                let timer = self.waiting.keys().nth(some);
                timer.map_or(self.now, |&(deadline, _)| deadline.saturating_sub(before))
            }
        }
    }

    /// The number of a timer, most likely of one that still has its entry.
    fn choose(&self, which: usize) -> Option<usize> {
        let recent = which % self.timers.len().clamp(1, 16);
        self.timers.len().checked_sub(recent + 1)
    }

    fn arm(&mut self, number: usize, deadline: u64) {
        let armed = (deadline, self.sequence);
        self.sequence += 1;
        self.timers[number].1 = Some(armed);
        self.waiting.insert(armed, number);
    }

    fn disarm(&mut self, number: usize) {
        let armed = self.timers[number].1;
        self.blurred |= armed.is_some_and(|armed| self.waiting.remove(&armed).is_some());
    }

    fn insert(&mut self, deadline: u64) {
        let number = self.timers.len();
        let key = self.wheel.insert(deadline, number);
        self.timers.push((key, None));
        self.arm(number, deadline);
    }

    fn rearm(&mut self, which: usize, deadline: u64) {
        let Some(number) = self.choose(which) else {
            return;
        };
        let (key, armed) = self.timers[number];
        assert_eq!(self.wheel.rearm(key, deadline), armed.is_some());
        if armed.is_some() {
            self.disarm(number);
            self.arm(number, deadline);
        }
    }

    fn remove(&mut self, which: usize) {
        let Some(number) = self.choose(which) else {
            return;
        };
        let (key, armed) = self.timers[number];
        assert_eq!(self.wheel.remove(key), armed.map(|_| number));
        self.disarm(number);
        self.timers[number].1 = None;
    }

    /// The true next deadline.
    fn next_deadline(&self) -> Option<u64> {
        let (&(deadline, _), _) = self.waiting.first_key_value()?;
        Some(deadline).filter(|&deadline| deadline != NEVER)
    }

    /// Fires one timer. Returns false if none is due.
    fn fire(&mut self, limit: u64) -> bool {
        let promise = self.wheel.next_deadline();
        let fired = self.wheel.pop_key(self.now, limit);
        let is_due = self
            .next_deadline()
            .is_some_and(|deadline| deadline <= self.now);
        let first = self
            .waiting
            .first_entry()
            .filter(|first| is_due && first.key().1 < limit);
        assert_eq!(
            fired,
            first.as_ref().map(|first| self.timers[*first.get()].0)
        );
        if let Some(first) = first {
            first.remove();
            return true;
        }
        if !is_due {
            // The wheel keeps up with an idle loop, so that the timers armed next are near.
            assert_eq!(self.wheel.position, self.now >> GRANULE_BITS);
            let next = self.wheel.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "a loop would spin");
            if promise.is_some_and(|promise| promise <= self.now) {
                assert_eq!(
                    next,
                    self.next_deadline(),
                    "a loop would have a second spurious wake-up"
                );
            }
        }
        false
    }

    fn compare(&mut self) {
        assert_eq!(self.wheel.len(), self.waiting.len());
        assert_eq!(self.wheel.is_empty(), self.waiting.is_empty());
        assert_eq!(self.wheel.next_sequence(), self.sequence);
        for number in 0..self.timers.len() {
            let (key, armed) = self.timers[number];
            assert_eq!(self.wheel.get_mut(key).copied(), armed.map(|_| number));
            let fired = armed.is_some_and(|armed| !self.waiting.contains_key(&armed));
            assert_eq!(self.wheel.has_fired(key), fired);
        }
        self.blurred &= !self.waiting.is_empty();
        let (promised, truth) = (self.wheel.next_deadline(), self.next_deadline());
        assert_eq!(promised.is_some(), truth.is_some());
        assert!(promised <= truth);
        assert!(self.blurred || promised == truth);
        check_structure(&self.wheel);
    }

    /// A loop sleeps until the next deadline or, if timers of more than so many granules of its
    /// stretch wait on the lowest level, until that is over.
    fn compare_wake(&mut self) {
        let wake = self.wheel.next_wake(self.now);
        // The call may have made the next deadline exact.
        let promised = self.wheel.next_deadline();
        assert!(promised <= self.next_deadline());
        let Some(first) = promised else {
            assert_eq!(wake, None);
            return;
        };
        let stretch = first >> STRETCH_BITS;
        let deadlines = self.waiting.keys().map(|&(deadline, _)| deadline);
        let near = deadlines.filter(|deadline| deadline >> STRETCH_BITS == stretch);
        let granules: BTreeSet<u64> = near.map(|deadline| deadline >> GRANULE_BITS).collect();
        let is_told_apart = first / span_of(1) == self.wheel.now / span_of(1);
        let is_put_off =
            first > self.now && is_told_apart && granules.len() > EXACT_WAKES_MAX as usize;
        let end = first | ((1 << STRETCH_BITS) - 1);
        assert_eq!(wake, Some(if is_put_off { end } else { first }));
    }

    /// Waits from deadline to deadline until no timer is left, as an idle loop does.
    fn drain(&mut self) {
        let mut in_vain = 0;
        while let Some(deadline) = self.wheel.next_deadline() {
            self.now = self.now.max(deadline);
            in_vain = if self.fire(ALL) { 0 } else { in_vain + 1 };
            assert!(in_vain <= 1);
        }
        assert_eq!(self.next_deadline(), None);
        self.compare();
    }
}

/// Asserts what must hold inside the wheel between calls.
fn check_structure<T>(wheel: &Wheel<T>) {
    assert!(wheel.position <= wheel.now >> GRANULE_BITS);
    let mut in_slots = 0;
    for (level, digit) in (0..LEVELS).flat_map(|level| (0..SLOTS).map(move |digit| (level, digit)))
    {
        let slot = &wheel.slots[level][digit];
        assert_eq!(wheel.occupied[level] >> digit & 1 == 1, slot.head != NIL);
        let (mut previous, mut next) = (NIL, slot.head);
        while next != NIL {
            let timer = wheel.slab.timer(next);
            assert_eq!(timer.place, TimerState::Level(level as u8));
            assert_eq!(timer.previous, previous);
            assert_eq!(digit_of(timer.deadline, level), digit);
            assert!(timer.deadline >= slot.earliest);
            assert!(digit > digit_of(wheel.position << GRANULE_BITS, level));
            let granule = timer.deadline >> GRANULE_BITS;
            let above = LEVEL_BITS * (level as u32 + 1);
            assert_eq!(granule >> above, wheel.position >> above);
            (previous, next) = (next, timer.next);
            in_slots += 1;
        }
    }
    let alive = wheel
        .due
        .iter()
        .filter(|due| wheel.slab.is_alive(&due.0))
        .count();
    assert_eq!(wheel.due.len(), alive + wheel.dead);
    assert!(wheel.dead <= alive);
    assert!(
        wheel
            .due
            .peek()
            .is_none_or(|first| wheel.slab.is_alive(&first.0))
    );
    let never = wheel.slab.entries.iter().filter(
        |entry| matches!(entry, TimerEntry::Occupied(timer) if timer.place == TimerState::Never),
    );
    assert_eq!(wheel.len(), in_slots + alive + never.count());
}

/// Few enough that both properties are tested in about a second without optimization.
const PROGRAMS: u64 = 300;

/// Operations of the longest program.
const LENGTH: usize = 99;

#[test]
fn the_wheel_agrees_with_the_model() {
    check_some(PROGRAMS, "cargo test --lib wheel", LENGTH, |program| {
        let mut pair = Pair::new();
        for &step in program {
            pair.take(step);
        }
        pair.drain();
        Ok(())
    });
}

#[test]
fn without_cancelling_the_next_deadline_is_exact() {
    check_some(PROGRAMS, "cargo test --lib wheel", LENGTH, |program| {
        let mut pair = Pair::new();
        for &Insert { deadline, budget } in program {
            pair.take(Step::Insert(deadline));
            if pair.waiting.len() > 40 {
                let now = When::Deadline { of: 2, before: 0 };
                pair.take(Step::Fire {
                    now,
                    budget,
                    newest: 0,
                });
            }
        }
        assert!(!pair.blurred);
        while let Some(now) = pair.next_deadline() {
            pair.take(Step::Fire {
                now: When::At(now),
                budget: 1,
                newest: 0,
            });
        }
        Ok(())
    });
}
