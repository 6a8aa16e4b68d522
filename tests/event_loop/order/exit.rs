//! What keeps a runtime alive, and how it ends.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::pin::{Pin, pin};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;

use futures::channel::oneshot;
use quintet::net::TcpListener;
use quintet::runtime::{Handle, Runtime, before_exit, on_exit};
use quintet::task::set_immediate;
use quintet::time::{Duration, Instant, sleep};
use quintet::{spawn, spawn_blocking};
use rustix::time::{ClockId, clock_gettime};

use crate::support::cases::{
    arm, in_check, in_order_to_exit, in_timers, journal, listen, log, log_after, log_after_job,
    log_after_stat, one_worker, take_log, watched,
};

/// Runs a case to the end of its runtime, which is to say nothing of tasks that cannot go on.
#[track_caller]
fn exits<F>(expected: &str, case: impl Fn() -> F)
where
    F: Future<Output = ()> + 'static,
{
    let [real, paused] = in_order_to_exit(expected, case);
    real.unwrap();
    paused.unwrap();
}

/// A sleep that the test does not live to see, if it must be waited for.
const AGES: Duration = Duration::from_secs(3600);

// ---- What keeps it alive -----------------------------------------------------------------------

#[test]
fn case_32_an_unreferenced_timer_keeps_nothing_alive() {
    exits("short exit", || async {
        let long = sleep(Duration::from_millis(50));
        long.unref();
        spawn(async {
            long.await;
            log("long");
        });
        sleep(Duration::from_millis(5)).await;
        log("short");
    });
}

#[test]
fn case_33_an_unreferenced_listener_keeps_nothing_alive() {
    exits("listening exit", || async {
        let listener = listen().await;
        listener.unref();
        log("listening");
        listener.accept().await.unwrap();
        log("accepted");
    });
}

#[test]
fn case_34_an_unreferenced_immediate_runs_in_company_only() {
    exits("unref-runs-with-company ref exit", || async {
        set_immediate(|| log("unref-runs-with-company")).unref();
        set_immediate(|| {
            log("ref");
            set_immediate(|| log("alone")).unref();
        });
    });
}

#[test]
fn case_35_what_is_referenced_again_keeps_it_alive() {
    exits("fired exit", || async {
        let sleep = sleep(Duration::from_millis(5));
        sleep.unref();
        sleep.unref();
        sleep.ref_();
        log_after(sleep, "fired");
    });
    exits("fired exit", || async {
        let sleep = arm(Instant::now() + Duration::from_millis(5)).await;
        let task = log_after(sleep, "fired");
        task.unref();
        task.unref();
        task.ref_();
    });
}

#[test]
fn case_37_it_exits_when_nothing_is_alive_and_nothing_ready() {
    exits("main micro beforeExit exit", || async {
        before_exit(|| log("beforeExit"));
        spawn(async { log("micro") });
        log("main");
    });
}

#[test]
fn case_38_before_exit_may_revive_it() {
    let expected = "main beforeExit-0 timer-1 beforeExit-1 timer-2 beforeExit-2 exit";
    exits(expected, || async {
        let mut times = 0;
        before_exit(move || {
            log(format!("beforeExit-{times}"));
            times += 1;
            if times <= 2 {
                spawn(async move {
                    sleep(Duration::from_millis(1)).await;
                    log(format!("timer-{times}"));
                });
            }
        });
        log("main");
    });
}

#[test]
fn case_39_a_task_that_nothing_can_wake_keeps_nothing_alive_and_is_named() {
    let line = line!() + 4;
    let results = in_order_to_exit("waiting stalled exit", || async {
        let (sender, receiver) = oneshot::channel::<()>();
        // A cycle: the task holds the only sender itself.
        spawn(async move {
            log("waiting");
            let _reply = receiver.await;
            drop(sender);
            log("never");
        });
    });
    for result in results {
        let stalled = result.unwrap_err();
        assert_eq!(stalled.tasks().len(), 1);
        assert_eq!(stalled.tasks()[0].location().line(), line);
        let text = stalled.to_string();
        assert!(text.contains(&format!("order/exit.rs:{line}:")), "{text}");
    }
}

