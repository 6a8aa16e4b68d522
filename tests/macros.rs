//! What `#[quintet::main]` and `#[quintet::test]` make of functions, as their callers see it.
//! What they refuse is in `ui`.

use std::{
    cell::Cell,
    env,
    error::Error,
    fmt, io,
    num::ParseIntError,
    process::{Command, Output},
    rc::Rc,
};

use quintet::task::yield_now;

#[quintet::main]
async fn number() -> u32 {
    yield_now().await;
    42
}

#[test]
fn a_function_under_main_is_an_ordinary_function() {
    let function: fn() -> u32 = number;

    assert_eq!(function(), 42);
    assert_eq!(function(), 42, "a second call has a runtime of its own");
}

#[quintet::main]
async fn nothing() {}

#[quintet::main(workers = 2, name = "macros")]
async fn with_arguments() -> &'static str {
    yield_now().await;
    "done"
}

#[quintet::main()]
async fn with_no_arguments_in_parentheses() {}

#[test]
fn arguments_are_optional() {
    nothing();
    with_no_arguments_in_parentheses();
    assert_eq!(with_arguments(), "done");
}

async fn parse(text: &str) -> Result<u32, ParseIntError> {
    yield_now().await;
    text.parse()
}

#[quintet::main]
async fn sum() -> Result<u32, Box<dyn Error>> {
    let sum = parse("1").await? + parse("2").await?;
    if sum < 4 {
        return Err("too little".into());
    }
    Ok(sum)
}

#[quintet::main]
async fn converts_the_error() -> Result<u32, Box<dyn Error>> {
    Ok(parse("one").await?)
}

#[quintet::main]
async fn first_even() -> Option<u32> {
    for number in [1, 3, 4, 5] {
        yield_now().await;
        if number % 2 == 0 {
            return Some(number);
        }
    }
    None
}

#[test]
fn return_and_the_question_mark_leave_the_function() {
    assert_eq!(sum().unwrap_err().to_string(), "too little");
    assert!(converts_the_error().unwrap_err().is::<ParseIntError>());
    assert_eq!(first_even(), Some(4));
}

#[quintet::main]
async fn coerced() -> Box<dyn Fn(u32) -> u32> {
    Box::new(|number| number + 1)
}

#[quintet::main]
async fn opaque() -> impl fmt::Display + use<> {
    yield_now().await;
    42
}

struct Buffer<const SIZE: usize>([u32; SIZE]);

#[quintet::main]
async fn with_braces() -> Buffer<{ 1 + 1 }> {
    Buffer([1, 2])
}

#[quintet::main]
async fn forever() -> ! {
    yield_now().await;
    panic!("for ever is over");
}

#[test]
fn the_return_type_is_the_one_that_is_written() {
    assert_eq!(coerced()(1), 2);
    assert_eq!(opaque().to_string(), "42");
    assert_eq!(with_braces().0, [1, 2]);
}

#[test]
#[should_panic(expected = "for ever is over")]
fn a_function_that_never_returns_may_still_panic() {
    forever()
}

#[quintet::main]
async fn not_send() -> u32 {
    let count = Rc::new(Cell::new(1));
    yield_now().await;
    count.set(count.get() + 1);
    count.get()
}

#[quintet::main]
async fn with_inner_attributes() -> u32 {
    #![allow(unused_variables, reason = "the attribute is to be seen at work")]
    let unused = 1;
    2
}

/// A name that the expansion uses as well.
#[quintet::main]
async fn builder() -> u32 {
    fn run_or_panic() -> u32 {
        5
    }
    yield_now().await;
    run_or_panic()
}

#[test]
fn the_body_is_taken_as_it_is() {
    assert_eq!(not_send(), 2);
    assert_eq!(with_inner_attributes(), 2);
    assert_eq!(builder(), 5);
}

mod elsewhere {
    #[quintet::main]
    pub(super) async fn visible() -> &'static str {
        module_path!()
    }

    pub(super) struct Server;

    impl Server {
        #[quintet::main]
        pub(super) async fn run() -> Server {
            Server
        }
    }
}

