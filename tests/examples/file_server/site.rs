//! A server in a child process, and a directory for it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use super::client::{Client, Response};

/// Only hangs are to meet this.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// What the server reads of a file at a time.
pub(crate) const CHUNK: usize = 256 * 1024;

/// The built example: beside the directory of this test's own binary.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a binary");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("it is in target/<profile>/deps");
    let binary = profile.join("examples/file_server");
    assert!(
        binary.exists(),
        "{} is missing; `cargo build --example file_server` makes it",
        binary.display()
    );
    binary
}

/// A directory to serve. It has `index.html` and `small.txt`.
pub(crate) struct Site {
    dir: TempDir,
}

pub(crate) const SMALL: &[u8] = b"a small file\n";

impl Site {
    pub(crate) fn new() -> Self {
        let site = Site {
            dir: tempfile::tempdir().expect("a temporary directory"),
        };
        fs::create_dir(site.root()).expect("a new directory");
        site.write("index.html", b"<!DOCTYPE html>\n<title>the index</title>\n");
        site.write("small.txt", SMALL);
        site
    }

    /// What is served.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("www")
    }

    /// The directory that the root is in, which is not served.
    pub(crate) fn outside(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.root().join(name);
        fs::write(&path, contents).expect("a file can be written");
        path
    }

    /// A file of a gibibyte that takes no space.
    pub(crate) fn write_big(&self) {
        let file = File::create(self.root().join("big")).expect("a file can be made");
        file.set_len(1 << 30).expect("a sparse file");
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, args: &[&str]) -> Server {
        // With the default action of each signal: what runs in the background inherits SIGINT as
        // ignored, and so it stays then.
        let mut command = Command::new("env");
        command
            .args(["--default-signal", "--"])
            .arg(binary())
            .args(["--port", "0", "--dir"])
            .arg(self.root())
            .args(args);
        Server::start(command)
    }
}

/// Sets when a file was modified, in seconds since 1970.
pub(crate) fn set_modified(path: &Path, seconds: u64) {
    let file = File::options().append(true).open(path).expect("a file");
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    file.set_modified(time).expect("its time can be set");
}

/// Bytes that are different everywhere.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len.next_multiple_of(8)];
    for (word, i) in bytes.chunks_exact_mut(8).zip(1_u64..) {
        word.copy_from_slice(&i.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A running server; it is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// The lines of its standard output, until it closes that.
    output: Receiver<String>,
    errors: Receiver<String>,
}

impl Server {
    /// Starts the server, and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let command = command.stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example can be run");
        let output = lines(child.stdout.take().expect("piped"));
        let errors = lines(child.stderr.take().expect("piped"));
        let mut server = Server {
            child,
            addr: ([0, 0, 0, 0], 0).into(),
            output,
            errors,
        };
        let line = server.wait_for_line("listening on http://");
        let addr = line.trim_start_matches("listening on http://");
        let addr = addr.trim_end_matches('/').parse();
        server.addr = addr.expect("the line ends in the address");
        server
    }

    /// Skips what the server prints until a line with `text` comes.
    pub(crate) fn wait_for_line(&self, text: &str) -> String {
        wait_for(&self.output, text)
    }

    /// The same for standard error.
    pub(crate) fn wait_for_error(&self, text: &str) -> String {
        wait_for(&self.errors, text)
    }

    /// Stops reading its standard output.
    pub(crate) fn ignore_output(&mut self) {
        self.output = mpsc::channel().1;
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.addr)
    }

    /// One GET on a connection of its own.
    pub(crate) fn get(&self, target: &str) -> Response {
        self.get_with(target, &[])
    }

    pub(crate) fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Response {
        let mut client = self.connect();
        client.send("GET", target, headers);
        client.response()
    }

    /// Asserts that the server is as good as ever.
    pub(crate) fn assert_serves(&self) {
        let response = self.get("/small.txt");
        assert_eq!(response.status, 200);
        assert_eq!(response.body, SMALL);
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill {name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.expect("a shell can be run").success());
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        // It has ended, or is about to, when it closes its standard output.
        loop {
            match self.output.recv_timeout(HANG) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the server does not end"),
            }
        }
        self.child.wait().expect("a child can be waited for")
    }

    /// The most memory that it has had so far, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a running process has a status");
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number
            .and_then(|number| number.parse().ok())
            .expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Reads lines on a thread, so that the writer never has to wait.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            if line.map(|line| sender.send(line)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn wait_for(lines: &Receiver<String>, text: &str) -> String {
    loop {
        match lines.recv_timeout(HANG) {
            Ok(line) if line.contains(text) => return line,
            Ok(_) => {}
            Err(error) => panic!("the server has not printed {text:?}: {error}"),
        }
    }
}
