//! Where the kernel's own transfer is not used.

use std::io;
use std::ops::Range;

use super::{File, Progress, remaining};
use crate::coop;
use crate::net::TcpStream;

pub(super) async fn send(
    _file: &File,
    _stream: &TcpStream,
    rest: &mut Range<u64>,
) -> io::Result<Progress> {
    Ok(match remaining(rest) {
        0 => {
            coop::operate().await;
            Progress::Done
        }
        _ => Progress::NotPossible,
    })
}