#[test]
fn visibility_is_kept_and_an_impl_is_no_obstacle() {
    assert!(elsewhere::visible().ends_with("elsewhere"));
    let elsewhere::Server = elsewhere::Server::run();
}

macro_rules! functions {
    ($($visibility:vis $name:ident: $type:ty = $workers:literal $body:block)*) => {$(
        #[quintet::main(workers = $workers)]
        $visibility async fn $name() -> $type $body
    )*};
}

functions! {
    private: u32 = 1 { 1 }
    pub(crate) public: Result<u32, ParseIntError> = 2 { parse("2").await }
}

macro_rules! attributed {
    ($function:item) => {
        #[quintet::main]
        $function
    };
}

attributed! {
    async fn whole() -> u32 {
        3
    }
}

#[test]
fn fragments_of_a_macro_are_read_like_what_they_stand_for() {
    assert_eq!((private(), public(), whole()), (1, Ok(2), 3));
}

/// What the attributes need of a runtime, and no more.
mod recorder {
    pub(crate) mod __private {
        #[derive(Default)]
        pub(crate) struct Builder(Vec<String>);

        impl Builder {
            pub(crate) fn worker_threads(&mut self, count: usize) -> &mut Self {
                self.0.push(format!("worker_threads({count})"));
                self
            }

            pub(crate) fn name(&mut self, name: &str) -> &mut Self {
                self.0.push(format!("name({name})"));
                self
            }

            pub(crate) fn build(&mut self) -> Vec<String> {
                self.0.clone()
            }
        }

        pub(crate) fn run_or_exit<F: Future>(
            build: fn(&mut Builder) -> Vec<String>,
            body: F,
        ) -> Vec<String> {
            let mut calls = run_or_panic(build, body);
            calls.push("or exit".to_owned());
            calls
        }

        pub(crate) fn run_or_panic<F: Future>(
            build: fn(&mut Builder) -> Vec<String>,
            _body: F,
        ) -> Vec<String> {
            build(&mut Builder::default())
        }
    }
}

mod recorded {
    macro_rules! exported {
        () => {
            #[quintet::main(crate = $crate::recorder)]
            pub(crate) async fn by_a_macro() -> Vec<String> {
                unreachable!("the recorder runs nothing")
            }
        };
    }

    exported!();

    #[quintet::main(workers = 0x1_0, name = r#"a "loop""#, crate = super::recorder,)]
    pub(crate) async fn by_path() -> Vec<String> {
        unreachable!("the recorder runs nothing")
    }

    #[quintet::main(crate = "crate::recorder", name = "x", workers = 1)]
    pub(crate) async fn by_string() -> Vec<String> {
        unreachable!("the recorder runs nothing")
    }

    #[quintet::main(crate = crate::recorder)]
    pub(crate) async fn main() -> Vec<String> {
        unreachable!("the recorder runs nothing")
    }
}

#[test]
fn the_arguments_become_calls_on_the_builder_in_their_order() {
    assert_eq!(
        recorded::by_path(),
        ["worker_threads(16)", "name(a \"loop\")"]
    );
    assert_eq!(recorded::by_string(), ["name(x)", "worker_threads(1)"]);
    assert!(recorded::by_a_macro().is_empty());
}

#[test]
fn only_a_function_called_main_may_end_the_process() {
    assert_eq!(recorded::main(), ["or exit"]);
}

mod under_test {
    // Their names are those of the standard attributes, which the expansion must not mind.
    use quintet::{main, task::yield_now, test};

    #[main]
    async fn one() -> u32 {
        1
    }

    #[test]
    async fn awaits() {
        yield_now().await;
        assert_eq!(std::thread::spawn(one).join().unwrap(), 1);
    }

    #[test(workers = 1, name = "test")]
    async fn returns_a_result() -> Result<(), std::num::ParseIntError> {
        assert_eq!(super::parse("7").await?, 7);
        Ok(())
    }

    #[test]
    #[should_panic(expected = "the body ran")]
    async fn runs_its_body() {
        yield_now().await;
        panic!("the body ran");
    }

    #[should_panic(expected = "InvalidDigit")]
    #[test]
    async fn has_attributes_before_and_after() {
        super::parse("seven").await.unwrap();
    }

