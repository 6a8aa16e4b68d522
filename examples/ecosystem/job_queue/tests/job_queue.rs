//! Workers as children, with a Redis of the test.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use ecosystem_support::{Program, http, installed, wait_until};
use redis::streams::{StreamPendingCountReply, StreamRangeReply};
use redis::{Client, Connection, FromRedisValue, cmd};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A Redis that listens at a Unix socket in a directory of its own, and keeps what it has there.
struct Redis {
    directory: TempDir,
    child: Child,
}

impl Redis {
    /// Starts one, if the machine has it.
    fn start() -> Option<Self> {
        installed("redis-server", ["--version"])?;
        let directory = tempfile::tempdir().expect("a directory");
        let child = server(directory.path().to_str().expect("text"));
        let redis = Redis { directory, child };
        redis.connect();
        Some(redis)
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Connects as soon as it listens.
    fn connect(&self) -> Connection {
        let url = format!("unix://{}", self.socket().display());
        let client = Client::open(url).expect("a path");
        let mut connected = None;
        wait_until(|| {
            connected = client.get_connection().ok();
            let Some(connection) = &mut connected else {
                return false;
            };
            cmd("PING").query::<String>(connection).is_ok()
        });
        connected.expect("it is connected")
    }

    /// Kills it, and starts it again with what it has kept.
    fn restart(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is killed");
        self.child = server(self.directory.path().to_str().expect("text"));
    }

    /// Starts a worker, and returns it with the address of its page. With a short lease a job may
    /// be claimed from a worker that is only slow, so it has more tries.
    fn worker(&self, name: &str, lease_ms: u32) -> (Program, String) {
        let mut worker = Program::start(
            Command::new(env!("CARGO_BIN_EXE_job_queue"))
                .args([self.socket().to_str().expect("text"), "127.0.0.1:0", name])
                .env("JOBS_LEASE_MS", lease_ms.to_string())
                .env("JOBS_TRIES", if lease_ms < 1000 { "100" } else { "3" })
                .env("JOBS_PAUSE_MS", "20"),
        );
        let page = worker.line_after("http://");
        (worker, page)
    }
}

fn server(directory: &str) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--unixsocket", "socket", "--dir", directory])
        .args([
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("it was there")
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It fails if Redis has ended.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn ask<T: FromRedisValue>(connection: &mut Connection, command: &[&str]) -> T {
    let (name, args) = command.split_first().expect("a name");
    cmd(name).arg(args).query(connection).expect("it is right")
}

fn add(page: &str, jobs: &Value) {
    let (head, _) = http(page, "POST /jobs", &jobs.to_string());
    assert!(head.starts_with("HTTP/1.1 202"), "{head}");
}

fn number(page: &str, name: &str) -> u64 {
    let (head, body) = http(page, "GET /state", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let state: Value = serde_json::from_str(&body).expect("JSON");
    state[name].as_u64().unwrap_or(0)
}

fn results(redis: &mut Connection) -> HashMap<String, u32> {
    ask(redis, &["HGETALL", "jobs:results"])
}

/// Stops a worker in the middle of a job, and returns how many jobs it has.
fn stop_in_a_job(worker: &mut Program, name: &str, redis: &mut Connection) -> usize {
    loop {
        worker.line_after("began ");
        worker.signal("STOP");
        let pending = ["XPENDING", "jobs", "workers", "-", "+", "100", name];
        let pending: StreamPendingCountReply = ask(redis, &pending);
        if !pending.ids.is_empty() {
            return pending.ids.len();
        }
        worker.signal("CONT");
    }
}

/// Jobs that take a while, and their results.
fn jobs(count: usize) -> (Value, HashMap<String, u32>) {
    let names = (0..count).map(|number| format!("job-{number}"));
    let jobs = names.clone().map(|name| (name, json!(300_000))).collect();
    (
        Value::Object(jobs),
        names.map(|name| (name, 25_997)).collect(),
    )
}

#[test]
fn no_job_is_lost_when_a_worker_is_killed() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let mut connection = redis.connect();
    let names = ["one", "two", "three"];
    let [(mut victim, _), (_two, page), (_three, _)] = names.map(|name| redis.worker(name, 500));
    let (jobs, done) = jobs(40);
    add(&page, &jobs);
    let held = stop_in_a_job(&mut victim, "one", &mut connection) as u64;
    victim.signal("KILL");

    wait_until(|| number(&page, "done") == 40);
    assert_eq!(results(&mut connection), done);
    // What it had was claimed; a worker that was slow may have lost jobs to others, too.
    assert!(number(&page, "claimed") >= held);
    let left = ["waiting", "running", "later", "dead"].map(|name| number(&page, name));
    assert_eq!(left, [0; 4]);
    println!(
        "{held} jobs were held, {} done twice",
        number(&page, "duplicates")
    );
    let (_, html) = http(&page, "GET /", "");
    assert!(html.contains("<tr><th>done<td>40\n"), "{html}");
}

#[test]
fn a_poison_job_ends_among_the_dead_letters() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let mut connection = redis.connect();
    let (_worker, page) = redis.worker("one", 60_000);
    add(&page, &json!({ "good": 100, "poison": "many" }));
    wait_until(|| number(&page, "dead") == 1);
    wait_until(|| number(&page, "done") == 1);
    let dead: StreamRangeReply = ask(&mut connection, &["XRANGE", "jobs:dead", "-", "+"]);
    let [letter] = &*dead.ids else {
        panic!("{dead:?}");
    };
    let field = |name: &str| letter.get::<String>(name).expect("it is there");
    assert_eq!(
        [field("name"), field("input"), field("tries")],
        ["poison", "many", "3"]
    );
    assert_eq!(field("reason"), "\"many\": invalid digit found in string");
    assert_eq!(number(&page, "retries"), 2);
    assert_eq!(
        results(&mut connection),
        HashMap::from([("good".to_owned(), 25)])
    );
    assert_eq!(
        ["waiting", "running", "later"].map(|name| number(&page, name)),
        [0; 3]
    );
}

#[test]
fn a_drain_finishes_what_has_begun() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let mut connection = redis.connect();
    let (mut leaving, page) = redis.worker("one", 60_000);
    let (jobs, done) = jobs(30);
    add(&page, &jobs);
    stop_in_a_job(&mut leaving, "one", &mut connection);
    leaving.signal("CONT");
    let (code, text) = leaving.end();
    assert_eq!(code, 0);
    assert!(text.ends_with("drained\n"), "{text}");
    // It has nothing, and is no longer in the group.
    let consumers: Vec<redis::Value> =
        ask(&mut connection, &["XINFO", "CONSUMERS", "jobs", "workers"]);
    assert_eq!(consumers, []);
    let finished = results(&mut connection).len();
    assert!(finished > 0);
    let waiting: usize = ask(&mut connection, &["XLEN", "jobs"]);
    assert_eq!(finished + waiting, 30);

    let (_worker, page) = redis.worker("two", 60_000);
    wait_until(|| number(&page, "done") == 30);
    assert_eq!(results(&mut connection), done);
    assert_eq!(
        ["claimed", "duplicates"].map(|name| number(&page, name)),
        [0; 2]
    );
}

#[test]
fn workers_survive_a_redis_that_restarts() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let [(mut first, page), (_second, _)] = ["one", "two"].map(|name| redis.worker(name, 500));
    let (jobs, done) = jobs(40);
    add(&page, &jobs);
    first.line_after("began ");
    redis.restart();
    let mut connection = redis.connect();
    wait_until(|| results(&mut connection) == done);
    wait_until(|| ["waiting", "running", "later"].map(|name| number(&page, name)) == [0; 3]);
    assert_eq!(number(&page, "dead"), 0);
    assert_eq!(first.end().0, 0);
}
