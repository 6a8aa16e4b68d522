//! What the command line says, and what is said when it is wrong.

use std::net::TcpListener;
use std::process::{Command, Output};

use super::site::{Site, binary};

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    let command = command.args(args).env("RUST_BACKTRACE", "1");
    command.output().expect("the example can be run")
}

/// Runs it in vain, and returns what it says on standard error.
fn refused(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
    String::from_utf8(output.stderr).expect("a text")
}

#[test]
fn what_cannot_be_served_is_one_line() {
    let site = Site::new();
    let file = site.root().join("small.txt").display().to_string();
    let missing = site.root().join("missing").display().to_string();
    for (dir, text) in [(file, "Not a directory"), (missing, "No such file")] {
        let error = refused(&["--port", "0", "--dir", &dir]);
        assert!(error.starts_with("file_server: "), "{error}");
        assert!(error.contains(&dir) && error.contains(text), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_port_in_use_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("an address");
    let error = refused(&["--port", &addr.port().to_string()]);
    assert!(error.contains(&addr.to_string()), "{error}");
    assert!(error.contains("in use"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn mistakes_are_named_and_the_usage_shown() {
    for args in [
        &["--port"][..],
        &["--port", "http"],
        &["--port", "65536"],
        &["--port=65536"],
        &["--grace", "-1"],
        &["--grace", "inf"],
        &["--verbose"],
        &["some", "dir"],
    ] {
        let error = refused(args);
        let first = error.lines().next().expect("a line");
        assert!(first.starts_with("file_server: "), "{error}");
        let option = args[0].split('=').next().expect("a part");
        assert!(first.contains(option), "{error}");
        assert!(error.contains("Usage:"), "{error}");
    }
    let error = refused(&["--host", "no.such.host.invalid", "--port", "0"]);
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn help_is_no_mistake() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("a text");
    for option in [
        "--dir",
        "--host",
        "--port",
        "--grace",
        "--patience",
        "--hidden",
        "--metrics",
    ] {
        assert!(text.contains(option), "{text}");
    }
}

#[test]
fn without_arguments_it_serves_the_demo_site() {
    let mut command = Command::new(binary());
    command.arg("--port=0");
    let server = super::site::Server::start(command);
    let index = server.get("/");
    assert_eq!(index.status, 200);
    // Whatever the page refers to is there.
    let text = index.text();
    let refers = text.split([' ', '>']).filter_map(|word| {
        let value = word.strip_prefix("href=\"").or(word.strip_prefix("src=\""));
        value.map(|value| value.trim_end_matches('"'))
    });
    let mut count = 0;
    for target in refers {
        let mut client = server.connect();
        client.send("HEAD", &format!("/{}", target.trim_start_matches('/')), &[]);
        let expected = match target {
            "nowhere" => 404,
            "notes" => 301,
            _ => 200,
        };
        assert_eq!(client.response().status, expected, "{target}");
        count += 1;
    }
    assert!(count > 5, "{text}");
}
