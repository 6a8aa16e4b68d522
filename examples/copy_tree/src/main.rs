//! Copies a directory tree, several files at a time, with a progress bar.
//!
//! ```text
//! cargo run -p copy_tree -- FROM TO
//! ```
//!
//! Each file is written under a temporary name, `.copy_tree-PROCESS-NUMBER.part`, and renamed when
//! it is complete. So TO contains no half file, at no time. Ctrl-C removes the temporary files and
//! ends the program.

use std::cell::{Cell, RefCell};
use std::env;
use std::fmt;
use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::rc::Rc;

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use quintet::fs::{self, File, WalkEntry};
use quintet::task::{CancellationToken, JoinSet};

/// How many files are copied at a time: as many as there are workers by default.
const AT_A_TIME: usize = 4;

/// How much of a file is in memory.
const CHUNK: usize = 1 << 20;

/// What a shell reports for a program that SIGINT ends.
const INTERRUPTED: u8 = 130;

#[quintet::main]
async fn main() -> io::Result<ExitCode> {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [from, to] = &args[..] else {
        eprintln!("usage: copy_tree FROM TO");
        return Ok(ExitCode::from(2));
    };
    let shutdown = quintet::signal::shutdown()?;
    let copier = Rc::new(Copier::new()?);
    let stop = copier.stop.clone();
    drop(quintet::spawn(async move {
        shutdown.await;
        stop.cancel();
    }));

    copier.tree(from, to).await?;
    copier.bar.finish_and_clear();
    let summary = copier.summary.take();
    println!("{summary}");
    Ok(match summary.failed {
        _ if copier.stop.is_cancelled() => {
            println!("interrupted");
            ExitCode::from(INTERRUPTED)
        }
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Summary {
    files: u64,
    bytes: u64,
    directories: u64,
    links: u64,
    /// Sockets, FIFOs and devices, which are left out.
    others: u64,
    failed: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary {
            files,
            bytes,
            directories,
            links,
            others,
            failed,
        } = self;
        write!(
            f,
            "{files} files of {bytes} bytes, {directories} directories, {links} links; \
             {others} left out, {failed} failed"
        )
    }
}

/// What the tasks share.
struct Copier {
    stop: CancellationToken,
    bar: ProgressBar,
    summary: RefCell<Summary>,
    /// The number of the last temporary file.
    last_part: Cell<u64>,
}

impl Copier {
    fn new() -> io::Result<Self> {
        let style = ProgressStyle::with_template("{spinner} {binary_bytes} {msg}");
        Ok(Copier {
            stop: CancellationToken::new(),
            // It is drawn only where standard error is a terminal.
            bar: ProgressBar::no_length().with_style(style.map_err(io::Error::other)?),
            summary: RefCell::default(),
            last_part: Cell::new(0),
        })
    }

    /// Counts one thing, or says why it was not copied.
    fn count(&self, result: io::Result<()>, add: impl FnOnce(&mut Summary)) {
        let mut summary = self.summary.borrow_mut();
        match result {
            Ok(()) => add(&mut summary),
            // It was removed, and is no failure.
            Err(_) if self.stop.is_cancelled() => {}
            Err(error) => {
                summary.failed += 1;
                self.bar.suspend(|| eprintln!("{error}"));
            }
        }
    }

    /// Copies everything from `from` to `to`, until it is stopped.
    async fn tree(self: &Rc<Self>, from: &Path, to: &Path) -> io::Result<()> {
        refuse_endless(from, to).await?;
        let mut walk = fs::walk(from).sort_by_name();
        let mut running = JoinSet::new();
        // Set at the end, because nothing can be created in a directory that is read-only.
        let mut permissions = Vec::new();
        loop {
            let entry = quintet::select! {
                entry = walk.next() => entry,
                () = self.stop.cancelled() => break,
            };
            let Some(entry) = entry else { break };
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.count(Err(error), |_| {});
                    continue;
                }
            };
            let target = target_of(&entry, from, to);
            let file_type = entry.file_type();
            if file_type.is_dir() {
                let result = make_directory(&entry, &target).await;
                let result = result.map(|mode| permissions.push((target, mode)));
                self.count(result, |summary| summary.directories += 1);
            } else if file_type.is_file() {
                while running.len() >= AT_A_TIME {
                    running
                        .join_next()
                        .await
                        .transpose()
                        .map_err(io::Error::other)?;
                }
                let copier = Rc::clone(self);
                running.spawn(async move { copier.file(entry.path(), &target).await });
            } else if file_type.is_symlink() {
                let result = copy_link(entry.path(), &target).await;
                self.count(result, |summary| summary.links += 1);
            } else {
                self.summary.borrow_mut().others += 1;
            }
        }
        while let Some(ended) = running.join_next().await {
            ended.map_err(io::Error::other)?;
        }
        for (path, permissions) in permissions.into_iter().rev() {
            self.count(fs::set_permissions(path, permissions).await, |_| {});
        }
        Ok(())
    }

    /// Copies a file: nothing, or all of it.
    async fn file(&self, from: &Path, to: &Path) {
        self.last_part.set(self.last_part.get() + 1);
        let (id, number) = (process::id(), self.last_part.get());
        let part = to.with_file_name(format!(".copy_tree-{id}-{number}.part"));
        let result = match self.fill(from, &part).await {
            Ok(len) => fs::rename(&part, to).await.map(|()| len),
            Err(error) => Err(error),
        };
        if result.is_err() {
            match fs::remove_file(&part).await {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    self.bar.suspend(|| eprintln!("{error}"));
                }
                _ => {}
            }
        }
        let len = *result.as_ref().unwrap_or(&0);
        self.count(result.map(drop), |summary| {
            summary.files += 1;
            summary.bytes += len;
            self.bar.set_message(format!("in {} files", summary.files));
        });
    }

    /// Copies the contents, the permissions and the time of a file. Returns the length.
    async fn fill(&self, from: &Path, part: &Path) -> io::Result<u64> {
        let source = File::open(from).await?;
        let metadata = source.metadata().await?;
        let target = File::create_new(part).await?;
        let (mut chunk, mut offset) = (Vec::with_capacity(CHUNK), 0);
        loop {
            // Between two operations no worker uses the file, so that it can be removed.
            if self.stop.is_cancelled() {
                return Err(ErrorKind::Interrupted.into());
            }
            chunk = source.read_chunk_at(chunk, CHUNK, offset).await?;
            if chunk.is_empty() {
                break;
            }
            target.write_all_at(&chunk, offset).await?;
            offset += chunk.len() as u64;
            self.bar.inc(chunk.len() as u64);
        }
        target.set_permissions(metadata.permissions()).await?;
        target.set_modified(metadata.modified()?).await?;
        Ok(offset)
    }
}

