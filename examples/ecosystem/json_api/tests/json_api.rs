//! The program, as a child, and clients.

use std::path::Path;
use std::process::Command;
use std::thread;

use ecosystem_support::{Program, http};
use serde_json::{Value, json};

fn start(database: &Path) -> (Program, String) {
    let mut server = Program::start(
        Command::new(env!("CARGO_BIN_EXE_json_api")).args([database, Path::new("127.0.0.1:0")]),
    );
    let addr = server.line_after("http://");
    (server, addr)
}

/// The status and the JSON of the response, which is null if there is none.
fn send(addr: &str, request: &str, body: &Value) -> (u16, Value) {
    let (head, text) = http(addr, request, &body.to_string());
    let status = head.split(' ').nth(1).expect("a status");
    let status = status.parse().expect("a number");
    if status >= 400 {
        assert!(head.contains("application/problem+json"), "{head}");
    }
    (status, serde_json::from_str(&text).unwrap_or_default())
}

fn get(addr: &str, path: &str) -> (u16, Value) {
    send(addr, &format!("GET {path}"), &Value::Null)
}

fn create(addr: &str, name: &str, balance: i64) -> (u16, Value) {
    send(
        addr,
        "POST /accounts",
        &json!({ "name": name, "balance": balance }),
    )
}

fn transfer(addr: &str, from: i64, to: i64, amount: i64) -> (u16, Value) {
    let body = json!({ "from": from, "to": to, "amount": amount });
    send(addr, "POST /transfers", &body)
}

#[test]
fn what_is_stored_outlives_the_program() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("accounts.db");
    let (server, addr) = start(&path);
    assert_eq!(get(&addr, "/accounts"), (200, json!([])));
    let ann = json!({ "id": 1, "name": "ann", "balance": 100 });
    assert_eq!(create(&addr, "ann", 100), (201, ann.clone()));
    assert_eq!(create(&addr, "bob", 0).0, 201);
    assert_eq!(get(&addr, "/accounts/1"), (200, ann));
    assert_eq!(server.end().0, 0);

    let (_server, addr) = start(&path);
    let (status, accounts) = transfer(&addr, 1, 2, 100);
    assert_eq!(status, 200);
    assert_eq!(
        (&accounts[0]["balance"], &accounts[1]["balance"]),
        (&json!(0), &json!(100))
    );
    assert_eq!(send(&addr, "DELETE /accounts/1", &Value::Null).0, 204);
    let rest = json!([{ "id": 2, "name": "bob", "balance": 100 }]);
    assert_eq!(get(&addr, "/accounts"), (200, rest));
}

#[test]
fn errors_are_problems() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_server, addr) = start(&directory.path().join("accounts.db"));
    assert_eq!(create(&addr, "ann", 100).0, 201);
    assert_eq!(create(&addr, "bob", 0).0, 201);
    let (status, problem) = get(&addr, "/accounts/7");
    let missing = json!({
        "status": 404, "title": "Not Found", "detail": "there is no such account",
    });
    assert_eq!((status, problem), (404, missing));
    assert_eq!(get(&addr, "/elsewhere").0, 404);
    assert_eq!(get(&addr, "/accounts/first").0, 400);
    assert_eq!(send(&addr, "POST /accounts", &json!({ "name": 7 })).0, 400);
    assert_eq!(
        send(
            &addr,
            "POST /accounts",
            &json!({ "name": "c", "colour": 1 })
        )
        .0,
        400
    );
    assert_eq!(transfer(&addr, 1, 2, -5).0, 400);
    let (status, problem) = create(&addr, "ann", 1);
    assert_eq!((status, &problem["status"]), (409, &json!(409)));
    assert_eq!(create(&addr, "", 1).0, 409);
    assert_eq!(send(&addr, "DELETE /accounts/1", &Value::Null).0, 409);
    // What a transfer has changed is undone if it fails half-way.
    assert_eq!(transfer(&addr, 1, 2, 101).0, 409);
    assert_eq!(transfer(&addr, 9, 2, 1).0, 404);
    assert_eq!(get(&addr, "/accounts/2").1["balance"], 0);
}

#[test]
fn transfers_at_the_same_time_lose_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_server, addr) = start(&directory.path().join("accounts.db"));
    for name in ["ann", "bob"] {
        assert_eq!(create(&addr, name, 100).0, 201);
    }
    thread::scope(|scope| {
        for (from, to) in [(1, 2), (2, 1), (1, 2), (2, 1)] {
            let addr = &addr;
            scope.spawn(move || {
                for _ in 0..25 {
                    assert_eq!(transfer(addr, from, to, 1).0, 200);
                    let (status, accounts) = get(addr, "/accounts");
                    let balance = |index: usize| accounts[index]["balance"].as_i64();
                    let sum = balance(0).zip(balance(1)).map(|(ann, bob)| ann + bob);
                    assert_eq!((status, sum), (200, Some(200)));
                }
            });
        }
    });
    assert_eq!(get(&addr, "/accounts/1").1["balance"], 100);
}
