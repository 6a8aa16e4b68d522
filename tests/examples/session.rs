//! An example as the leader of a session, with a terminal of its own.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{ioctl_tiocsctty, setsid};

use crate::program::command;
use crate::support::terminal::{User, open_terminal};

/// Set for the process that becomes an example: its name.
const SESSION: &str = "QUINTET_TEST_SESSION";

/// The leader of a new session, whose terminal is its standard input, becomes an example. This is
/// for the process that [`in_a_terminal`] starts: elsewhere it does nothing.
#[test]
fn leader_of_a_session() {
    let Ok(example) = env::var(SESSION) else {
        return;
    };
    setsid().expect("a child leads no group");
    ioctl_tiocsctty(std::io::stdin()).expect("a session without a terminal");
    let error = command(&example).env_remove(SESSION).exec();
    panic!("{error}");
}

/// Starts an example in a terminal, and returns its user, too.
pub(crate) fn in_a_terminal(example: &str) -> (Child, User) {
    let (user, terminal) = open_terminal();
    let stream = || terminal.try_clone().expect("descriptors");
    let child = Command::new(env::current_exe().expect("a test has a path"))
        .args(["--exact", "session::leader_of_a_session", "--nocapture"])
        .env(SESSION, example)
        .stdin(stream())
        .stdout(stream())
        .stderr(stream())
        .spawn()
        .expect("the test is there");
    (child, user)
}
