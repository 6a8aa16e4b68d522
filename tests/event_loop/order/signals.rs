//! Signals. Each test has one of its own, for all loops of the process are told.

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::rc::Rc;
use std::thread;

use quintet::signal::unix::{SignalKind, signal};
use quintet::spawn;
use quintet::task::set_immediate;
use quintet::time::Duration;
use signal_hook::low_level::raise;

use crate::support::cases::{connection, deliver, in_order, log, wake_elsewhere, watched};

#[test]
fn case_67_a_signal_is_delivered_last_in_poll() {
    in_order("data message signal immediate", || async {
        let kind = SignalKind::user_defined2();
        let mut signals = signal(kind).unwrap();
        let (own, peer) = connection();
        let own = Rc::new(own);
        let end = Rc::clone(&own);
        spawn(async move {
            signals.recv().await;
            log("signal");
        });
        spawn(async move {
            end.read(&mut [0]).await.unwrap();
            log("data");
        });
        let handle = quintet::runtime::Handle::current();
        let journal = crate::support::cases::journal();
        spawn(async move {
            raise(kind.as_raw_value()).unwrap();
            wake_elsewhere(move || drop(handle.spawn(async move { journal.log("message") })));
            deliver(&peer, &*own, b"x");
            set_immediate(|| log("immediate"));
        });
    });
}

#[test]
fn case_q24_a_signal_ends_the_wait_of_poll() {
    in_order("signal", || async {
        let kind = SignalKind::user_defined1();
        let mut signals = signal(kind).unwrap();
        thread::spawn(move || {
            // By now the loop most likely waits; if not, the outcome is the same.
            thread::sleep(Duration::from_millis(5));
            raise(kind.as_raw_value()).unwrap();
        });
        signals.recv().await;
        log("signal");
    });
}

/// Set for the process that is to end by a signal.
const VICTIM: &str = "QUINTET_TEST_VICTIM";

#[test]
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    ignore = "the action of a signal before its first stream is not known here"
)]
fn case_q24_the_default_action_is_back_when_the_last_stream_is_dropped() {
    const NAME: &str = "case_q24_the_default_action_is_back_when_the_last_stream_is_dropped";
    let kind = SignalKind::interrupt();
    if env::var_os(VICTIM).is_some() {
        let [mut first, mut second] = [signal(kind).unwrap(), signal(kind).unwrap()];
        watched(|| {
            quintet::block_on(async {
                raise(kind.as_raw_value()).unwrap();
                first.recv().await;
                second.recv().await;
                drop(first);
                raise(kind.as_raw_value()).unwrap();
                second.recv().await;
            });
        });
        drop(second);
        raise(kind.as_raw_value()).unwrap();
        unreachable!("the signal ends the process");
    }
    let status = watched(|| {
        // With the default action of each signal: what runs in the background inherits SIGINT as
        // ignored, and so it stays then.
        let mut victim = Command::new("env");
        victim
            .args(["--default-signal", "--"])
            .arg(env::current_exe().unwrap());
        let name = format!("order::signals::{NAME}");
        victim.args(["--exact", &name]).env(VICTIM, "");
        victim.output().unwrap().status
    });
    assert_eq!(status.signal(), Some(kind.as_raw_value()));
}
