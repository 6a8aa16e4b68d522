//! The SHA-256 of a file, however long it is, without being in anybody's way.

use std::fs::File;
use std::io::{self, Read};

use hmac_sha256::Hash;
use quintet::spawn_blocking;

/// How much one job hashes: less than a millisecond of work. Longer jobs would keep the few workers
/// from the files of others; shorter ones would spend their time on the way there and back.
const SLICE: usize = 128 * 1024;

/// Hashes a file from where it stands to its end, and returns the hash in hexadecimal digits.
///
/// It is long work, so it is done on the pool of workers; but one slice after the other, each a job
/// that waits its turn between those of others. And when this future is dropped, because the client
/// has reset the connection, no further job is begun.
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

/// What goes to the worker and comes back.
struct Work {
    file: File,
    sha256: Hash,
    buffer: Vec<u8>,
    is_done: bool,
}

impl Work {
    fn hash_slice(mut self) -> io::Result<Self> {
        let len = self.file.read(&mut self.buffer)?;
        self.sha256.update(&self.buffer[..len]);
        self.is_done = len == 0;
        Ok(self)
    }
}
