//! Files that are read, written and moved about in, beside `std`'s on the same operations.
//!
//! A read may return less than `std`'s, but not nothing, and what it returns is what is there.

use std::fs as std_fs;
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;

use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use quintet::fs::File;
use quintet::runtime::{Builder, Runtime};

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
    1 Flush;
    1 Sync;
    2 DropRead { size: MANY };
    2 DropWrite { size: MANY, fill: 256 };
    2 DropSeek { to: MANY };
    3 DropWriteAt { offset: MANY, size: MANY, fill: 256 };
}

/// A file on each side.
struct State {
    ours: File,
    std: std_fs::File,
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

impl State {
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
        ours: options.open(&ours).await.unwrap(),
        std: std_options.open(&std).unwrap(),
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
