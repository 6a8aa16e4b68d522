//! The functions that the macros call. They are not part of the public API.

use std::cell::RefCell;
use std::env;
use std::fmt::Debug;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::thread;
use std::time::Duration;

use crate::report;
use crate::runtime::{Builder, Handle, Runtime, Stalled};
use crate::task::{self, LocalKey, boxed_if_large};
use crate::testing;
use crate::time;

/// The exit code of a program with tasks that nothing can wake. It is the same as Node's.
const EXIT_STALLED: i32 = 13;

/// The environment variable that sets the seed of a test.
const SEED_VARIABLE: &str = "QUINTET_SEED";

/// Runs a function that is called `main`. If the runtime cannot be built, prints one line and exits
/// with code 1.
#[track_caller]
pub fn run_or_exit<F: Future>(
    build: impl FnOnce(&mut Builder) -> io::Result<Runtime>,
    body: F,
) -> F::Output {
    boxed_if_large!(body: F => build_or_exit(build).block_on(body))
}

/// Runs a function with another name.
///
/// # Panics
///
/// If the runtime cannot be built, and in the same cases as `block_on`.
#[track_caller]
pub fn run_or_panic<F: Future>(
    build: impl FnOnce(&mut Builder) -> io::Result<Runtime>,
    body: F,
) -> F::Output {
    boxed_if_large!(body: F => build_or_panic(build).block_on(body))
}

/// Runs a function that is called `main`, until nothing keeps the loop alive.
#[track_caller]
pub fn keep_alive_or_exit<F>(
    build: impl FnOnce(&mut Builder) -> io::Result<Runtime>,
    body: F,
) -> F::Output
where
    F: Future<Output: 'static> + 'static,
{
    let ended = boxed_if_large!(body: F => run_while_alive(build_or_exit(build), body));
    match ended {
        Ok(output) => output,
        Err(Some(stalled)) => {
            report::print(format_args!("{stalled}"));
            process::exit(EXIT_STALLED);
        }
        // The program asked its runtime to stop.
        Err(None) => process::exit(0),
    }
}

/// Runs a function with another name, until nothing keeps the loop alive.
///
/// # Panics
///
/// If the runtime cannot be built, if it stalls, if it is stopped before the function has ended,
/// and in the same cases as `run`.
#[track_caller]
pub fn keep_alive_or_panic<F>(
    build: impl FnOnce(&mut Builder) -> io::Result<Runtime>,
    body: F,
) -> F::Output
where
    F: Future<Output: 'static> + 'static,
{
    let ended = boxed_if_large!(body: F => run_while_alive(build_or_panic(build), body));
    match ended {
        Ok(output) => output,
        Err(Some(stalled)) => panic!("{stalled}"),
        Err(None) => panic!("the runtime was stopped before the function had ended"),
    }
}

/// Runs `body` as a task until nothing keeps the loop alive. The error is `None` if the runtime was
/// stopped.
#[track_caller]
fn run_while_alive<F>(runtime: Runtime, body: F) -> Result<F::Output, Option<Stalled>>
where
    F: Future<Output: 'static> + 'static,
{
    let guard = runtime.enter();
    let root = task::Builder::new().name("root").spawn(body);
    drop(guard);
    runtime.run().map_err(Some)?;
    if !root.is_finished() {
        // It waits for something that is unreferenced, or the runtime was stopped.
        return Err(None);
    }
    match runtime.block_on(root) {
        Ok(output) => Ok(output),
        Err(error) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            Err(_cancelled) => Err(None),
        },
    }
}

#[track_caller]
fn build_or_exit(build: impl FnOnce(&mut Builder) -> io::Result<Runtime>) -> Runtime {
    match build(&mut Builder::new()) {
        Ok(runtime) => runtime,
        Err(error) => {
            report::print(format_args!("the runtime could not be built: {error}"));
            process::exit(1);
        }
    }
}

#[track_caller]
fn build_or_panic(build: impl FnOnce(&mut Builder) -> io::Result<Runtime>) -> Runtime {
    match build(&mut Builder::new()) {
        Ok(runtime) => runtime,
        Err(error) => panic!("quintet: the runtime could not be built: {error}"),
    }
}

/// For `select!`, `join!` and `try_join!`.
pub use crate::macros::{Start, in_order, poll_branches, rotate};
pub use futures::future::maybe_done;
pub use quintet_macros::{borrowed_pattern, error_at, located_at};

/// For `task_local!`, which may be used in crates without std.
pub use std::thread_local;

/// The type of the thread-local that `task_local!` declares.
pub type TaskLocalValue<T> = RefCell<Option<T>>;

/// The value of a task-local outside of its scopes.
pub const fn no_value<T>() -> TaskLocalValue<T> {
    RefCell::new(None)
}

/// For `task_local!`: the key of the thread-local that it declares.
pub const fn local_key<T>(value: thread::LocalKey<TaskLocalValue<T>>) -> LocalKey<T> {
    LocalKey::new(value)
}

/// The settings of a test.
#[derive(Debug, Default)]
pub struct TestConfig {
    seed: Option<u64>,
    seeds: Option<u64>,
    timeout: Option<Duration>,
    denies_leaks: bool,
    /// How much CPU time one poll may take.
    poll_limit: Option<Duration>,
}

impl TestConfig {
    /// The settings of one run without a seed.
    #[must_use]
    pub fn new() -> Self {
        TestConfig::default()
    }

