//! What a signal does when it has no stream: what it did before its first one.
//!
//! A handler cannot be removed by safe code, so the default action of the OS cannot be restored.
//! Instead the first handler of each signal *emulates* that action while a flag is set, and the
//! flag is set while there is no stream. What the signal did before its first stream is read from
//! `/proc/self/status`:
//!
//! - its default action: this is emulated;
//! - nothing, as under `nohup`: it stays ignored;
//! - it called a handler of the program: that is always called, and nothing is emulated;
//! - unknown, because there is no `/proc`: nothing is emulated, in case the program has a handler.
//!
//! Signals are per process, so this state is, too.

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "disposition/portable.rs"
)]
mod os;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use signal_hook::SigId;
use signal_hook::consts::SIGIO;
use signal_hook::flag;
use signal_hook::low_level;

use crate::primitive;

/// Shells add this to the number of the signal that has ended a program.
const EXIT_BY_SIGNAL: i32 = 128;

/// The state of each signal that has ever had a stream.
static SIGNALS: Mutex<Option<HashMap<i32, Disposition>>> = Mutex::new(None);

struct Disposition {
    /// Set while the default action is emulated.
    by_default: Arc<AtomicBool>,
    prior: PriorAction,
    streams: usize,
}

/// What a signal did before its first stream.
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
        // Read before our handler is installed, which would be seen as well.
        let prior = PriorAction::read(&os::status()?, signal);
        // Registered before the handler of any stream, so that it runs before them.
        register_default(signal, Arc::clone(&by_default))?;
        Ok(Disposition {
            by_default,
            prior,
            streams: 0,
        })
    }
}

/// Registers a handler that emulates the default action of the OS, while `condition` is set.
///
/// signal-hook knows the default actions of the signals that have a name in POSIX. The others are
/// the real-time signals, and SIGSTKFLT and SIGPWR on Linux. Each of them ends the process by
/// default. The emulation calls `_exit`, because only the default action of the OS can end a
/// process *by* the signal. SIGIO ends the process on Linux as well, and does nothing on other
/// systems.
fn register_default(signal: i32, condition: Arc<AtomicBool>) -> io::Result<SigId> {
    let is_known = low_level::signal_name(signal).is_some();
    if is_known && !(signal == SIGIO && os::SIGIO_ENDS_PROCESS) {
        flag::register_conditional_default(signal, condition)
    } else {
        let status = EXIT_BY_SIGNAL.saturating_add(signal);
        flag::register_conditional_shutdown(signal, status, condition)
    }
}

/// Returns whether a signal that has a stream is also handled by the program, or was ignored when
/// the program was started.
pub(super) fn is_handled_elsewhere(signal: i32) -> bool {
    let signals = primitive::lock(&SIGNALS);
    let disposition = signals.as_ref().and_then(|signals| signals.get(&signal));
    disposition.is_some_and(|disposition| match disposition.prior {
        PriorAction::Ignored | PriorAction::Caught => true,
        PriorAction::Default | PriorAction::Unknown => false,
    })
}

/// Turns the default action of a signal off while it exists.
#[derive(Debug)]
pub(super) struct DefaultActionGuard {
    signal: i32,
}

impl DefaultActionGuard {
    /// # Errors
    ///
    /// Returns an error of kind `InvalidInput` if there is no such signal, or if the C library
    /// reserves it, and an error if descriptors have run out. Nothing is changed then.
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
    /// Parses the text of `/proc/self/status`, which has a mask for each kind of action.
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
    fn a_status_that_cannot_be_parsed_is_unknown() {
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
