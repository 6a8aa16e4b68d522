//! The example of a shell: scripts, and a session in a terminal.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::command;
use crate::session::in_a_terminal;
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

#[test]
fn the_example_shell_survives_ctrl_c_in_a_terminal() {
    in_time(|| {
        let (mut shell, mut user) = in_a_terminal("shell");
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
