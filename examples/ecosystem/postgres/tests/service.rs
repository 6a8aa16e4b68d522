//! The program as a child, with a Postgres of the test.

use std::fs;
use std::process::Command;

use ecosystem_support::postgres::Postgres;
use ecosystem_support::{Program, http};
use serde_json::{Value, json};

fn started(postgres: &Postgres) -> (Program, String) {
    let path = env!("CARGO_BIN_EXE_postgres");
    let mut server = Program::start(Command::new(path).args([&postgres.config(), "127.0.0.1:0"]));
    let addr = server.line_after("http://");
    server.line_after("hears of changes");
    (server, addr)
}

fn status(addr: &str, request: &str, body: &Value) -> String {
    let (head, _) = http(addr, request, &body.to_string());
    head.split(' ').nth(1).expect("a status").to_owned()
}

fn accounts(addr: &str) -> Value {
    let (head, body) = http(addr, "GET /accounts", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    serde_json::from_str(&body).expect("JSON")
}

#[test]
fn transfers_are_whole_across_a_restart() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let (mut server, addr) = started(&postgres);
    for (name, balance, expected) in [("ann", 100, "201"), ("bob", 0, "201"), ("bob", 1, "409")] {
        let account = json!({"name": name, "balance": balance});
        assert_eq!(status(&addr, "POST /accounts", &account), expected);
    }
    for (to, amount, expected) in [("bob", 30, "204"), ("bob", 1000, "409"), ("eve", 1, "404")] {
        let transfer = json!({"from": "ann", "to": to, "amount": amount});
        assert_eq!(status(&addr, "POST /transfers", &transfer), expected);
    }
    let expected = json!([{"name": "ann", "balance": 70}, {"name": "bob", "balance": 30}]);
    assert_eq!(accounts(&addr), expected);
    // What was rolled back was not heard of.
    assert_eq!(server.line_after("changed: "), "30 from ann to bob");

    postgres.stop("INT");
    postgres.resume();
    assert_eq!(accounts(&addr), expected);
    server.line_after("hears of changes");
    let transfer = json!({"from": "bob", "to": "ann", "amount": 5});
    assert_eq!(status(&addr, "POST /transfers", &transfer), "204");
    assert_eq!(server.line_after("changed: "), "5 from bob to ann");

    // A path needs no resolver, and all the rest is on one thread.
    let threads = fs::read_dir(format!("/proc/{}/task", server.id()));
    if let Ok(threads) = threads {
        assert_eq!(threads.count(), 1);
    }
    let (code, text) = server.end();
    assert_eq!((code, &*text), (0, "ended\n"));
}