    #[test]
    #[cfg(any())]
    async fn is_left_out() {
        panic!("the attribute behind ours was lost");
    }
}

mod program {
    #[quintet::main]
    pub(super) async fn main() {
        println!("the program has started");
    }
}

#[test]
#[ignore = "it may end the process: `in_a_process_of_its_own` runs it"]
fn starts_a_program() {
    program::main();
}

#[quintet::test]
#[ignore = "it may fail: `in_a_process_of_its_own` runs it"]
async fn starts_a_test() {}

/// Runs one of the ignored tests of this file with `QUINTET_WORKERS` set to `workers`.
fn in_a_process_of_its_own(test: &str, workers: &str) -> io::Result<Output> {
    Command::new(env::current_exe()?)
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env("QUINTET_WORKERS", workers)
        .env_remove("RUST_BACKTRACE")
        .output()
}

#[test]
fn a_program_whose_runtime_cannot_be_built_says_so_in_one_line() {
    let output = in_a_process_of_its_own("starts_a_program", "abc").unwrap();

    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.starts_with("quintet: the runtime could not be built: "),
        "{errors}"
    );
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_test_whose_runtime_cannot_be_built_panics_at_its_attribute() {
    let output = in_a_process_of_its_own("starts_a_test", "abc").unwrap();

    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("quintet: the runtime could not be built: "),
        "{errors}"
    );
    assert!(errors.contains(file!()), "{errors}");
    assert_eq!(output.status.code(), Some(101));
}

#[test]
fn a_program_and_a_test_whose_runtime_is_built_run() {
    for test in ["starts_a_program", "starts_a_test"] {
        let output = in_a_process_of_its_own(test, "2").unwrap();

        // That it was found among the ignored tests says that `#[ignore]` was kept.
        let report = String::from_utf8(output.stdout).unwrap();
        assert!(report.contains("1 passed"), "{report}");
    }
}

// ---- Paused time, seeds, keep_alive -----------------------------------------------------------

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use quintet::runtime::Handle;
use quintet::time::{self, Duration, Instant, sleep};

const DAY: Duration = Duration::from_secs(86_400);

#[quintet::test(start_paused)]
async fn a_paused_test_takes_no_time() {
    let start = Instant::now();
    sleep(DAY).await;
    assert_eq!(start.elapsed(), DAY);
}

#[quintet::test(start_paused = false)]
async fn a_test_may_say_that_time_is_not_paused() {
    assert!(!time::is_paused());
}

#[quintet::test(seed = 7, start_paused = true)]
async fn a_seed_makes_runs_repeat() {
    assert!(Handle::current().order_hash().is_some());
}

/// The order in which three jobs run.
async fn order_of_jobs() -> String {
    let order = std::sync::Arc::new(Mutex::new(String::new()));
    let jobs = ["a", "b", "c"].map(|name| {
        let order = std::sync::Arc::clone(&order);
        quintet::spawn_blocking(move || order.lock().expect("no poison").push_str(name))
    });
    for job in jobs {
        job.await.expect("it does not panic");
    }
    let order = order.lock().expect("no poison");
    order.clone()
}

#[quintet::test(seeds = 200, start_paused = true)]
async fn many_seeds_find_every_order() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let order = order_of_jobs().await;
    let mut seen = SEEN.lock().unwrap();
    if !seen.contains(&order) {
        seen.push(order);
    }
    if RUNS.fetch_add(1, Ordering::Relaxed) + 1 == 200 {
        assert_eq!(seen.len(), 6, "{seen:?}");
    }
}

#[quintet::test(timeout = "1m", start_paused = true)]
#[should_panic(expected = "the test did not end within 60s")]
async fn a_timeout_is_by_the_clock_of_the_loop() {
    sleep(DAY).await;
}

#[quintet::test(timeout = "60s")]
async fn a_timeout_leaves_the_result_alone() -> Result<(), ParseIntError> {
    parse("1").await.map(drop)
}

#[quintet::test(start_paused = true)]
#[should_panic(expected = "nothing can ever happen")]
async fn a_paused_test_that_waits_for_nothing_says_so() {
    std::future::pending::<()>().await;
}

