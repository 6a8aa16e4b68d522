//! Random programs that repeat: each is made from its seed, and one that fails is shrunk.
//!
//! A program is a list of operations on a few numbered places. Any part of a program is a program
//! too, so a failing one is made shorter by leaving operations out, and simpler by making their
//! numbers smaller, as long as it fails.

use std::any::Any;
use std::env;
use std::fmt::{Debug, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Programs that are tried where `QUINTET_SEEDS` says nothing else.
const PROGRAMS_DEFAULT: u64 = 2000;

/// Random numbers that repeat with their seed (`SplitMix64`).
pub(crate) struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// Returns a number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// One operation of a program; made by [`operations`].
pub(crate) trait Operation: Clone + Debug {
    fn random(dice: &mut Dice) -> Self;

    /// Returns the same operation with a number made smaller, for each number in some ways.
    fn smaller(&self) -> Vec<Self>;
}

/// Defines the enum `Op` of a program's operations: for each how often it comes, relative to the
/// others, and the bounds of its numbers.
macro_rules! operations {
    ($($weight:literal $name:ident $({ $($number:ident: $bound:expr),* })?;)*) => {
        #[derive(Clone, Debug)]
        enum Op {
            $($name $({ $($number: usize),* })?,)*
        }

        impl $crate::programs::Operation for Op {
            fn random(dice: &mut $crate::programs::Dice) -> Self {
                let mut left = dice.below(0 $(+ $weight)*);
                $(
                    if left < $weight {
                        return Op::$name $({ $($number: dice.below($bound)),* })?;
                    }
                    #[allow(unused_assignments, reason = "the last of them")]
                    {
                        left -= $weight;
                    }
                )*
                unreachable!("a number below the sum of the weights")
            }

            fn smaller(&self) -> Vec<Self> {
                let mut all = Vec::new();
                for less in [|_| 0, |number: usize| number / 2, |number| number - 1] {
                    let _ = less;
                    $($($({
                        let mut op = self.clone();
                        if let Op::$name { $number, .. } = &mut op && *$number > 0 {
                            *$number = less(*$number);
                            all.push(op);
                        }
                    })*)?)*
                }
                all
            }
        }
    };
}
pub(crate) use operations;

/// Tries many random programs of up to `length` operations. Panics if one fails, with a smaller one
/// that fails too, and how to repeat it: `command` is what runs the test.
pub(crate) fn check<O: Operation>(
    command: &str,
    length: usize,
    run: impl Fn(&[O]) -> Result<(), String>,
) {
    check_some(PROGRAMS_DEFAULT, command, length, run);
}

/// The same with another number of programs, where they take their time.
pub(crate) fn check_some<O: Operation>(
    programs: u64,
    command: &str,
    length: usize,
    run: impl Fn(&[O]) -> Result<(), String>,
) {
    let seeds = match number("QUINTET_SEED") {
        Some(seed) => seed..seed.saturating_add(1),
        None => 0..number("QUINTET_SEEDS").unwrap_or(programs),
    };
    for seed in seeds {
        let mut dice = Dice::new(seed);
        let length = 1 + dice.below(length);
        let program: Vec<O> = (0..length).map(|_| O::random(&mut dice)).collect();
        let Err(failure) = attempt(&run, &program) else {
            continue;
        };
        let (program, failure) = shrink(program, failure, |part| attempt(&run, part));
        let mut text = String::new();
        for (step, op) in program.iter().enumerate() {
            writeln!(text, "  {step}: {op:?}").expect("a string can be written to");
        }
        panic!(
            "program {seed} fails, and so does this one:\n{text}{failure}\n\nRun it again:\n  QUINTET_SEED={seed} {command}"
        );
    }
}

/// Runs a program. A panic is a failure.
fn attempt<O>(run: impl Fn(&[O]) -> Result<(), String>, program: &[O]) -> Result<(), String> {
    let result = catch_unwind(AssertUnwindSafe(|| run(program)));
    result.unwrap_or_else(|payload| Err(format!("it panics: {}", message(&*payload))))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

/// Makes a failing program smaller while it fails. Returns it with its failure.
fn shrink<O: Operation>(
    mut program: Vec<O>,
    mut failure: String,
    attempt: impl Fn(&[O]) -> Result<(), String>,
) -> (Vec<O>, String) {
    while let Some(smaller) = smaller(&program, &attempt) {
        (program, failure) = smaller;
    }
    (program, failure)
}

/// Returns a program that is smaller by one step of shrinking and fails, with its failure.
fn smaller<O: Operation>(
    program: &[O],
    attempt: impl Fn(&[O]) -> Result<(), String>,
) -> Option<(Vec<O>, String)> {
    let fails = |part: Vec<O>| Some((attempt(&part).err()?, part));
    let mut width = program.len();
    while width > 0 {
        for start in (0..program.len()).step_by(width) {
            let end = (start + width).min(program.len());
            let part = [&program[..start], &program[end..]].concat();
            if let Some((failure, part)) = fails(part) {
                return Some((part, failure));
            }
        }
        width /= 2;
    }
    for (step, op) in program.iter().enumerate() {
        for simpler in op.smaller() {
            let mut part = program.to_vec();
            part[step] = simpler;
            if let Some((failure, part)) = fails(part) {
                return Some((part, failure));
            }
        }
    }
    None
}

/// Returns the number that an environment variable holds.
fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) => panic!("{variable} is {text:?}: {error}"),
    }
}
