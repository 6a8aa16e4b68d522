//! Files that are read, written and moved about in, beside `std`'s on the same operations.
//!
//! A read may return less than `std`'s, but not nothing, and what it returns is what is there.

use std::fs as std_fs;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;

use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use quintet::fs::{self, File};
use quintet::runtime::{Builder, Runtime};
use rustix::fs::{FlockOperation, flock};

use crate::programs::{check_some, operations};

/// Operations of the longest program.
const LENGTH: usize = 40;

/// Programs that are tried: each takes some trips to a worker.
const PROGRAMS: u64 = 200;

/// Sizes and offsets: small, about a page, about what is read in advance on the loop and on a
/// worker, and more than one read takes from the kernel's cache.
const SIZES: [usize; 13] = [
    0, 1, 2, 100, 4095, 4096, 4097, 10_000, 16_384, 20_000, 65_536, 70_000, 300_000,
];

const MANY: usize = SIZES.len();

operations! {
    6 Read { size: MANY };
    3 ReadByTrait { size: MANY };
    5 Write { size: MANY, fill: 256 };
    2 WriteByTrait { size: MANY, fill: 256 };
    2 SeekStart { to: MANY };
    2 SeekEnd { back: MANY };
    2 SeekForward { by: MANY };
    2 SeekBack { by: MANY };
    1 SeekByTrait { to: MANY };
    2 SetLen { size: MANY };
    3 ReadAt { offset: MANY, size: MANY };
    3 WriteAt { offset: MANY, size: MANY, fill: 256 };
    2 ReadVectored { first: MANY, second: MANY };
    2 WriteVectored { first: MANY, second: MANY, fill: 256 };
    1 ReadVectoredAt { offset: MANY, first: MANY, second: MANY };
    1 WriteVectoredAt { offset: MANY, first: MANY, second: MANY, fill: 256 };
    1 ThroughStd;
    2 Lock { shared: 2 };
    1 LockOfTheOther { shared: 2 };
    2 Unlock;
    1 UnlockOfTheOther;
    1 DropLock;
    2 ReadLimited { limit: MANY };
    1 Copy;
    2 WriteAtomic { size: MANY, fill: 256 };
    1 Flush;
    1 Sync;
    2 DropRead { size: MANY };
    2 DropWrite { size: MANY, fill: 256 };
    2 DropSeek { to: MANY };
    3 DropWriteAt { offset: MANY, size: MANY, fill: 256 };
}

/// A file on each side, and a second handle of it.
struct State<'a> {
    dir: &'a Path,
    ours: File,
    std: std_fs::File,
    our_other: File,
    std_other: std_fs::File,
}

/// What `std` says, to be compared with what quintet says.
fn outcome<T>(result: io::Result<T>) -> Result<T, io::ErrorKind> {
    result.map_err(|error| error.kind())
}

fn same<T: PartialEq + std::fmt::Debug>(
    ours: io::Result<T>,
    std: io::Result<T>,
) -> Result<(), String> {
    let (ours, std) = (outcome(ours), outcome(std));
    if ours == std {
        return Ok(());
    }
    Err(format!("{ours:?}, not {std:?}"))
}

fn filled(size: usize, fill: usize) -> Vec<u8> {
    let byte = |at: usize| (at / 7 + fill) as u8;
    (0..SIZES[size]).map(byte).collect()
}

/// Polls a future once and drops it.
async fn begin<F: Future>(future: F) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _polled = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

