//! The example with a prompt: scripts, and a session in a terminal.

use std::io::Write;
use std::process::Stdio;

use rustix::termios::{Winsize, tcsetwinsize};

use crate::program::command;
use crate::session::in_a_terminal;
use crate::support::patience::in_time;

/// Runs a script, and returns what the example prints.
fn run(script: &str) -> String {
    let mut repl = command("repl")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`env` is installed");
    let mut stdin = repl.stdin.take().expect("it is piped");
    stdin.write_all(script.as_bytes()).expect("it reads");
    drop(stdin);
    let output = repl.wait_with_output().expect("it is our child");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_example_repl_waits_at_the_end_for_what_is_due() {
    in_time(|| {
        let text = run("after 0.01 due\nevery 1000 never\n");
        assert_eq!(text, "1: every 1000 s: never\ndue\n");
        // What follows `quit` is not executed.
        assert_eq!(run("after 1000 never\nquit\nnonsense\n"), "");
    });
}

#[test]
fn the_example_repl_says_what_it_knows() {
    in_time(|| {
        let text = run("nonsense\nstop 1\nafter 0 now\n\nstop x");
        let usage = "after SECONDS TEXT | every SECONDS TEXT | stop NUMBER | quit\n";
        let unknown = "there is no such timer\n";
        assert_eq!(text, [usage, unknown, usage, unknown].concat());
    });
}

#[test]
fn the_example_repl_prints_what_is_due_while_a_line_is_typed() {
    in_time(|| {
        let (mut repl, mut user) = in_a_terminal("repl");
        user.sees("> ");
        user.types("every 0.001 tick\n");
        user.sees("1: every 0.001 s: tick\r\n");
        // Half of a line is typed.
        user.types("sto");
        user.sees("tick\r\ntick\r\n");
        user.types("p 1\n");
        user.sees("> ");

        let size = Winsize {
            ws_col: 100,
            ws_row: 30,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&user.terminal, size).expect("it is open");
        user.sees("100 columns, 30 rows\r\n> ");

        // Ctrl-D.
        user.types("\x04");
        assert!(repl.wait().expect("it is our child").success());
    });
}
