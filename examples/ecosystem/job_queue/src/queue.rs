//! The queue: a stream of jobs, one of dead letters, and what is tried again later.

use std::time::Duration;

use redis::streams::{StreamAutoClaimReply, StreamId, StreamPendingCountReply, StreamReadReply};
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, Value, cmd};
use serde_json::json;

use crate::link::Link;

const JOBS: &str = "jobs";
const GROUP: &str = "workers";
const DEAD: &str = "jobs:dead";
const LATER: &str = "jobs:later";
const RESULTS: &str = "jobs:results";
const COUNTS: &str = "jobs:counts";

/// Keeps the result, and counts: the first acknowledgement as done, a second as a duplicate.
const FINISH: &str = "
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 1 then
    redis.call('XDEL', KEYS[1], ARGV[2])
    return redis.call('HINCRBY', KEYS[3], 'done', 1)
end
return redis.call('HINCRBY', KEYS[3], 'duplicates', 1)";

/// Puts a job that has failed aside, by the clock of Redis.
const RETRY: &str = "
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 1 then
    redis.call('XDEL', KEYS[1], ARGV[2])
    local now = redis.call('TIME')
    local due = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[4]
    redis.call('ZADD', KEYS[2], due, ARGV[3])
    redis.call('HINCRBY', KEYS[3], 'retries', 1)
end";

/// Moves what is due into the stream.
const PROMOTE: &str = "
local now = redis.call('TIME')
local until_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', until_ms, 'LIMIT', 0, 100)
for _, text in ipairs(due) do
    local job = cjson.decode(text)
    redis.call('XADD', KEYS[2], '*', 'name', job.name, 'input', job.input, 'tries', job.tries)
    redis.call('ZREM', KEYS[1], text)
end
return #due";

/// A job, as a worker has it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its place in the stream.
    pub id: String,
    /// What its result is kept by.
    pub name: String,
    /// What is to be done.
    pub input: String,
    /// How many times it was begun, with this time.
    pub tries: u32,
}

/// What is in the queue.
#[derive(Clone, Debug)]
pub struct State {
    /// Jobs that wait for a worker.
    pub waiting: u64,
    /// Jobs that a worker has.
    pub running: u64,
    /// Jobs that have failed, and are tried again later.
    pub later: u64,
    /// Jobs that are given up.
    pub dead: u64,
    /// Jobs that are done, and what went wrong on the way: by name.
    pub counts: Vec<(String, u64)>,
}

/// The queue, as the worker `name` sees it.
#[derive(Debug)]
pub struct Queue {
    name: String,
    /// Commands that wait in Redis have a connection of their own.
    waiting: Link,
    link: Link,
}

impl Queue {
    /// The queue in the Redis at `addr`, for the worker `name`.
    pub fn new(addr: &str, name: &str) -> Self {
        Queue {
            name: name.to_owned(),
            waiting: Link::new(addr),
            link: Link::new(addr),
        }
    }

    /// Creates the group of the workers, if there is none.
    ///
    /// # Errors
    ///
    /// Returns what Redis reports, as all methods do; an error of the connection is none.
    pub async fn open(&self) -> RedisResult<()> {
        let create = xcmd("XGROUP", &["CREATE", JOBS, GROUP, "0", "MKSTREAM"]);
        match self.query(create).await {
            Err(error) if is_there(&error) => Ok(()),
            result => result,
        }
    }

    /// Adds jobs, each by its name and input, all or none.
    pub async fn add(&self, jobs: &[(String, String)]) -> RedisResult<()> {
        let mut commands = redis::pipe();
        commands.atomic();
        for (name, input) in jobs {
            let add = xcmd(
                "XADD",
                &[JOBS, "*", "name", name, "input", input, "tries", "0"],
            );
            commands.add_command(add).ignore();
        }
        self.link.query(&commands).await
    }

    /// Waits at most `limit` for a job.
    pub async fn next(&self, limit: Duration) -> RedisResult<Option<Job>> {
        let mut read = xcmd("XREADGROUP", &["GROUP", GROUP, &self.name, "COUNT", "1"]);
        read.arg("BLOCK").arg(limit.as_millis() as u64);
        read.arg(&["STREAMS", JOBS, ">"]);
        let (reply,): (Option<StreamReadReply>,) = self.waiting.query(&one(read)).await?;
        let mut entries = reply
            .unwrap_or_default()
            .keys
            .into_iter()
            .flat_map(|key| key.ids);
        Ok(entries.next().map(|entry| job(&entry, 1)))
    }

    /// Takes a job over that a worker has left for `lease`: it is dead, or was cut off.
    pub async fn claim(&self, lease: Duration) -> RedisResult<Option<Job>> {
        let mut claim = xcmd("XAUTOCLAIM", &[JOBS, GROUP, &self.name]);
        claim
            .arg(lease.as_millis() as u64)
            .arg(&["0-0", "COUNT", "1"]);
        let reply: StreamAutoClaimReply = self.query(claim).await?;
        let Some(entry) = reply.claimed.into_iter().next() else {
            return Ok(None);
        };
        let pending = xcmd("XPENDING", &[JOBS, GROUP, &entry.id, &entry.id, "1"]);
        let count = xcmd("HINCRBY", &[COUNTS, "claimed", "1"]);
        let mut commands = one(pending);
        commands.add_command(count).ignore();
        let (pending,): (StreamPendingCountReply,) = self.link.query(&commands).await?;
        let delivered = pending
            .ids
            .first()
            .map_or(1, |pending| pending.times_delivered);
        Ok(Some(job(&entry, delivered as u32)))
    }

