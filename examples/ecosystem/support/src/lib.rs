//! What the tests of the programs share: programs as children, and tools that a machine may lack.

pub mod browser;
pub mod nginx;
pub mod postgres;

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Longer than anything takes, so that a hang ends.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A program that runs, and is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    /// Starts `command`.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Program { child, stdout }
    }

    /// Reads lines up to one that contains `prefix`, and returns what follows that in the line.
    ///
    /// # Panics
    ///
    /// If the program ends before.
    pub fn line_after(&mut self, prefix: &str) -> String {
        loop {
            let mut line = String::new();
            let n = self.stdout.read_line(&mut line).expect("it is text");
            assert!(n > 0, "the program has ended without `{prefix}`");
            if let Some((_, rest)) = line.split_once(prefix) {
                return rest.trim_end().to_owned();
            }
        }
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name, such as `TERM`.
    ///
    /// # Panics
    ///
    /// If `kill` is not there.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.expect("`kill` is there").success());
    }

    /// Waits until the program has ended, however it ends.
    ///
    /// # Panics
    ///
    /// If it cannot be awaited.
    pub fn wait(mut self) {
        // What is printed is read, so that the program is not stopped by a full pipe.
        let _text = self.stdout.read_to_end(&mut Vec::new());
        self.child.wait().expect("it can be awaited");
    }

    /// Asks the program to end, and returns its exit code and what it has still printed.
    ///
    /// # Panics
    ///
    /// If it is ended by a signal.
    pub fn end(mut self) -> (i32, String) {
        self.signal("TERM");
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).expect("it is text");
        let status = self.child.wait().expect("it can be awaited");
        (status.code().expect("it was not killed"), text)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It fails if the program has ended.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Resets a connection, as if the machine of the client had gone and come back.
///
/// # Panics
///
/// If it is no socket any longer.
pub fn vanish(stream: TcpStream) {
    let socket = SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).expect("a socket");
    drop(stream);
}

/// Waits until `is_true` returns true, for what a program does in its own time.
///
/// # Panics
///
/// If it never does.
pub fn wait_until(mut is_true: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_true() {
        assert!(begun.elapsed() < PATIENCE, "it does not happen");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether there is such a program.
pub(crate) fn is_there(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(name).exists())
}

/// Runs a tool, and returns what it has printed; `None` with a line that says so, if the machine
/// lacks it.
///
/// # Panics
///
/// If the tool fails.
pub fn installed<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> Option<Output> {
    match Command::new(name).args(args).stdin(Stdio::null()).output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{name}: {}: {errors}",
                output.status
            );
            Some(output)
        }
        Err(error) => {
            println!("skipped: {name}: {error}");
            None
        }
    }
}

/// The contents of a file of 300 000 letters: the alphabet, again and again.
pub fn letters() -> String {
    let letter = |n| char::from(b'a' + (n % 26) as u8);
    (0..300_000).map(letter).collect()
}

/// Sends a request of HTTP/1, and returns the head and the body of the response.
///
/// # Panics
///
/// If the server cannot be reached, or sends no response.
pub fn http(addr: &str, request: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(addr).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).expect("the server reads");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).expect("a response");
    let response = String::from_utf8_lossy(&response);
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}
