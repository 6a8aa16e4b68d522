//! Reading files that are in the page cache.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::tasks::{split_among, timed};
use super::{Amount, InProcess};
use crate::measure::{Sample, Stopwatch};
use crate::runtimes::Runtime;

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

/// Returns the path of a file of `size` bytes that is in the page cache. Later runs use it again.
///
/// It is stored beside the program and not with temporary files, which are often on a file system
/// in memory, where some calls behave differently.
fn file(name: &str, size: usize) -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let directory = program
        .parent()
        .unwrap_or(Path::new("."))
        .join("bench-files");
    fs::create_dir_all(&directory)?;
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
