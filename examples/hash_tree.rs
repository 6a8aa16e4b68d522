//! Prints the SHA-256 of each file of a tree, like `sha256sum`, on all processors.
//!
//! ```text
//! cargo run --release --example hash_tree -- src
//! ```
//!
//! The loop walks the tree and prints. Each file is a job for the threads that compute; at most
//! [`IN_FLIGHT`] of them are queued, running, or done and not printed. Ctrl-C drops the handles,
//! which asks the running jobs to end, and prints how far it came. At the end stands a summary.
//!
//! The exit code is 1 if a file could not be read, and 130 after Ctrl-C.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use futures::StreamExt;
use hmac_sha256::Hash;
use quintet::blocking;
use quintet::fs::walk;
use quintet::runtime::Handle;
use quintet::signal::unix::{SignalKind, signal};
use quintet::task::AbortOnDropHandle;

/// How many files are worked on at a time. More than there are processors, so that none of them
/// waits while the loop prints.
const IN_FLIGHT: usize = 64;

/// How many bytes are hashed between two looks at whether the job is cancelled: less than a
/// millisecond.
const SLICE: usize = 128 * 1024;

#[quintet::main]
async fn main() -> io::Result<ExitCode> {
    let root = std::env::args_os().nth(1).map_or(".".into(), PathBuf::from);
    // Before the first line of output: its reader may send the signal at once.
    let mut ctrl_c = signal(SignalKind::interrupt())?;
    let start = Instant::now();
    let summary = RefCell::new(Summary::default());
    let is_complete = quintet::select! {
        () = hash_tree(&root, &summary) => true,
        _ = ctrl_c.recv() => false,
    };
    let summary = summary.take();
    let stats = Handle::current().pool_stats();
    println!(
        "{}{summary} in {:.2?}, by {} threads",
        if is_complete { "" } else { "cancelled after " },
        start.elapsed(),
        stats.cpu_threads.threads,
    );
    Ok(match (is_complete, summary.failed) {
        (false, _) => ExitCode::from(130),
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::FAILURE,
    })
}

/// Hashes all regular files below `root`, and prints them in the order of their names.
async fn hash_tree(root: &Path, summary: &RefCell<Summary>) {
    let mut entries = walk(root).sort_by_name();
    let mut jobs: VecDeque<Job> = VecDeque::new();
    while let Some(entry) = entries.next().await {
        match entry {
            Ok(entry) if entry.file_type().is_file() => {
                if jobs.len() == IN_FLIGHT
                    && let Some(job) = jobs.pop_front()
                {
                    let printed = job.print().await;
                    summary.borrow_mut().add(printed);
                }
                jobs.push_back(Job::spawn(entry.into_path()));
            }
            Ok(_) => {}
            Err(error) => summary.borrow_mut().add(Err(error)),
        }
    }
    for job in jobs {
        let printed = job.print().await;
        summary.borrow_mut().add(printed);
    }
}

/// A file that is being hashed. Dropping it cancels that.
struct Job {
    path: PathBuf,
    hashed: AbortOnDropHandle<io::Result<Hashed>>,
}

struct Hashed {
    sha256: [u8; 32],
    bytes: u64,
}

impl Job {
    fn spawn(path: PathBuf) -> Self {
        let job = {
            let path = path.clone();
            quintet::spawn_cpu(move || hash_file(&path))
        };
        Job {
            path,
            hashed: AbortOnDropHandle::new(job),
        }
    }

    /// Waits for the hash, prints it, and returns the size of the file.
    async fn print(self) -> io::Result<u64> {
        let path = self.path.display();
        // The outer error is that of a panic, or that no thread could be started.
        let hashed = self.hashed.await.unwrap_or_else(|error| Err(error.into()));
        let Hashed { sha256, bytes } =
            hashed.map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        println!("{}  {path}", Hex(&sha256));
        Ok(bytes)
    }
}

/// Reads and hashes a file, on a thread that computes: the disk is faster than the hash.
fn hash_file(path: &Path) -> io::Result<Hashed> {
    let mut file = File::open(path)?;
    let mut hash = Hash::new();
    let mut buffer = vec![0; SLICE];
    let mut bytes = 0;
    loop {
        if blocking::is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                hash.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
    Ok(Hashed {
        sha256: hash.finalize(),
        bytes,
    })
}

/// What has been done.
#[derive(Default)]
struct Summary {
    files: u64,
    bytes: u64,
    failed: u64,
}

impl Summary {
    fn add(&mut self, hashed: io::Result<u64>) {
        match hashed {
            Ok(bytes) => {
                self.files += 1;
                self.bytes += bytes;
            }
            Err(error) => {
                self.failed += 1;
                eprintln!("{error}");
            }
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} files, {} bytes, {} errors",
            self.files, self.bytes, self.failed
        )
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
