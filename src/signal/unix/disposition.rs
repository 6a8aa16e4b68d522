//! What a signal does when no stream for it is left: what it did prior.
//!
//! Once a signal has a handler in this process it keeps it: safe code cannot put the OS's default
//! action back. So the first handler of each signal *emulates* that action while a flag is set, and
//! the flag is set while there is no stream. What the signal did prior is read from
//! `/proc/self/status` when its first stream is made:
//!
//! - its default action: this is emulated;
//! - nothing, as under `nohup`: it stays ignored;
//! - it called a handler of the program: that one is still called, always, and nothing is emulated;
//! - unknown, because there is no `/proc`: nothing is emulated, so a handler of the program lives on.
//!
//! This is the one place with state of the whole process, because signals are that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustix::io::Errno;
use signal_hook::SigId;
use signal_hook::consts::SIGIO;
use signal_hook::flag;
use signal_hook::low_level;

use crate::primitive;

/// What shells add to the number of the signal that ended a program.
const EXIT_BY_SIGNAL: i32 = 128;

/// What is known of each signal that was ever taken over.
static SIGNALS: Mutex<Option<HashMap<i32, Disposition>>> = Mutex::new(None);

struct Disposition {
    /// Set while the default action is emulated.
    by_default: Arc<AtomicBool>,
    prior: PriorAction,
    streams: usize,
}

/// What a signal did prior its first stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PriorAction {
    Default,
    Ignored,
    Caught,
    Unknown,
}

impl Disposition {
    /// Installs the handler that emulates the default action.
    fn install(signal: i32) -> io::Result<Self> {
        let by_default = Arc::new(AtomicBool::new(false));
        // PriorAction the handler of ours, which would be seen as well.
        let prior = PriorAction::read(&status()?, signal);
        // PriorAction any stream's handler, so that it runs prior them.
        register_default(signal, Arc::clone(&by_default))?;
        Ok(Disposition {
            by_default,
            prior,
            streams: 0,
        })
    }
}

/// Reads `/proc/self/status`; it is empty where there is none, or where it may not be read.
///
/// # Errors
///
/// If there is no descriptor or memory left for it. That says nothing about the signal, and must not
/// decide for good what becomes of it.
fn status() -> io::Result<String> {
    match fs::read_to_string("/proc/self/status") {
        Ok(status) => Ok(status),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Err(error),
            _ => Ok(String::new()),
        },
    }
}

/// Registers the action that does what the OS does by default, while `condition` is set.
///
/// signal-hook knows the default actions of the signals that have a name in POSIX. The others are
/// the real-time signals, and SIGSTKFLT and SIGPWR on Linux; by default each ends the process. The
/// emulation calls `_exit`: it cannot die of the signal itself, for that needs the OS's default
/// action. SIGIO ends the process on Linux as well, and does nothing elsewhere.
fn register_default(signal: i32, condition: Arc<AtomicBool>) -> io::Result<SigId> {
    let ends_on_linux = cfg!(any(target_os = "linux", target_os = "android")) && signal == SIGIO;
    if low_level::signal_name(signal).is_some() && !ends_on_linux {
        flag::register_conditional_default(signal, condition)
    } else {
        let status = EXIT_BY_SIGNAL.saturating_add(signal);
        flag::register_conditional_shutdown(signal, status, condition)
    }
}

/// Keeps a signal's default action off while it lives.
#[derive(Debug)]
pub(super) struct DefaultActionGuard {
    signal: i32,
}

impl DefaultActionGuard {
    /// # Errors
    ///
    /// Returns the error of installing a handler: `InvalidInput` where there is no such signal, or
    /// where the C library keeps it for itself; and an error if there is no descriptor left. Nothing
    /// is changed then.
    pub(super) fn new(signal: i32) -> io::Result<Self> {
        let mut signals = primitive::lock(&SIGNALS);
        let signals = signals.get_or_insert_default();
        let disposition = match signals.entry(signal) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Disposition::install(signal)?),
        };
        disposition.streams += 1;
        disposition.by_default.store(false, Ordering::SeqCst);
        Ok(DefaultActionGuard { signal })
    }
}

impl Drop for DefaultActionGuard {
    fn drop(&mut self) {
        let mut signals = primitive::lock(&SIGNALS);
        let disposition = signals
            .as_mut()
            .and_then(|signals| signals.get_mut(&self.signal))
            .expect("a guard is for a signal that was taken over");
        disposition.streams -= 1;
        if disposition.streams == 0 && disposition.prior == PriorAction::Default {
            disposition.by_default.store(true, Ordering::SeqCst);
        }
    }
}

impl PriorAction {
    /// Reads it from the text of `/proc/self/status`, which has a mask of each kind.
    fn read(status: &str, signal: i32) -> Self {
        let Some(bit) = signal.checked_sub(1).filter(|bit| (0..128).contains(bit)) else {
            return PriorAction::Unknown;
        };
        let is_set_in = |mask: &str| {
            let mut lines = status.lines();
            let mask = lines.find_map(|line| line.strip_prefix(mask)?.strip_prefix(':'))?;
            let mask = u128::from_str_radix(mask.trim(), 16).ok()?;
            Some(mask >> bit & 1 == 1)
        };
        match (is_set_in("SigIgn"), is_set_in("SigCgt")) {
            (_, Some(true)) => PriorAction::Caught,
            (Some(true), _) => PriorAction::Ignored,
            (Some(false), Some(false)) => PriorAction::Default,
            _ => PriorAction::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SIGHUP is ignored, SIGUSR1 and the signals 34 and 64 are caught.
    const STATUS: &str = "\
        Name:\tprogram\n\
        SigBlk:\tffffffffffffffff\n\
        SigIgn:\t0000000000000001\n\
        SigCgt:\t8000000200000200\n\
        CapInh:\t0000000000000000\n";

    #[test]
    fn the_masks_say_what_a_signal_did() {
        for (signal, prior) in [
            (1, PriorAction::Ignored),
            (2, PriorAction::Default),
            (10, PriorAction::Caught),
            (33, PriorAction::Default),
            (34, PriorAction::Caught),
            (63, PriorAction::Default),
            (64, PriorAction::Caught),
            (128, PriorAction::Default),
            (129, PriorAction::Unknown),
            (0, PriorAction::Unknown),
            (-1, PriorAction::Unknown),
            (i32::MIN, PriorAction::Unknown),
        ] {
            assert_eq!(PriorAction::read(STATUS, signal), prior, "signal {signal}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        let cut = STATUS.split_inclusive('\n').take(3).collect::<String>();
        let odd = STATUS.replace("SigCgt:\t8", "SigCgt:\tx");
        for status in ["", "SigIgn:\n", &cut, &odd] {
            assert_eq!(
                PriorAction::read(status, 2),
                PriorAction::Unknown,
                "{status:?}"
            );
        }
        // That much is certain.
        assert_eq!(PriorAction::read(&cut, 1), PriorAction::Ignored);
    }
}