#[test]
fn case_57_a_file_operation_under_way_keeps_it_alive() {
    exits("main-end stat exit", || async {
        drop(log_after_stat("stat").await);
        log("main-end");
    });
}

#[test]
fn case_69_an_aborted_sleep_keeps_nothing_alive() {
    let start = std::time::Instant::now();
    exits("abort after-abort AbortError exit", || async {
        let sleeper = spawn(sleep(AGES));
        in_timers().await;
        log("abort");
        sleeper.abort();
        log("after-abort");
        if sleeper.await.unwrap_err().is_cancelled() {
            log("AbortError");
        }
    });
    assert!(start.elapsed() < AGES / 2);
}

#[test]
fn case_76_an_overdue_timer_that_is_unreferenced_does_not_fire_at_the_end() {
    watched(|| {
        for is_paused in [false, true] {
            let runtime = one_worker().start_paused(is_paused).build().unwrap();
            let entered = runtime.enter();
            on_exit(|_| log("exit"));
            // Armed from outside, so no task need run for it.
            let mut overdue = sleep(Duration::ZERO);
            overdue.unref();
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut overdue).poll(&mut cx).is_pending());
            runtime.run().unwrap();
            assert!(!overdue.is_elapsed());

            // In company it fires.
            drop(spawn(in_check()));
            runtime.run().unwrap();
            assert!(overdue.is_elapsed());
            drop(entered);
            drop(runtime);
            assert_eq!(take_log(), ["exit"]);
        }
    });
}

/// The other half, the child, is in `children.rs`.
#[test]
fn case_82_a_job_keeps_it_alive_unless_it_is_unreferenced() {
    exits("pool-job exit", || async {
        drop(log_after_job("pool-job"));
    });
    let (lend, lent) = mpsc::channel();
    exits("begun exit", || {
        let lend = lend.clone();
        async move {
            let (begin, has_begun) = mpsc::channel();
            let (release, is_released) = mpsc::channel::<()>();
            let job = spawn_blocking(move || {
                begin.send(()).unwrap();
                is_released.recv()
            });
            has_begun.recv().unwrap();
            log("begun");
            job.unref();
            lend.send(release).unwrap();
        }
    });
    let still_held: Vec<_> = lent.try_iter().collect();
    assert_eq!(still_held.len(), 2, "a job on either time");
}

#[test]
fn case_q13_run_waits_for_a_running_job() {
    exits("root-done ended exit", || async {
        let (begin, has_begun) = mpsc::channel();
        let (release, is_released) = mpsc::channel::<()>();
        let journal = journal();
        drop(spawn_blocking(move || {
            begin.send(()).unwrap();
            is_released.recv().unwrap();
            journal.log("ended");
        }));
        has_begun.recv().unwrap();
        log("root-done");
        thread::spawn(move || {
            // By now the run most likely waits; if not, the outcome is the same.
            thread::sleep(Duration::from_millis(2));
            release.send(()).unwrap();
        });
    });
}

// ---- A wait without end ------------------------------------------------------------------------

/// How long a loop waits in silence before it says so, as its documentation has it.
const SILENCE: Duration = Duration::from_millis(500);

/// What it says then.
const WORD: &str = "only another thread can wake this loop";

/// Set for the process that waits.
const WAITS: &str = "QUINTET_TEST_WAITS";

/// A process that runs one test of this file and is spoken to.
fn child(name: &str, what: &str) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", &format!("order::exit::{name}")]);
    command.env(WAITS, what).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// How much of the processor this thread has used.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