    /// Sets the seed, or the first one of several.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the number of seeds. The first one is zero, or the one that is set by `seed`.
    #[must_use]
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = Some(seeds);
        self
    }

    /// Sets how long a run may take, by the clock of its loop.
    #[must_use]
    pub fn timeout(mut self, nanos: u64) -> Self {
        self.timeout = Some(Duration::from_nanos(nanos));
        self
    }

    /// Sets whether the test fails if it leaves something behind: "deny" or "allow".
    #[must_use]
    pub fn leaks(mut self, level: &str) -> Self {
        self.denies_leaks = level == "deny";
        self
    }

    /// Sets how much CPU time one poll of a task may take.
    #[must_use]
    pub fn blocked(mut self, nanos: u64) -> Self {
        self.poll_limit = Some(Duration::from_nanos(nanos));
        self
    }

    /// Runs a test once.
    ///
    /// # Panics
    ///
    /// If the runtime cannot be built, if the timeout expires, and in the same cases as `block_on`.
    #[track_caller]
    pub fn run<F: Future>(
        self,
        build: impl FnOnce(&mut Builder) -> io::Result<Runtime>,
        body: impl FnOnce() -> F,
    ) -> F::Output {
        let seed = self.seed.map(|seed| seed_from_env().unwrap_or(seed));
        self.run_once(seed, build, body, |_| false)
    }

    /// Runs a test once, and makes the other checks if it succeeds.
    ///
    /// # Panics
    ///
    /// In the same cases as [`run`](TestConfig::run), if something is left that must not be, and if
    /// a poll has taken too long.
    #[track_caller]
    pub fn run_checked<F: Future<Output: TestOutput>>(
        self,
        build: impl FnOnce(&mut Builder) -> io::Result<Runtime>,
        body: impl FnOnce() -> F,
    ) -> F::Output {
        let seed = self.seed.map(|seed| seed_from_env().unwrap_or(seed));
        self.run_once(seed, build, body, TestOutput::is_success)
    }

    /// Runs a test with each seed, until one fails.
    ///
    /// # Panics
    ///
    /// In the same cases as [`run_checked`](TestConfig::run_checked).
    #[track_caller]
    pub fn run_seeds<F: Future<Output: TestOutput>>(
        self,
        build: impl Fn(&mut Builder) -> io::Result<Runtime>,
        body: impl Fn() -> F,
    ) -> F::Output {
        let first = self.seed.unwrap_or(0);
        let (mut seed, last) = match (seed_from_env(), self.seeds) {
            (Some(seed), _) => (seed, seed),
            (None, seeds) => (first, first.saturating_add(seeds.unwrap_or(1) - 1)),
        };
        loop {
            let run = || self.run_once(Some(seed), &build, &body, TestOutput::is_success);
            let result = panic::catch_unwind(AssertUnwindSafe(run));
            if !matches!(&result, Ok(output) if output.is_success()) {
                report_seed(seed);
                return result.unwrap_or_else(|payload| panic::resume_unwind(payload));
            }
            if let (Ok(output), true) = (result, seed == last) {
                return output;
            }
            seed += 1;
        }
    }

    #[track_caller]
    fn run_once<F: Future>(
        &self,
        seed: Option<u64>,
        build: impl FnOnce(&mut Builder) -> io::Result<Runtime>,
        body: impl FnOnce() -> F,
        should_check: impl FnOnce(&F::Output) -> bool,
    ) -> F::Output {
        let runtime = build_or_panic(|builder| {
            if let Some(seed) = seed {
                builder.seed(seed);
            }
            if let Some(limit) = self.poll_limit {
                builder.limit_polls(limit);
            }
            build(builder)
        });
        let output = match self.timeout {
            Some(limit) => runtime.block_on(with_timeout(limit, Box::pin(body()))),
            None => runtime.block_on(body()),
        };
        if should_check(&output) {
            if self.denies_leaks {
                testing::assert_no_leaks(&runtime);
            }
            self.assert_short_polls(&runtime);
        }
        output
    }

    /// # Panics
    ///
    /// If a poll has taken more CPU time than is allowed.
    #[track_caller]
    fn assert_short_polls(&self, runtime: &Runtime) {
        if let (Some(limit), Some((task, took))) = (self.poll_limit, runtime.longest_poll()) {
            panic!(
                "a poll of {task} took {took:?} of CPU time, and this test allows {limit:?}; divide \
                 it with `yield_now`, or move it to `spawn_blocking` or `spawn_cpu`"
            );
        }
    }
}

/// Awaits the body of a test.
///
/// # Panics
///
/// If the timeout expires.
async fn with_timeout<F: Future>(limit: Duration, body: F) -> F::Output {
    match time::timeout(limit, body).await {
        Ok(output) => output,
        Err(_elapsed) => {
            let dump = Handle::current().dump();
            panic!("the test did not end within {limit:?}; {dump}");
        }
    }
}

/// The seed that is set by the environment.
#[track_caller]
fn seed_from_env() -> Option<u64> {
    let value = env::var_os(SEED_VARIABLE)?;
    let seed = value.to_str().and_then(|text| text.parse().ok());
    match seed {
        Some(seed) => Some(seed),
        None => panic!("{SEED_VARIABLE} is {value:?}; it must be a number below 2^64"),
    }
}

fn report_seed(seed: u64) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("");
    // Unlike the output of `report::print`, this is captured with the output of the test.
    eprintln!(
        "quintet: the test failed with seed {seed}; to run it again with this seed alone: \
         {SEED_VARIABLE}={seed} cargo test {name}"
    );
}

/// The return type of a test that runs with many seeds, or is checked for leaks.
pub trait TestOutput {
    /// Whether the test succeeded.
    fn is_success(&self) -> bool;
}

impl TestOutput for () {
    fn is_success(&self) -> bool {
        true
    }
}

impl<T, E: Debug> TestOutput for Result<T, E> {
    fn is_success(&self) -> bool {
        self.is_ok()
    }
}
