//! Files: reads from the page cache, writes, copies and walks.

use std::cell::Cell;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::tasks::{split_among, timed};
use super::{Amount, InProcess};
use crate::measure::{Sample, Stopwatch};
use crate::runtimes::{Files, Runtime};

const SMALL: usize = 4096;
const MIB: usize = 1024 * 1024;
/// The size of a read of the large file.
const CHUNK: usize = 64 * 1024;

/// Opens a small file, reads it to its end and closes it. `tasks` tasks do so concurrently.
pub(super) fn read_small<R: Runtime>(tasks: u64, amount: Amount) -> Sample {
    let path = file("4k", SMALL).expect("the file can be created");
    timed::<R, _>(amount, move |count| {
        let path = path.clone();
        split_reads::<R>(tasks, count, path)
    })
}

async fn split_reads<R: Runtime>(tasks: u64, count: u64, path: PathBuf) {
    split_among::<R, _>(tasks, count, |count| {
        let path = path.clone();
        async move {
            for _ in 0..count {
                let length = R::read_file(&path).await.expect("the file can be read");
                assert_eq!(length, SMALL);
            }
        }
    })
    .await;
}

/// Reads a large file to its end, 64 KiB at a time. One operation is one MiB.
pub(super) fn read_large<R: Runtime>(amount: Amount) -> Sample {
    let size = usize::try_from(amount.operations).expect("it fits in memory") * MIB;
    let path = file(&format!("{}m", amount.operations), size).expect("the file can be created");
    let amount = Amount {
        // `file` has brought it into the cache.
        warm_up: false,
        ..amount
    };
    timed::<R, _>(amount, move |_| {
        let path = path.clone();
        async move {
            let read = R::read_large(&path, CHUNK)
                .await
                .expect("the file can be read");
            assert_eq!(read, size);
        }
    })
}

/// Work on files that is not on all runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileWork {
    /// `tasks` tasks write small files, each one of its own, into one directory.
    Write { tasks: u64 },
    /// A large file is copied. One operation is one MiB.
    Copy,
    /// A tree is walked. One operation is one entry.
    Walk,
}

/// The number of files of one directory of the tree.
const FILES_OF_DIRECTORY: u64 = 99;

pub(crate) fn run<R: Files>(work: FileWork, amount: Amount) -> Sample {
    match work {
        FileWork::Write { tasks } => timed::<R, _>(amount, move |count| write::<R>(tasks, count)),
        FileWork::Copy => copy::<R>(amount),
        FileWork::Walk => walk::<R>(amount),
    }
}

async fn write<R: Files>(tasks: u64, count: u64) {
    let directory = directory("written").expect("the directory can be created");
    let next = Rc::new(Cell::new(0));
    split_among::<R, _>(tasks, count, |count| {
        let path = directory.join(next.replace(next.get() + 1).to_string());
        async move {
            for _ in 0..count {
                let written = R::write_file(&path, &[7; SMALL]).await;
                written.expect("the file can be written");
            }
        }
    })
    .await;
}

fn copy<R: Files>(amount: Amount) -> Sample {
    let size = usize::try_from(amount.operations).expect("it fits in memory") * MIB;
    let from = file(&format!("{}m", amount.operations), size).expect("the file can be created");
    let to = from.with_file_name(format!("copy.{}", std::process::id()));
    let amount = Amount {
        warm_up: false,
        ..amount
    };
    let target = to.clone();
    let sample = timed::<R, _>(amount, move |_| {
        let (from, to) = (from.clone(), target.clone());
        async move {
            let copied = R::copy_file(&from, &to).await.expect("it can be copied");
            assert_eq!(copied, size as u64);
        }
    });
    fs::remove_file(to).expect("it was created");
    sample
}

fn walk<R: Files>(amount: Amount) -> Sample {
    let path = tree(amount.operations).expect("the tree can be created");
    let amount = Amount {
        // `tree` has brought it into the cache.
        warm_up: false,
        ..amount
    };
    timed::<R, _>(amount, move |count| {
        let path = path.clone();
        async move {
            let entries = R::walk(&path).await.expect("it can be read");
            assert_eq!(entries, count);
        }
    })
}

/// Returns the path of a tree of so many entries: directories of 99 files, side by side. Later runs
/// use it again.
fn tree(entries: u64) -> io::Result<PathBuf> {
    let root = directory(&format!("tree-{entries}"))?;
    let mut left = entries;
    for number in 0.. {
        if left == 0 {
            break;
        }
        let directory = root.join(number.to_string());
        fs::create_dir_all(&directory)?;
        left -= 1;
        let files = left.min(FILES_OF_DIRECTORY);
        left -= files;
        if fs::read_dir(&directory)?.count() as u64 == files {
            continue;
        }
        for file in 0..files {
            fs::write(directory.join(file.to_string()), "")?;
        }
    }
    Ok(root)
}

/// Runs the same workloads with blocking calls of std. Returns `None` for other workloads.
pub(crate) fn read_blocking(workload: InProcess, amount: Amount) -> Option<Sample> {
    match workload {
        InProcess::ReadSmall { tasks: 1 } => {
            let path = file("4k", SMALL).expect("the file can be created");
            let watch = Stopwatch::start();
            for _ in 0..amount.operations {
                let contents = fs::read(&path).expect("the file can be read");
                assert_eq!(contents.len(), SMALL);
            }
            Some(watch.stop(amount.operations))
        }
        InProcess::ReadLarge => {
            let size = usize::try_from(amount.operations).expect("it fits in memory") * MIB;
            let name = format!("{}m", amount.operations);
            let path = file(&name, size).expect("the file can be created");
            let watch = Stopwatch::start();
            let mut file = File::open(path).expect("the file exists");
            let mut buffer = vec![0; CHUNK];
            let mut total = 0;
            while total < size {
                total += file.read(&mut buffer).expect("the file can be read");
            }
            Some(watch.stop(amount.operations))
        }
        _ => None,
    }
}

/// Returns a directory for files, which is created.
///
/// It is beside the program and not with temporary files, which are often on a file system in
/// memory, where some calls behave differently.
fn directory(name: &str) -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let beside = program.parent().unwrap_or(Path::new("."));
    let directory = beside.join("bench-files").join(name);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Returns the path of a file of `size` bytes that is in the page cache. Later runs use it again.
pub(crate) fn file(name: &str, size: usize) -> io::Result<PathBuf> {
    let directory = directory("")?;
    let path = directory.join(name);
    if fs::read(&path).is_ok_and(|contents| contents.len() == size) {
        return Ok(path);
    }
    // Renamed when complete, so that a concurrent run does not see a part of it.
    let part = directory.join(format!("{name}.{}", std::process::id()));
    fs::write(&part, vec![7; size])?;
    fs::rename(&part, &path)?;
    Ok(path)
}