/// Returns where an entry of the tree `from` is copied to.
fn target_of(entry: &WalkEntry, from: &Path, to: &Path) -> PathBuf {
    match entry.path().strip_prefix(from) {
        Ok(below) if entry.depth() > 0 => to.join(below),
        _ => to.to_owned(),
    }
}

/// Creates a directory, if it does not exist. Returns the permissions that it is to have.
async fn make_directory(entry: &WalkEntry, target: &Path) -> io::Result<Permissions> {
    let permissions = entry.metadata().await?.permissions();
    match fs::create_dir(target).await {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if !fs::metadata(target).await?.is_dir() {
                return Err(error);
            }
        }
        result => result?,
    }
    Ok(permissions)
}

/// Copies a symbolic link, which takes the place of an existing file or link.
async fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    let original = fs::read_link(from).await?;
    match fs::symlink(&original, to).await {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(to).await?;
            fs::symlink(&original, to).await
        }
        result => result,
    }
}

/// Returns an error if `to` is inside of `from`: the walk would find what it has copied.
async fn refuse_endless(from: &Path, to: &Path) -> io::Result<()> {
    let from = fs::canonicalize(from).await?;
    let mut outer = std::path::absolute(to)?;
    // The nearest directory that exists.
    while !fs::exists(&outer).await? && outer.pop() {}
    if fs::canonicalize(&outer).await?.starts_with(&from) {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            format!("{} is inside of {}", to.display(), from.display()),
        ));
    }
    Ok(())
}
