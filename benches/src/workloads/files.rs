//! Files that the OS has in its cache.

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
/// How much is read at a time of the large file.
const CHUNK: usize = 64 * 1024;

/// A file is opened, read to its end, and closed. `tasks` tasks do so at the same time.
pub(super) fn read_small<R: Runtime>(tasks: u64, amount: Amount) -> Sample {
    let path = file("4k", SMALL).expect("the file can be made");
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

/// One file from its start to its end, 64 KiB at a time. One operation is one MiB.
pub(super) fn read_large<R: Runtime>(amount: Amount) -> Sample {
    let size = usize::try_from(amount.operations).expect("it fits the memory") * MIB;
    let path = file(&format!("{}m", amount.operations), size).expect("the file can be made");
    let amount = Amount {
        // Making or finding the file has read it once.
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

/// The same by plain calls that block, one file at a time. `None` for what reads no file.
pub(crate) fn read_blocking(workload: InProcess, amount: Amount) -> Option<Sample> {
    match workload {
        InProcess::ReadSmall { tasks: 1 } => {
            let path = file("4k", SMALL).expect("the file can be made");
            let watch = Stopwatch::start();
            for _ in 0..amount.operations {
                let contents = fs::read(&path).expect("the file can be read");
                assert_eq!(contents.len(), SMALL);
            }
            Some(watch.stop(amount.operations))
        }
        InProcess::ReadLarge => {
            let size = usize::try_from(amount.operations).expect("it fits the memory") * MIB;
            let name = format!("{}m", amount.operations);
            let path = file(&name, size).expect("the file can be made");
            let watch = Stopwatch::start();
            let mut file = File::open(path).expect("the file is there");
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

/// A file of that size, in the cache. It stays for the next run.
///
/// It lies beside the program and not where temporary files do: that is often memory, where some
/// calls do not work as on a disk.
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
    // By rename, so that two runs at the same time do not see half a file.
    let part = directory.join(format!("{name}.{}", std::process::id()));
    fs::write(&part, vec![7; size])?;
    fs::rename(&part, &path)?;
    Ok(path)
}
