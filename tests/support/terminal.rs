//! Pseudo-terminals, and the users in front of them.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Opens a pseudo-terminal: the end of the user, and that of the programs.
pub(crate) fn open_terminal() -> (User, OwnedFd) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    // Not each system has a flag for that.
    fcntl_setfd(&user, FdFlags::CLOEXEC).expect("it is open");
    grantpt(&user).expect("it is ours");
    unlockpt(&user).expect("it is ours");
    let name = ptsname(&user, Vec::new())
        .expect("it has a name")
        .into_bytes();
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(OsString::from_vec(name));
    let user = User {
        terminal: user.into(),
        printed: String::new(),
    };
    (user, terminal.expect("it is there").into())
}

/// A user at a terminal.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) terminal: File,
    /// What has been printed and not been expected yet.
    printed: String,
}

impl User {
    pub(crate) fn types(&mut self, text: &str) {
        self.terminal
            .write_all(text.as_bytes())
            .expect("it is open");
    }

    /// Reads until `text` has been printed.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) {
        let mut buf = [0; 256];
        loop {
            if let Some(at) = self.printed.find(text) {
                self.printed.drain(..at + text.len());
                return;
            }
            let n = self.terminal.read(&mut buf).unwrap_or_else(|error| {
                panic!("{error}; {text:?} is not in {:?}", self.printed);
            });
            self.printed += std::str::from_utf8(&buf[..n]).expect("text");
        }
    }
}
