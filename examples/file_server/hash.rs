//! Computes the SHA-256 of a file in slices, so that other jobs run in between.

use std::fs::File;
use std::io::{self, Read};

use hmac_sha256::Hash;
use quintet::spawn_blocking;

/// How many bytes one job hashes, which takes less than a millisecond. Longer jobs would delay
/// other requests, which share the few workers; shorter ones would spend their time on being
/// queued.
const SLICE: usize = 128 * 1024;

/// Hashes a file from its current position to its end, and returns the hash in hexadecimal digits.
///
/// Each slice is a separate job of the worker pool, so jobs of other requests run in between. If
/// this future is dropped, for example because the client has reset the connection, no further
/// slice is hashed.
///
/// # Errors
///
/// Returns an error if the file cannot be read.
pub(crate) async fn sha256(file: File) -> io::Result<String> {
    let mut work = Work {
        file,
        sha256: Hash::new(),
        buffer: vec![0; SLICE],
        is_done: false,
    };
    while !work.is_done {
        work = spawn_blocking(|| work.hash_slice()).await??;
    }
    let hash = work.sha256.finalize();
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The state of a computation, which moves to a worker and back.
struct Work {
    file: File,
    sha256: Hash,
    buffer: Vec<u8>,
    is_done: bool,
}

impl Work {
    /// Hashes one slice.
    fn hash_slice(mut self) -> io::Result<Self> {
        let len = self.file.read(&mut self.buffer)?;
        self.sha256.update(&self.buffer[..len]);
        self.is_done = len == 0;
        Ok(self)
    }
}