// The tests below run this program again.

#[quintet::test(seeds = 50)]
#[ignore = "fails: it is run by the test below"]
async fn fails_with_some_seeds() {
    assert_ne!(order_of_jobs().await, "cba");
}

#[quintet::test(seeds = 50)]
#[ignore = "fails: it is run by the test below"]
async fn errs_with_some_seeds() -> Result<(), String> {
    match order_of_jobs().await {
        order if order == "cba" => Err(order),
        _ => Ok(()),
    }
}

fn run_again(name: &str, seed: Option<&str>) -> (bool, String) {
    let mut command = Command::new(env::current_exe().expect("this program has a name"));
    command.args(["--ignored", "--exact", name, "--nocapture"]);
    if let Some(seed) = seed {
        command.env("QUINTET_SEED", seed);
    }
    let Output { status, stderr, .. } = command.output().expect("this program runs");
    (
        status.success(),
        String::from_utf8_lossy(&stderr).into_owned(),
    )
}

#[test]
fn a_seed_that_fails_is_named_and_fails_again() {
    for name in ["fails_with_some_seeds", "errs_with_some_seeds"] {
        let (is_success, text) = run_again(name, None);
        assert!(!is_success, "{text}");
        let (_, rest) = text.split_once("QUINTET_SEED=").expect(&text);
        let (seed, command) = rest.split_once(' ').unwrap();
        assert!(command.starts_with(&format!("cargo test {name}")), "{text}");
        let (is_success, again) = run_again(name, Some(seed));
        assert!(!is_success, "{again}");
        assert!(again.contains(&format!("QUINTET_SEED={seed} ")), "{again}");

        let other = (0..).map(|seed: u64| seed.to_string());
        let passes = other.take(50).any(|seed| run_again(name, Some(&seed)).0);
        assert!(passes, "not every seed fails");
    }
}

#[test]
fn a_seed_that_is_no_number_is_named() {
    let (is_success, text) = run_again("fails_with_some_seeds", Some("seven"));
    assert!(!is_success);
    assert!(text.contains("QUINTET_SEED is \"seven\""), "{text}");
}

static LATER: AtomicU64 = AtomicU64::new(0);

#[quintet::main(keep_alive, start_paused = true)]
async fn goes_on() -> u64 {
    quintet::spawn(async {
        sleep(DAY).await;
        LATER.store(1, Ordering::Relaxed);
    });
    LATER.load(Ordering::Relaxed)
}

#[test]
fn keep_alive_waits_for_what_the_function_leaves() {
    assert_eq!(goes_on(), 0);
    assert_eq!(LATER.load(Ordering::Relaxed), 1);
}

#[quintet::main(keep_alive)]
async fn stalls() {
    std::future::pending::<()>().await;
}

#[quintet::main(keep_alive)]
async fn panics_alive() {
    panic!("of the body");
}

#[quintet::main(keep_alive)]
async fn is_stopped() {
    Handle::current().stop();
    sleep(DAY).await;
}

#[test]
fn keep_alive_says_why_there_is_no_result() {
    let message = |function: fn()| {
        let payload = std::panic::catch_unwind(function).unwrap_err();
        let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap()
    };
    assert!(message(stalls).contains("nothing can wake a task"));
    assert_eq!(message(panics_alive), "of the body");
    assert!(message(is_stopped).contains("was stopped before"));
}

#[quintet::test(flavor = "current_thread", unhandled_panic = "ignore")]
async fn arguments_of_tokio_are_accepted() {
    quintet::task::spawn_local(async {}).await.expect("it ends");
    quintet::task::spawn_blocking(|| ()).await.expect("it ends");
}

#[quintet::main(flavor = "local", unhandled_panic = "shutdown_runtime")]
async fn shut_down_by_a_panic() {
    drop(quintet::spawn(async { panic!("on purpose") }));
    std::future::pending::<()>().await;
}

#[test]
fn a_policy_for_unhandled_panics_is_an_argument() {
    let payload = std::panic::catch_unwind(shut_down_by_a_panic).expect_err("it ends by a panic");
    assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
}
