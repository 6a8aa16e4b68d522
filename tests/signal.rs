//! Signals, each test in a process of its own: what a signal does is the whole process's business.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use quintet::cluster::Cluster;
use quintet::signal::ctrl_c;
use quintet::signal::unix::{SignalKind, signal};
use quintet::sync::Barrier;
use signal_hook::{consts, low_level};

const ROLE: &str = "QUINTET_TEST_ROLE";

/// For roles: which signal they are about.
const NUMBER: &str = "QUINTET_TEST_SIGNAL";

/// Starts this test binary again, as `role`.
fn start(role: &str) -> Child {
    start_about(role, 0)
}

fn start_about(role: &str, number: i32) -> Child {
    // With the default action of each signal: a shell starts what runs in the background with
    // SIGINT ignored, and that is inherited.
    // And with few descriptors, so that a role can use them up.
    Command::new("sh")
        .args([
            "-c",
            "ulimit -n 100; exec env --default-signal -- \"$@\"",
            "sh",
        ])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(ROLE, role)
        .env(NUMBER, number.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads the child's output up to a line.
fn wait_for(child: &mut Child, line: &str) -> BufReader<std::process::ChildStdout> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    read_until(&mut output, line);
    output
}

fn read_until(output: &mut impl BufRead, line: &str) {
    let mut text = String::new();
    // The test harness may have begun the line.
    while !text.trim_end().ends_with(line) {
        text.clear();
        let n = output.read_line(&mut text).unwrap();
        assert_ne!(n, 0, "the child ended without saying {line:?}");
    }
}

fn send(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args(["-s", signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

fn say(line: &str) {
    println!("{line}");
}

/// What the children do; without a role it is an empty test.
#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    match role.as_str() {
        "shutdown on each loop" => return shutdown_on_each_loop(),
        "cluster" => return cluster(),
        "blocked cluster" => return blocked_cluster(),
        _ => {}
    }
    quintet::block_on(async {
        match role.as_str() {
            "ctrl-c" => {
                let waits = quintet::spawn(ctrl_c());
                // The task has been polled once when this goes on.
                quintet::task::yield_now().await;
                say("ready");
                waits.await.unwrap().unwrap();
                say("interrupted");
                // No task awaits it now: the next one ends the process.
                std::future::pending::<()>().await;
            }
            "blocked" => {
                let _shutdown = quintet::shutdown().unwrap();
                say("ready");
                loop {
                    std::thread::park();
                }
            }
            "shutdown" => {
                let shutdown = quintet::shutdown().unwrap();
                say("ready");
                shutdown.await;
                say("stopping");
                std::future::pending::<()>().await;
            }
            "stream" => {
                let mut hangups = signal(SignalKind::hangup()).unwrap();
                let mut others = signal(SignalKind::hangup()).unwrap();
                say("ready");
                for i in 0..3 {
                    hangups.recv().await.unwrap();
                    others.recv().await.unwrap();
                    say(&format!("hangup {i}"));
                }
            }
            "ignored" => {
                drop(signal(SignalKind::hangup()).unwrap());
                let mut users = signal(SignalKind::user_defined1()).unwrap();
                say("ready");
                users.recv().await.unwrap();
            }
            "refused" => {
                let refused = |number: &i32| signal(SignalKind::from_raw(*number)).is_err();
                let refused: Vec<i32> = (-1..=70).filter(refused).collect();
                say(&format!("refused: {refused:?}"));
            }
            "own handler first" => own_handler_first(number()).await,
            "own handler later" => own_handler_later(number()),
            "by default" => {
                for _ in 0..2 {
                    let mut stream = signal(SignalKind::from_raw(number())).unwrap();
                    low_level::raise(number()).unwrap();
                    stream.recv().await.unwrap();
                }
                say("dropped");
                low_level::raise(number()).unwrap();
                say("lives");
            }
            "sends a file" => send_file_to_closed_connection().await,
            "no descriptors" => without_descriptors(number()),
            other => panic!("no such role: {other}"),
        }
    });
}

/// Each of two loops waits for the request to end by itself, and then hangs.
fn shutdown_on_each_loop() {
    let ready = Barrier::new(2);
    let never = quintet::cluster::run(2, async |_member| {
        let shutdown = quintet::shutdown()?;
        if ready.wait().await.is_leader() {
            say("ready");
        }
        shutdown.await;
        if ready.wait().await.is_leader() {
            say("stopping");
        }
        std::future::pending::<std::io::Result<()>>().await
    });
    panic!("{never:?}");
}

/// Two loops that drain when the process is asked to end.
fn cluster() {
    let ready = Barrier::new(2);
    let stop = quintet::shutdown().unwrap();
    let outputs = Cluster::new(2).until(stop).run(async |member| {
        if ready.wait().await.is_leader() {
            say("ready");
        }
        member.shutdown().await;
        // Both are told, or the second one waits for ever.
        if ready.wait().await.is_leader() {
            say("both drain");
        }
        std::io::Result::Ok(member.index())
    });
    assert_eq!(outputs.unwrap(), [0, 1]);
    say("ended");
}

/// One loop is blocked when the process is asked to end.
fn blocked_cluster() {
    let stop = quintet::shutdown().unwrap();
    let never = Cluster::new(2).until(stop).run(async |member| {
        if member.index() == 0 {
            say("ready");
            loop {
                std::thread::park();
            }
        }
        member.shutdown().await;
        say("told");
        std::io::Result::Ok(())
    });
    panic!("{never:?}");
}

fn number() -> i32 {
    env::var(NUMBER).unwrap().parse().unwrap()
}

/// Installs a handler of the program's own, which sets a flag.
fn watch(number: i32) -> Arc<AtomicBool> {
    let seen = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(number, Arc::clone(&seen)).unwrap();
    seen
}

/// Streams come and go, and the program's own handler is called as before.
async fn own_handler_first(number: i32) {
    let own = watch(number);
    let raise = || {
        low_level::raise(number).unwrap();
        assert!(own.swap(false, Ordering::SeqCst), "its own handler");
    };
    raise();
    for _ in 0..2 {
        let mut stream = signal(SignalKind::from_raw(number)).unwrap();
        let mut other = signal(SignalKind::from_raw(number)).unwrap();
        assert!(other.recv().now_or_never().is_none());
        raise();
        stream.recv().await.unwrap();
        drop(stream);
        other.recv().await.unwrap();
        raise();
        drop(other);
        raise();
    }
}

/// A stream comes and goes, and the program's own handler, which is later, does not keep it from
/// restoring the default action.
fn own_handler_later(number: i32) {
    let stream = signal(SignalKind::from_raw(number)).unwrap();
    let own = watch(number);
    low_level::raise(number).unwrap();
    assert!(own.load(Ordering::SeqCst), "its own handler");
    drop(stream);
    say("dropped");
    low_level::raise(number).unwrap();
    say("lives");
}

/// A stream cannot be made, and the signal does what it did before.
fn without_descriptors(number: i32) {
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    // A stream needs two descriptors, and another one while it is made.
    for left in 0..3 {
        let made = signal(SignalKind::from_raw(number));
        assert!(made.is_err(), "{left} descriptors are left");
        files.pop();
    }
    drop(files);
    say("dropped");
    low_level::raise(number).unwrap();
    say("lives");
}

/// Lets the child say the rest and end.
fn finish(mut child: Child, mut output: impl Read) -> ExitStatus {
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    child.wait().unwrap()
}

#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
fn ctrl_c_is_told_and_afterwards_ends_the_process_again() {
    let mut child = start("ctrl-c");
    let mut output = wait_for(&mut child, "ready");
    send(&child, "INT");
    read_until(&mut output, "interrupted");
    send(&child, "INT");
    assert_eq!(finish(child, output).signal(), Some(2));
}

#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
fn the_first_request_to_end_is_told_and_the_second_one_ends_the_process() {
    for [first, second] in [["TERM", "INT"], ["INT", "TERM"], ["TERM", "TERM"]] {
        let mut child = start("shutdown");
        let mut output = wait_for(&mut child, "ready");
        send(&child, first);
        read_until(&mut output, "stopping");
        send(&child, second);
        let number = if second == "INT" { 2 } else { 15 };
        assert_eq!(finish(child, output).signal(), Some(number));
    }
}

#[test]
fn the_second_request_ends_a_process_whose_loop_is_blocked() {
    let mut child = start("blocked");
    let output = wait_for(&mut child, "ready");
    // Two kinds: signals of one kind that arrive together are one.
    send(&child, "TERM");
    send(&child, "INT");
    let number = finish(child, output).signal();
    // Of two that are pending the OS may deliver either first.
    assert!(matches!(number, Some(2 | 15)), "{number:?}");
}

#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
fn each_loop_is_told_of_the_first_request_and_the_second_one_ends_the_process() {
    for [first, second] in [["INT", "INT"], ["TERM", "INT"]] {
        let mut child = start("shutdown on each loop");
        let mut output = wait_for(&mut child, "ready");
        send(&child, first);
        read_until(&mut output, "stopping");
        send(&child, second);
        assert_eq!(finish(child, output).signal(), Some(2));
    }
}

#[test]
fn one_request_drains_all_loops_of_a_cluster() {
    for request in ["INT", "TERM"] {
        let mut child = start("cluster");
        let mut output = wait_for(&mut child, "ready");
        send(&child, request);
        read_until(&mut output, "both drain");
        read_until(&mut output, "ended");
        assert!(finish(child, output).success());
    }
}

#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
fn a_second_request_ends_a_cluster_of_which_a_loop_is_blocked() {
    let mut child = start("blocked cluster");
    let mut output = wait_for(&mut child, "ready");
    send(&child, "INT");
    read_until(&mut output, "told");
    send(&child, "INT");
    assert_eq!(finish(child, output).signal(), Some(2));
}

#[test]
fn every_stream_is_told_of_every_signal() {
    let mut child = start("stream");
    let mut output = wait_for(&mut child, "ready");
    for i in 0..3 {
        send(&child, "HUP");
        read_until(&mut output, &format!("hangup {i}"));
    }
    assert!(finish(child, output).success());
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let role = "ignored";
    // `nohup` starts a program with SIGHUP ignored.
    let mut child = Command::new("nohup")
        .arg(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = wait_for(&mut child, "ready");
    send(&child, "HUP");
    send(&child, "USR1");
    assert!(finish(child, output).success());
}

/// The exit code that says that the emulated default action of a signal without a name ended it.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const EXIT_BY_SIGNAL: i32 = 128;

/// Starts `role`, waits until it has dropped its last stream, and then for its end. Returns whether
/// it lived on until then.
#[cfg(target_os = "linux")]
fn end_of(role: &str, number: i32) -> (ExitStatus, bool) {
    let mut child = start_about(role, number);
    let mut output = wait_for(&mut child, "dropped");
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    (child.wait().unwrap(), rest.contains("lives"))
}

#[test]
fn some_signals_cannot_be_awaited() {
    for number in [
        9,
        19,
        11,
        8,
        consts::SIGBUS,
        4,
        -1,
        0,
        1000,
        i32::MIN,
        i32::MAX,
    ] {
        let error = signal(SignalKind::from_raw(number)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{number}");
    }
}

#[test]
fn each_kind_is_the_signal_of_its_name() {
    for (kind, number) in [
        (SignalKind::alarm(), consts::SIGALRM),
        (SignalKind::child(), consts::SIGCHLD),
        (SignalKind::hangup(), consts::SIGHUP),
        (SignalKind::interrupt(), consts::SIGINT),
        (SignalKind::io(), consts::SIGIO),
        (SignalKind::pipe(), consts::SIGPIPE),
        (SignalKind::quit(), consts::SIGQUIT),
        (SignalKind::terminate(), consts::SIGTERM),
        (SignalKind::user_defined1(), consts::SIGUSR1),
        (SignalKind::user_defined2(), consts::SIGUSR2),
        (SignalKind::window_change(), consts::SIGWINCH),
    ] {
        assert_eq!(kind, SignalKind::from(number));
        assert_eq!((i32::from(kind), kind.as_raw_value()), (number, number));
    }
}

/// A stream that cannot be made changes nothing.
#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
#[cfg(target_os = "linux")]
fn without_descriptors_a_signal_keeps_its_default_action() {
    // TERM and USR1.
    for number in [15, 10] {
        let (status, has_lived) = end_of("no descriptors", number);
        assert_eq!((status.signal(), has_lived), (Some(number), false));
    }
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
fn all_other_signals_can_be_awaited() {
    let mut child = start("refused");
    // KILL, STOP, the faults ILL, BUS, FPE and SEGV, and the two that the C library needs.
    let expected = "refused: [-1, 0, 4, 7, 8, 9, 11, 19, 32, 33, 65, 66, 67, 68, 69, 70]";
    let output = wait_for(&mut child, expected);
    assert!(finish(child, output).success());
}

#[test]
#[cfg(target_os = "linux")]
fn a_handler_of_the_program_outlives_all_streams() {
    // HUP, USR1, CHLD, TSTP and two real-time signals.
    for number in [1, 10, 17, 20, 34, 64] {
        let child = start_about("own handler first", number);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{number}: {output:?}");
    }
}

/// As the documentation says: such a handler cannot be seen.
#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
#[cfg(target_os = "linux")]
fn a_handler_that_comes_behind_the_streams_does_not_keep_the_default_action_off() {
    let (status, has_lived) = end_of("own handler later", 10);
    assert_eq!((status.signal(), has_lived), (Some(10), false));
}

#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
#[cfg(target_os = "linux")]
fn without_a_handler_the_default_action_comes_back() {
    // HUP, USR1, TERM and PROF end a process: it dies of them.
    for number in [1, 10, 15, 27] {
        let (status, has_lived) = end_of("by default", number);
        assert_eq!((status.signal(), has_lived), (Some(number), false));
    }
    // CHLD, CONT, URG and WINCH do nothing.
    for number in [17, 18, 23, 28] {
        let (status, has_lived) = end_of("by default", number);
        assert!(status.success() && has_lived, "{number}: {status}");
    }
}

#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn signals_without_an_emulation_of_their_own_end_the_process_by_an_exit_code() {
    // STKFLT, IO and PWR, and real-time signals.
    for number in [16, 29, 30, 35, 50, 64] {
        let (status, has_lived) = end_of("by default", number);
        let expected = Some(EXIT_BY_SIGNAL + number);
        assert_eq!((status.code(), has_lived), (expected, false), "{number}");
    }
}

/// Sends a file that the kernel could send by itself, until the connection refuses it.
async fn send_file_to_closed_connection() {
    let mut pipes = signal(SignalKind::pipe()).unwrap();
    let file = tempfile::tempfile().unwrap();
    file.set_len(1 << 20).unwrap();
    let file = quintet::fs::File::from_std(file);
    let listener = quintet::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    drop(client);
    while file.send_to(&stream, ..).await.is_ok() {}
    // Once more, on a connection that has ended for sure.
    file.send_to(&stream, ..).await.unwrap_err();
    quintet::task::yield_now().await;
    let is_raised = pipes.recv().now_or_never().is_some();
    say(if is_raised { "raised" } else { "not raised" });
}

#[test]
fn a_file_that_is_sent_raises_no_sigpipe() {
    let mut child = start("sends a file");
    let _output = wait_for(&mut child, "not raised");
    assert!(child.wait().unwrap().success());
}
