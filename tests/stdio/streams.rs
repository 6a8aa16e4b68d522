//! Streams of each kind, and the processes that get them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use quintet::runtime::Runtime;
use rustix::fs::{Mode, OFlags, fcntl_getfl, open};

use crate::support::child::{child, is_child};
use crate::support::patience::in_time;
use crate::support::terminal::open_terminal;

/// A standard input to which something can be added while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Live {
    Pipe,
    Fifo,
    Socket,
    Terminal,
}

pub(crate) const LIVE: [Live; 4] = [Live::Pipe, Live::Fifo, Live::Socket, Live::Terminal];

/// The kinds of outputs that the loop writes: all on Linux.
pub(crate) fn written_by_the_loop() -> impl Iterator<Item = Live> {
    let is_linux = cfg!(all(target_os = "linux", not(quintet_portable)));
    let kinds = LIVE.into_iter();
    kinds.filter(move |kind| is_linux || *kind == Live::Socket)
}

/// The test's end of a standard input.
#[derive(Debug)]
pub(crate) struct Feed {
    end: File,
    is_terminal: bool,
}

impl Feed {
    pub(crate) fn write(&mut self, data: &str) {
        self.end.write_all(data.as_bytes()).unwrap();
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.end.into()
    }

    /// Ends the input. A terminal has another one after that.
    pub(crate) fn end(mut self) -> Self {
        if self.is_terminal {
            self.write("\x04");
        } else {
            self.end = File::open("/dev/null").unwrap();
        }
        self
    }
}

/// Opens an input of a kind: the end of the test, and that of the process.
pub(crate) fn live(kind: Live) -> (Feed, OwnedFd) {
    let (feed, input): (OwnedFd, OwnedFd) = match kind {
        Live::Pipe => {
            let (input, feed) = std::io::pipe().unwrap();
            (feed.into(), input.into())
        }
        Live::Socket => {
            let (feed, input) = UnixStream::pair().unwrap();
            (feed.into(), input.into())
        }
        Live::Fifo => {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("fifo");
            let made = Command::new("mkfifo").arg(&path).status();
            assert!(made.unwrap().success());
            // Without `NONBLOCK`, each would wait for the other one.
            let open = |flags| open(&path, flags | OFlags::CLOEXEC, Mode::empty()).unwrap();
            let input = open(OFlags::RDONLY | OFlags::NONBLOCK);
            let feed = open(OFlags::WRONLY);
            rustix::fs::fcntl_setfl(&input, OFlags::empty()).unwrap();
            (feed, input)
        }
        Live::Terminal => {
            let (user, terminal) = open_terminal();
            (user.terminal.into(), terminal)
        }
    };
    let feed = Feed {
        end: feed.into(),
        is_terminal: kind == Live::Terminal,
    };
    (feed, input)
}

/// A file that contains `data`.
pub(crate) fn file(data: &str) -> OwnedFd {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(data.as_bytes()).unwrap();
    file.rewind().unwrap();
    file.into()
}

/// A process that runs one test, and prints lines for this one.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(test: &str, input: impl Into<Stdio>) -> Self {
        Process::spawn(child(test).stdin(input))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Process { child, output }
    }

    /// Returns the next line that was printed by [`say`], or `None` at the end.
    pub(crate) fn next(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(said) = line.strip_prefix("> ") {
                return Some(said.trim_end_matches('\n').to_owned());
            }
        }
    }

    #[track_caller]
    pub(crate) fn says(&mut self, expected: &str) {
        let said = self.next();
        assert_eq!(said.as_deref(), Some(expected));
    }

    /// Asserts that the rest of what is printed are these lines, and that the test passed.
    #[track_caller]
    pub(crate) fn ends_with(mut self, expected: &[&str]) {
        let mut said = Vec::new();
        while let Some(line) = self.next() {
            said.push(line);
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}; it said {said:?}");
        assert_eq!(said, expected);
    }

    /// Returns all that is printed from now on, also by programs that the process has become.
    pub(crate) fn rest(mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _has_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Prints a line for the test that has started this process.
pub(crate) fn say(line: impl std::fmt::Display) {
    // The harness does not end its lines before the test ends.
    println!("\n> {line}");
}

/// What a process prints and reads after `block_on` has returned: a line that nothing of the
/// runtime may have taken, and then its shutdown.
pub(crate) fn read_a_line_and_shut_down(runtime: Runtime) {
    say("returned");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    say(line.trim());
    drop(runtime);
    say("shut down");
}

/// Runs `body` where this is the process of a single test, and `test` otherwise.
pub(crate) fn in_two_processes(body: impl FnOnce(), test: impl FnOnce()) {
    in_time(|| {
        if is_child() {
            body();
        } else {
            test();
        }
    });
}

/// The flags of a description.
pub(crate) fn flags(fd: impl AsFd) -> OFlags {
    fcntl_getfl(fd).unwrap()
}
