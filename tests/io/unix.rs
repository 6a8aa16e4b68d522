//! Unix sockets: streams, datagrams, descriptors in messages, what goes wrong.

#[cfg(all(not(quintet_portable), any(target_os = "linux", target_os = "android")))]
mod abstract_names;
mod crowd;
mod datagrams;
mod descriptors;
mod pipes;
mod streams;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::patience::in_time;
use crate::support::strict;

fn block_on<F: Future>(future: F) -> F::Output {
    // Not a timeout of the loop: when that expires, it tries the system call once more, and a wake
    // that was lost would not be noticed.
    in_time(|| strict::block_on(future))
}

/// A directory, and the path of a socket in it.
fn path() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    (dir, path)
}
