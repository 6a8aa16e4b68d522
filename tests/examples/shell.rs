//! The example of a shell: scripts, and a session in a terminal.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::program::command;
use crate::support::patience::in_time;

/// A shell that reads from a pipe.
fn scripted() -> Child {
    command("shell")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`env` is installed")
}

#[test]
fn the_example_shell_runs_a_script() {
    in_time(|| {
        let mut shell = scripted();
        let script = "
            echo one two | tr a-z A-Z
            echo 'a  b' \"|\" | cat | cat
            no-such-command | cat
            cat /dev/null |
            echo 'open
            cd /
            pwd
            sh -c 'exit 3'
            exit
        ";
        let mut stdin = shell.stdin.take().expect("it is piped");
        stdin.write_all(script.as_bytes()).expect("it reads");
        let output = shell.wait_with_output().expect("it is our child");
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
        assert_eq!(out, "ONE TWO\na  b |\n/\n");
        let errors: Vec<&str> = err.lines().collect();
        assert_eq!(errors.len(), 3, "{err}");
        assert!(
            errors[0].starts_with("cannot run \"no-such-command\": "),
            "{err}"
        );
        assert_eq!(errors[1], "a command is missing beside a pipe");
        assert_eq!(errors[2], "a quote is not closed");
        assert_eq!(output.status.code(), Some(3));
    });
}

#[test]
fn the_example_shell_kills_a_pipeline_when_it_is_interrupted() {
    in_time(|| {
        let mut shell = scripted();
        let mut stdin = shell.stdin.take().expect("it is piped");
        let mut stdout = BufReader::new(shell.stdout.take().expect("it is piped"));
        let mut line = || {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("it prints text");
            line
        };
        let script = "sh -c 'echo on; exec sleep 1000' | cat\necho alive | tr a-z A-Z\nexit\n";
        stdin.write_all(script.as_bytes()).expect("it reads");
        assert_eq!(line(), "on\n");
        // `sleep` is killed, too.
        kill_process(Pid::from_child(&shell), Signal::INT).expect("it is our child");
        assert_eq!(line(), "ALIVE\n");
        // SIGINT has ended the pipeline; `exit` has the status of the last command.
        assert_eq!(shell.wait().expect("it is our child").code(), Some(0));
    });
}

/// Set for the process that becomes the shell.
const SESSION: &str = "QUINTET_TEST_SESSION";

/// The leader of a new session, whose terminal is its standard input, becomes the shell. This is
/// for the process that the test of the session starts: elsewhere it does nothing.
#[test]
fn leader_of_a_session() {
    if env::var_os(SESSION).is_none() {
        return;
    }
    setsid().expect("a child leads no group");
    ioctl_tiocsctty(std::io::stdin()).expect("a session without a terminal");
    let error = command("shell").env_remove(SESSION).exec();
    panic!("{error}");
}

/// Opens a pseudo-terminal: the end of the user, and that of the programs.
fn open_terminal() -> (File, OwnedFd) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&user).expect("it is ours");
    unlockpt(&user).expect("it is ours");
    let name = ptsname(&user, Vec::new())
        .expect("it has a name")
        .into_bytes();
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(std::ffi::OsString::from_vec(name));
    (user.into(), terminal.expect("it is there").into())
}

/// A user at a terminal.
struct User {
    terminal: File,
    /// What has been printed and not been expected yet.
    printed: String,
}

impl User {
    fn types(&mut self, text: &str) {
        self.terminal
            .write_all(text.as_bytes())
            .expect("it is open");
    }

    /// Reads until `text` has been printed.
    fn sees(&mut self, text: &str) {
        let mut buf = [0; 256];
        loop {
            if let Some(at) = self.printed.find(text) {
                self.printed.drain(..at + text.len());
                return;
            }
            let n = self.terminal.read(&mut buf).unwrap_or_else(|error| {
                panic!("{error}; {text:?} is not in {:?}", self.printed);
            });
            self.printed += std::str::from_utf8(&buf[..n]).expect("text");
        }
    }
}

#[test]
fn the_example_shell_survives_ctrl_c_in_a_terminal() {
    in_time(|| {
        let (user, terminal) = open_terminal();
        let stream = || terminal.try_clone().expect("descriptors");
        let mut shell = Command::new(env::current_exe().expect("a test has a path"))
            .args(["--exact", "shell::leader_of_a_session", "--nocapture"])
            .env(SESSION, "1")
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .expect("the test is there");
        drop(terminal);
        let mut user = User {
            terminal: user,
            printed: String::new(),
        };
        user.sees("$ ");
        user.types("echo one | tr a-z A-Z\n");
        user.sees("\r\nONE\r\n$ ");

        // `cat` reads from the terminal, and ends by Ctrl-C. The terminal shows what is typed, too.
        user.types("cat | cat\nhello\n");
        user.sees("hello\r\nhello\r\n");
        user.types("\x03");
        user.sees("$ ");
        // What has been typed before a Ctrl-C is dropped.
        user.types("exit 1");
        user.sees("exit 1");
        user.types("\x03");
        user.sees("$ ");
        user.types("echo two | tr a-z A-Z\n");
        user.sees("\r\nTWO\r\n$ ");
        user.types("exit 4\n");
        assert_eq!(shell.wait().expect("it is our child").code(), Some(4));
    });
}