    /// Says that the jobs are in work, so that no other worker claims them.
    pub async fn renew(&self, ids: &[String]) -> RedisResult<()> {
        let mut claim = xcmd("XCLAIM", &[JOBS, GROUP, &self.name, "0"]);
        claim.arg(ids).arg("JUSTID");
        self.query(claim).await
    }

    /// Acknowledges a job, and keeps its result.
    pub async fn finish(&self, job: &Job, result: &str) -> RedisResult<()> {
        let keys = [JOBS, RESULTS, COUNTS];
        let finish = script(FINISH, &keys, &[GROUP, &job.id, &job.name, result]);
        self.query(finish).await
    }

    /// Puts a job that has failed aside for `pause`.
    pub async fn retry(&self, job: &Job, pause: Duration) -> RedisResult<()> {
        let text = json!({ "name": job.name, "input": job.input, "tries": job.tries }).to_string();
        let pause = pause.as_millis().to_string();
        let keys = [JOBS, LATER, COUNTS];
        self.query(script(RETRY, &keys, &[GROUP, &job.id, &text, &pause]))
            .await
    }

    /// Moves a job to the dead letters, with the reason.
    pub async fn bury(&self, job: &Job, reason: &str) -> RedisResult<()> {
        let tries = job.tries.to_string();
        let mut commands = redis::pipe();
        commands.atomic();
        let (name, input) = (&*job.name, &*job.input);
        let fields = [
            "name", name, "input", input, "tries", &tries, "reason", reason,
        ];
        let mut add = xcmd("XADD", &[DEAD, "*"]);
        add.arg(&fields);
        for command in [
            add,
            xcmd("XACK", &[JOBS, GROUP, &job.id]),
            xcmd("XDEL", &[JOBS, &job.id]),
        ] {
            commands.add_command(command).ignore();
        }
        self.link.query(&commands).await
    }

    /// Moves the jobs that are due into the stream, and returns how many.
    pub async fn promote(&self) -> RedisResult<u64> {
        self.query(script(PROMOTE, &[LATER, JOBS], &[])).await
    }

    /// Leaves the group, unless this worker still has a job.
    pub async fn leave(&self) -> RedisResult<()> {
        let pending = xcmd("XPENDING", &[JOBS, GROUP, "-", "+", "1", &self.name]);
        let left: StreamPendingCountReply = self.query(pending).await?;
        if left.ids.is_empty() {
            let delete = xcmd("XGROUP", &["DELCONSUMER", JOBS, GROUP, &self.name]);
            self.query::<u64>(delete).await?;
        }
        Ok(())
    }

    /// Returns what is in the queue.
    pub async fn state(&self) -> RedisResult<State> {
        let mut commands = redis::pipe();
        commands
            .add_command(xcmd("XLEN", &[JOBS]))
            .add_command(xcmd("XPENDING", &[JOBS, GROUP]))
            .add_command(xcmd("ZCARD", &[LATER]))
            .add_command(xcmd("XLEN", &[DEAD]))
            .add_command(xcmd("HGETALL", &[COUNTS]));
        type Replies = (u64, Vec<Value>, u64, u64, Vec<(String, u64)>);
        let (entries, pending, later, dead, mut counts): Replies =
            self.link.query(&commands).await?;
        let running = pending.into_iter().next().unwrap_or(Value::Int(0));
        let running: u64 = redis::from_redis_value(running)?;
        counts.sort();
        Ok(State {
            waiting: entries.saturating_sub(running),
            running,
            later,
            dead,
            counts,
        })
    }

    async fn query<T: FromRedisValue>(&self, command: Cmd) -> RedisResult<T> {
        let (reply,) = self.link.query(&one(command)).await?;
        Ok(reply)
    }
}

/// Whether the error says that the group is there already.
fn is_there(error: &RedisError) -> bool {
    let errors = error.clone().into_server_errors();
    errors.is_some_and(|errors| errors.iter().all(|(_, error)| error.code() == "BUSYGROUP"))
}

fn xcmd(name: &str, args: &[&str]) -> Cmd {
    let mut command = cmd(name);
    command.arg(args);
    command
}

fn script(text: &str, keys: &[&str], args: &[&str]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(text).arg(keys.len()).arg(keys).arg(args);
    command
}

fn one(command: Cmd) -> Pipeline {
    let mut commands = redis::pipe();
    commands.add_command(command);
    commands
}

fn job(entry: &StreamId, delivered: u32) -> Job {
    let tries: u32 = entry.get("tries").unwrap_or_default();
    Job {
        id: entry.id.clone(),
        name: entry.get("name").unwrap_or_default(),
        input: entry.get("input").unwrap_or_default(),
        tries: tries + delivered,
    }
}
