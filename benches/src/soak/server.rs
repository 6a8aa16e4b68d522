//! The server of a soak: HTTP, echo, timers, jobs and files on one loop. Both sides: the process,
//! and how the load starts it and asks for its status.
//!
//! The server prints the ports of its listeners. For each line on its standard input it prints what
//! it holds. At the end of its input it stops everything, and prints what is left then.

use std::cell::Cell;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use hyper::service::service_fn;
use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{Handle, Runtime};
use quintet::sync::mpsc;
use quintet::task::{CancellationToken, Drained, TaskTracker};
use quintet::time::{sleep, timeout};
use rustix::process::{Pid, Signal, kill_process};

use crate::measure::{field, resident_bytes};
use crate::runtimes::hello;

/// How many tasks set timers, run jobs and use files.
const TIMER_TASKS: u64 = 100;
const JOB_TASKS: u64 = 8;
const FILE_TASKS: u64 = 4;
/// How long the end may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server holds, and what it has done by itself so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(super) resident: u64,
    pub(super) descriptors: u64,
    pub(super) tasks: u64,
    /// How many timers, sockets and jobs tasks wait for.
    pub(super) waits: u64,
    /// How many timers, jobs and file operations have completed.
    pub(super) done: u64,
}

impl Status {
    fn to_line(self) -> String {
        format!(
            "resident={} descriptors={} tasks={} waits={} done={}",
            self.resident, self.descriptors, self.tasks, self.waits, self.done
        )
    }

    fn from_line(line: &str) -> Option<Self> {
        Some(Status {
            resident: field(line, "resident")?,
            descriptors: field(line, "descriptors")?,
            tasks: field(line, "tasks")?,
            waits: field(line, "waits")?,
            done: field(line, "done")?,
        })
    }
}

/// Where the server listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addrs {
    pub(super) http: SocketAddr,
    pub(super) echo: SocketAddr,
}

/// The process of the server, as its parent sees it. Dropping this kills it.
#[derive(Debug)]
pub(super) struct SoakServer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    addrs: Addrs,
}

impl SoakServer {
    /// Starts it, and waits until it listens.
    pub(super) fn start() -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .arg("soak-serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take();
        let mut output = BufReader::new(output.expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line)?;
        let addr = |name| {
            let port = field(&line, name).and_then(|port| u16::try_from(port).ok());
            port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                .ok_or_else(|| io::Error::other("it has not printed its ports"))
        };
        let addrs = Addrs {
            http: addr("http")?,
            echo: addr("echo")?,
        };
        Ok(SoakServer {
            child,
            input,
            output,
            addrs,
        })
    }

    pub(super) fn addrs(&self) -> Addrs {
        self.addrs
    }

    /// Asks what the server holds.
    pub(super) fn status(&mut self) -> io::Result<Status> {
        if let Some(input) = &mut self.input {
            input.write_all(b"\n")?;
        }
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Status::from_line(&line).ok_or_else(|| io::Error::other("the server has exited"))
    }

    /// Stops the process for a while: its clients go on and wait for it.
    pub(super) fn stop_for(&self, time: Duration) -> io::Result<()> {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::STOP)?;
        thread::sleep(time);
        kill_process(process, Signal::CONT)?;
        Ok(())
    }

    /// Ends the server, and returns a list of what it could not release.
    pub(super) fn end(mut self) -> io::Result<String> {
        self.input = None;
        let mut left = String::new();
        self.output.read_to_string(&mut left)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(io::Error::other(format!("it ended with {status}")));
        }
        Ok(left.trim().to_owned())
    }
}