/// Waits for another thread, in silence: until the other process has heard of it, and once more.
fn wait_in_silence() {
    let (tell, heard) = oneshot::channel::<()>();
    let (end, ended) = oneshot::channel::<()>();
    thread::spawn(move || {
        let mut line = String::new();
        io::stdin().read_line(&mut line).unwrap();
        tell.send(()).unwrap();
        // The second silence is as long as the first. Nothing is to be said in it.
        thread::sleep(SILENCE + SILENCE / 5);
        end.send(()).unwrap();
    });
    let runtime = Runtime::new().unwrap();
    let (start, used) = (Instant::now(), cpu_time());
    runtime.block_on(async {
        heard.await.unwrap();
        assert!(start.elapsed() >= SILENCE, "it speaks too early");
        ended.await.unwrap();
    });
    let used = cpu_time() - used;
    assert!(used < SILENCE / 5, "{used:?} of the processor to wait");
}

#[test]
fn case_q09_block_on_waits_without_end_and_says_so_once() {
    if env::var_os(WAITS).is_some() {
        return watched(wait_in_silence);
    }
    watched(|| {
        let mut child = child("case_q09_block_on_waits_without_end_and_says_so_once", "");
        let mut said = Vec::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.contains(WORD) {
                child.stdin.take().unwrap().write_all(b"heard\n").unwrap();
            }
            said.push(line);
        }
        assert!(child.wait().unwrap().success(), "{said:#?}");
        let words = said.iter().filter(|line| line.contains(WORD));
        assert_eq!(words.count(), 1, "{said:#?}");
        let names_the_root = |line: &String| line.contains("root") && line.contains("exit.rs");
        assert!(said.iter().any(names_the_root), "{said:#?}");
    });
}

/// Waits for longer than the silence for another thread, beside something of the loop's own that
/// could end the wait.
fn wait_beside<F: Future<Output = ()>>(company: impl FnOnce() -> F) {
    let (end, ended) = oneshot::channel::<()>();
    thread::spawn(move || {
        thread::sleep(SILENCE + SILENCE / 5);
        // Gone where the company has ended the wait.
        let _gone = end.send(());
    });
    quintet::block_on(async {
        let company = company();
        futures::future::select(ended, pin!(company)).await;
    });
}

#[test]
fn case_q09_block_on_says_nothing_where_the_loop_may_end_the_wait() {
    let name = "case_q09_block_on_says_nothing_where_the_loop_may_end_the_wait";
    if let Some(company) = env::var_os(WAITS) {
        return watched(|| match company.to_str().unwrap() {
            "timer" => wait_beside(|| sleep(AGES)),
            "socket" => wait_beside(|| async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                listener.accept().await.unwrap();
            }),
            "job" => wait_beside(|| async {
                let job = spawn_blocking(|| thread::sleep(SILENCE + SILENCE / 5));
                job.await.unwrap();
            }),
            "guard" => wait_beside(|| async {
                let _guard = Handle::current().keep_alive();
                std::future::pending::<()>().await;
            }),
            other => unreachable!("{other}"),
        });
    }
    watched(|| {
        let children = ["timer", "socket", "job", "guard"].map(|what| child(name, what));
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            assert!(!said.contains(WORD), "{said}");
        }
    });
}

#[test]
fn case_q09_run_ends_and_names_the_waiting_tasks() {
    let results = in_order_to_exit("stalled exit", || async {
        let named = quintet::task::Builder::new().name("waits-for-ever");
        drop(named.spawn(std::future::pending::<()>()));
        let inner = spawn(std::future::pending::<()>());
        drop(spawn(inner));
        drop(spawn(in_check()));
        // It may go on, for all that is known, so it is not among them.
        spawn(sleep(AGES)).unref();
    });
    for result in results {
        let stalled = result.unwrap_err();
        let names: Vec<_> = stalled.tasks().iter().map(|task| task.name()).collect();
        assert_eq!(names, [Some("waits-for-ever"), None, None], "{stalled}");
    }
}