impl State<'_> {
    /// Compares what a read by the cursor has returned.
    fn has_read(&mut self, result: io::Result<usize>, buf: &[u8]) -> Result<(), String> {
        let n = result.map_err(|error| error.to_string())?;
        let mut expected = vec![0; if n == 0 { buf.len() } else { n }];
        let std_n = self.std.read(&mut expected).unwrap();
        if std_n != n {
            return Err(format!("{n} bytes are read, not {std_n}"));
        }
        compare(&buf[..n], &expected[..n])
    }

    async fn position(&mut self) -> Result<(), String> {
        same(
            self.ours.seek(SeekFrom::Current(0)).await,
            self.std.stream_position(),
        )
    }

    async fn seek(&mut self, to: SeekFrom) -> Result<(), String> {
        same(self.ours.seek(to).await, self.std.seek(to))
    }

    /// The operations of the cursor.
    async fn cursor(&mut self, op: &Op) -> Result<(), String> {
        match *op {
            Op::Read { size } => {
                let mut buf = vec![0; SIZES[size]];
                let result = self.ours.read(&mut buf).await;
                self.has_read(result, &buf)
            }
            Op::ReadByTrait { size } => {
                let mut buf = vec![0; SIZES[size]];
                let result = AsyncReadExt::read(&mut self.ours, &mut buf).await;
                self.has_read(result, &buf)
            }
            Op::Write { size, fill } => {
                let buf = filled(size, fill);
                same(self.ours.write(&buf).await, self.std.write(&buf))
            }
            Op::WriteByTrait { size, fill } => {
                let buf = filled(size, fill);
                let result = AsyncWriteExt::write(&mut self.ours, &buf).await;
                same(result, self.std.write(&buf))
            }
            Op::ReadVectored { first, second } => {
                let (mut a, mut b) = (vec![0; SIZES[first]], vec![0; SIZES[second]]);
                let bufs = &mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
                let result = self.ours.read_vectored(bufs).await;
                self.has_read(result, &[a, b].concat())
            }
            Op::WriteVectored {
                first,
                second,
                fill,
            } => {
                let (a, b) = (filled(first, fill), filled(second, fill + 1));
                let bufs = &[IoSlice::new(&a), IoSlice::new(&b)];
                let result = self.ours.write_vectored(bufs).await;
                same(result, self.std.write(&[a, b].concat()))
            }
            Op::SeekStart { to } => self.seek(SeekFrom::Start(SIZES[to] as u64)).await,
            Op::SeekEnd { back } => self.seek(SeekFrom::End(-(SIZES[back] as i64))).await,
            Op::SeekForward { by } => self.seek(SeekFrom::Current(SIZES[by] as i64)).await,
            Op::SeekBack { by } => self.seek(SeekFrom::Current(-(SIZES[by] as i64))).await,
            Op::SeekByTrait { to } => {
                let to = SeekFrom::Start(SIZES[to] as u64);
                let result = AsyncSeekExt::seek(&mut self.ours, to).await;
                same(result, self.std.seek(to))
            }
            _ => Ok(()),
        }
    }

    /// Operations on several buffers at an offset.
    async fn vectored_at(&mut self, op: &Op) -> Result<(), String> {
        match *op {
            Op::ReadVectoredAt {
                offset,
                first,
                second,
            } => {
                let (mut a, mut b) = (vec![0; SIZES[first]], vec![0; SIZES[second]]);
                let bufs = &mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
                let offset = SIZES[offset] as u64;
                let n = self.ours.read_vectored_at(bufs, offset).await.unwrap();
                let read = [a, b].concat();
                let mut expected = vec![0; if n == 0 { read.len() } else { n }];
                let std_n = self.std.read_at(&mut expected, offset).unwrap();
                if std_n != n {
                    return Err(format!("{n} bytes are read, not {std_n}"));
                }
                compare(&read[..n], &expected[..n])
            }
            Op::WriteVectoredAt {
                offset,
                first,
                second,
                fill,
            } => {
                let (a, b) = (filled(first, fill), filled(second, fill + 1));
                let bufs = &[IoSlice::new(&a), IoSlice::new(&b)];
                let offset = SIZES[offset] as u64;
                let result = self.ours.write_vectored_at(bufs, offset).await;
                same(result, self.std.write_at(&[a, b].concat(), offset))
            }
            _ => Ok(()),
        }
    }

    /// Locks, of this handle and of the other one.
    async fn lock(&mut self, op: &Op) -> Result<(), String> {
        let operation = |shared| match shared {
            0 => FlockOperation::NonBlockingLockExclusive,
            _ => FlockOperation::NonBlockingLockShared,
        };
        let lock = async |file: &File, shared| match shared {
            0 => file.try_lock().await,
            _ => file.try_lock_shared().await,
        };
        match *op {
            Op::Lock { shared } => same(
                lock(&self.ours, shared).await.map_err(io::Error::from),
                flock(&self.std, operation(shared)).map_err(io::Error::from),
            ),
            Op::LockOfTheOther { shared } => same(
                lock(&self.our_other, shared).await.map_err(io::Error::from),
                flock(&self.std_other, operation(shared)).map_err(io::Error::from),
            ),
            Op::Unlock => same(
                self.ours.unlock().await,
                flock(&self.std, FlockOperation::Unlock).map_err(io::Error::from),
            ),
            Op::UnlockOfTheOther => same(
                self.our_other.unlock().await,
                flock(&self.std_other, FlockOperation::Unlock).map_err(io::Error::from),
            ),
            Op::DropLock => {
                // Whether a lock was acquired or not, none is left, if there was none before.
                self.ours.unlock().await.unwrap();
                flock(&self.std, FlockOperation::Unlock).unwrap();
                begin(self.ours.lock_shared()).await;
                // It waits for what was dropped.
                self.ours.unlock().await.unwrap();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Operations on the whole file, and on another one.
    async fn whole(&mut self, op: &Op) -> Result<(), String> {
        let (ours, std) = (self.dir.join("ours"), self.dir.join("std"));
        match *op {
            Op::ReadLimited { limit } => {
                let limit = SIZES[limit];
                let contents = std_fs::read(std).unwrap();
                match fs::read_limited(ours, limit).await {
                    Ok(read) if contents.len() <= limit => compare(&read, &contents),
                    Err(error)
                        if contents.len() > limit
                            && error.kind() == io::ErrorKind::FileTooLarge =>
                    {
                        Ok(())
                    }
                    result => Err(format!(
                        "{:?} of {} bytes, with the limit {limit}",
                        result.map(|read| read.len()),
                        contents.len()
                    )),
                }
            }
            Op::Copy => {
                let (our_copy, std_copy) = (self.dir.join("our copy"), self.dir.join("std copy"));
                same(
                    fs::copy(ours, &our_copy).await,
                    std_fs::copy(std, &std_copy),
                )?;
                compare(
                    &std_fs::read(our_copy).unwrap(),
                    &std_fs::read(std_copy).unwrap(),
                )
            }
            Op::WriteAtomic { size, fill } => {
                let (path, contents) = (self.dir.join("our copy"), filled(size, fill));
                fs::write_atomic(&path, &contents).await.unwrap();
                compare(&fs::read(&path).await.unwrap(), &contents)
            }
            _ => Ok(()),
        }
    }

    /// The file becomes one of `std` and one of ours again.
    async fn through_std(&mut self) -> Result<(), String> {
        let path = self.dir.join("ours");
        let placeholder = File::open(path).await.unwrap();
        let file = std::mem::replace(&mut self.ours, placeholder);
        let file = match file.try_into_std() {
            Ok(file) => file,
            // A job runs whose future was dropped.
            Err(file) => file.into_std().await.unwrap(),
        };
        self.ours = File::from_std(file);
        self.position().await
    }

    /// The other operations.
    async fn other(&mut self, op: &Op) -> Result<(), String> {
        match *op {
            Op::SetLen { size } => {
                let len = SIZES[size] as u64;
                same(self.ours.set_len(len).await, self.std.set_len(len))
            }
            Op::ReadAt { offset, size } => {
                let (mut buf, offset) = (vec![0; SIZES[size]], SIZES[offset] as u64);
                let n = self.ours.read_at(&mut buf, offset).await.unwrap();
                let mut expected = vec![0; if n == 0 { buf.len() } else { n }];
                let std_n = self.std.read_at(&mut expected, offset).unwrap();
                if std_n != n {
                    return Err(format!("{n} bytes are read, not {std_n}"));
                }
                compare(&buf[..n], &expected[..n])
            }
            Op::WriteAt { offset, size, fill } => {
                let (buf, offset) = (filled(size, fill), SIZES[offset] as u64);
                same(
                    self.ours.write_at(&buf, offset).await,
                    self.std.write_at(&buf, offset),
                )
            }
            Op::ThroughStd => self.through_std().await,
            Op::Flush => same(self.ours.flush().await, self.std.flush()),
            Op::Sync => same(self.ours.sync_data().await, self.std.sync_data()),
            _ => Ok(()),
        }
    }

    /// Operations that are begun and given up.
    async fn dropped(&mut self, op: &Op) -> Result<(), String> {
        match *op {
            Op::DropRead { size } => {
                let mut buf = vec![0; SIZES[size]];
                let mut has_read = None;
                {
                    let mut read = pin!(self.ours.read(&mut buf));
                    poll_fn(|cx| {
                        has_read = Some(read.as_mut().poll(cx));
                        Poll::Ready(())
                    })
                    .await;
                }
                if let Some(Poll::Ready(result)) = has_read {
                    self.has_read(result, &buf)?;
                }
                self.position().await
            }
            Op::DropWrite { size, fill } => {
                let buf = filled(size, fill);
                begin(self.ours.write(&buf)).await;
                self.std.write_all(&buf).unwrap();
                self.position().await
            }
            Op::DropSeek { to } => {
                let to = SeekFrom::Start(SIZES[to] as u64);
                begin(self.ours.seek(to)).await;
                self.std.seek(to).unwrap();
                self.position().await
            }
            Op::DropWriteAt { offset, size, fill } => {
                let (buf, offset) = (filled(size, fill), SIZES[offset] as u64);
                begin(self.ours.write_at(&buf, offset)).await;
                // It goes on, unless no worker had begun with it. What is called next knows.
                let mut now = vec![0; buf.len()];
                let read = self.ours.read_exact_at(&mut now, offset).await;
                if read.is_ok() && now == buf {
                    self.std.write_all_at(&buf, offset).unwrap();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn step(&mut self, op: &Op) -> Result<(), String> {
        self.cursor(op).await?;
        self.other(op).await?;
        self.vectored_at(op).await?;
        self.lock(op).await?;
        self.whole(op).await?;
        self.dropped(op).await?;
        let len = self.ours.metadata().await.map(|metadata| metadata.len());
        same(len, self.std.metadata().map(|metadata| metadata.len()))
    }
}

fn compare(ours: &[u8], std: &[u8]) -> Result<(), String> {
    let differs = ours.iter().zip(std).position(|(ours, std)| ours != std);
    match differs {
        None => Ok(()),
        Some(at) => Err(format!("the bytes differ from number {at} on")),
    }
}

async fn run(dir: &Path, program: &[Op]) -> Result<(), String> {
    let (ours, std) = (dir.join("ours"), dir.join("std"));
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    let mut std_options = std_fs::File::options();
    std_options
        .read(true)
        .write(true)
        .create(true)
        .truncate(true);
    let mut state = State {
        dir,
        ours: options.open(&ours).await.unwrap(),
        std: std_options.open(&std).unwrap(),
        our_other: File::open(&ours).await.unwrap(),
        std_other: std_fs::File::open(&std).unwrap(),
    };
    for (step, op) in program.iter().enumerate() {
        let result = state.step(op).await;
        result.map_err(|failure| format!("at {step}: {failure}"))?;
    }
    compare(&std_fs::read(ours).unwrap(), &std_fs::read(std).unwrap())
}

fn check_on(runtime: Runtime, test: &str) {
    let dir = tempfile::tempdir().unwrap();
    let command = format!("cargo test --test models {test}");
    check_some(PROGRAMS, &command, LENGTH, |program| {
        runtime.block_on(run(dir.path(), program))
    });
}

#[test]
fn files() {
    check_on(Runtime::new().unwrap(), "files");
}

#[test]
fn files_without_cached_reads() {
    let runtime = Builder::new().cached_reads(false).build();
    check_on(runtime.unwrap(), "files_without_cached_reads");
}