impl Drop for SoakServer {
    fn drop(&mut self) {
        // The process may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The hidden command `soak-serve`, which the child process executes.
pub(crate) fn serve() -> io::Result<()> {
    let runtime = Runtime::new()?;
    let dir = env::temp_dir().join(format!("quintet-soak-{}", process::id()));
    fs::create_dir(&dir)?;
    let served = runtime.block_on(run(&dir));
    fs::remove_dir_all(&dir)?;
    served?;
    let leaks = quintet::testing::leaks(&runtime);
    if !leaks.is_empty() {
        println!("{leaks}");
    }
    Ok(())
}

/// Serves until the end of standard input.
async fn run(dir: &Path) -> io::Result<()> {
    let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut output = io::stdout();
    writeln!(
        output,
        "http={} echo={}",
        http.local_addr()?.port(),
        echo.local_addr()?.port()
    )?;
    output.flush()?;

    let (token, tracker) = (CancellationToken::new(), TaskTracker::new());
    let done = Rc::new(Cell::new(0));
    tracker.spawn(serve_http(http, token.clone()));
    tracker.spawn(serve_echo(echo, token.clone()));
    for seed in 1..=TIMER_TASKS {
        tracker.spawn(until(token.clone(), set_timers(seed, Rc::clone(&done))));
    }
    for _ in 0..JOB_TASKS {
        tracker.spawn(until(token.clone(), run_jobs(Rc::clone(&done))));
    }
    for number in 0..FILE_TASKS {
        let path = dir.join(number.to_string());
        tracker.spawn(until(token.clone(), use_files(path, Rc::clone(&done))));
    }

    let mut questions = lines_of_input()?;
    while questions.recv().await.is_some() {
        writeln!(output, "{}", status(done.get()).to_line())?;
        output.flush()?;
    }
    let drained = tracker.drain(&token, PATIENCE).await;
    if !drained.is_complete() {
        println!("{drained}");
    }
    Ok(())
}

/// Returns a message for each line of standard input, which a thread reads.
fn lines_of_input() -> io::Result<mpsc::UnboundedReceiver<()>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::Builder::new().spawn(move || {
        for line in io::stdin().lines() {
            if line.is_err() || sender.send(()).is_err() {
                break;
            }
        }
    })?;
    Ok(receiver)
}

fn status(done: u64) -> Status {
    let dump = Handle::current().dump();
    let tasks = dump.tasks();
    let entries = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let waits: usize = tasks.iter().map(|task| task.waits().len()).sum();
    Status {
        resident: resident_bytes(),
        descriptors: entries as u64,
        tasks: tasks.len() as u64,
        waits: waits as u64,
        done,
    }
}

/// How long connections may take to end.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves HTTP by the server that users take, with its limits.
async fn serve_http(listener: TcpListener, token: CancellationToken) {
    let served = quintet::hyper::serve(listener, service_fn(hello))
        .until(token.cancelled_owned())
        .drain_timeout(DRAIN)
        .await;
    tell_failure(served);
}

async fn serve_echo(listener: TcpListener, token: CancellationToken) {
    let handler = async |stream: TcpStream, _peer| {
        stream.set_nodelay(true)?;
        echo(stream).await;
        io::Result::Ok(())
    };
    let served = quintet::serve(listener, handler)
        .until(token.cancelled_owned())
        .drain_timeout(DRAIN)
        .await;
    tell_failure(served);
}

fn tell_failure(served: io::Result<Drained>) {
    if let Err(error) = served {
        println!("a listener has failed: {error}");
    }
}

async fn echo(stream: TcpStream) {
    let mut buffer = vec![0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Runs `work`, which does not end by itself, until the token is cancelled.
async fn until(token: CancellationToken, work: impl Future<Output = io::Result<()>>) {
    if let Some(Err(error)) = token.run_until_cancelled(work).await {
        println!("{error}");
    }
}

/// Sets timers that expire, and some that are cancelled.
async fn set_timers(seed: u64, done: Rc<Cell<u64>>) -> io::Result<()> {
    for round in seed.. {
        let one = Duration::from_micros(1000 + round * 7919 % 20_000);
        let other = Duration::from_micros(1000 + round * 104_729 % 20_000);
        // Whichever is later is cancelled.
        let _elapsed = timeout(one, sleep(other)).await;
        done.set(done.get() + 1);
    }
    Ok(())
}

/// Runs jobs on the pool, and aborts some.
async fn run_jobs(done: Rc<Cell<u64>>) -> io::Result<()> {
    for round in 0u64.. {
        let job = quintet::spawn_blocking(move || {
            (0..1000).fold(round, |sum, n| sum.wrapping_mul(n | 1))
        });
        if round % 10 == 9 {
            job.abort();
        }
        let _aborted = job.await;
        done.set(done.get() + 1);
        sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Writes, reads and removes a file, and drops some reads.
async fn use_files(path: PathBuf, done: Rc<Cell<u64>>) -> io::Result<()> {
    let contents = vec![7; 20_000];
    loop {
        quintet::fs::write(&path, &contents).await?;
        let _elapsed = timeout(Duration::from_micros(20), quintet::fs::read(&path)).await;
        let read = quintet::fs::read(&path).await?;
        if read != contents {
            return Err(io::Error::other("a file has changed"));
        }
        quintet::fs::remove_file(&path).await?;
        done.set(done.get() + 4);
        sleep(Duration::from_millis(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn a_status_is_sent_as_a_line() {
        let status = Status {
            resident: 1,
            descriptors: 2,
            tasks: 3,
            waits: 4,
            done: 5,
        };
        assert_eq!(Status::from_line(&status.to_line()), Some(status));
        assert_eq!(Status::from_line("resident=1"), None);
    }
}
