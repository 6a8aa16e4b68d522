//! What a signal does while nobody awaits it: what it did before.
//!
//! Once a signal has a handler in this process it keeps it; the OS's own default action cannot be
//! put back from safe code. So the first handler of each signal emulates it while a flag is set, and
//! the flag is set whenever no stream is left. A signal that was ignored when the process started
//! (as `nohup` does) stays ignored.
//!
//! This is the one place with state of the whole process, because signals are that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::flag;

/// What is known of each signal that was ever taken over.
static SIGNALS: Mutex<Option<HashMap<i32, Disposition>>> = Mutex::new(None);

struct Disposition {
    /// Whether the default action is in force.
    by_default: Arc<AtomicBool>,
    /// Whether the process was started with the signal ignored.
    was_ignored: bool,
    claims: usize,
}

impl Disposition {
    /// Installs the handler that emulates the default action.
    fn install(signal: i32) -> io::Result<Self> {
        let by_default = Arc::new(AtomicBool::new(false));
        let was_ignored = is_ignored(signal);
        // Registered before any stream's handler, so it runs before them.
        flag::register_conditional_default(signal, Arc::clone(&by_default))?;
        Ok(Disposition {
            by_default,
            was_ignored,
            claims: 0,
        })
    }
}

/// Keeps a signal's default action off while it lives.
#[derive(Debug)]
pub(super) struct Claim {
    signal: i32,
}

impl Claim {
    /// # Errors
    ///
    /// The OS's, of installing a handler.
    pub(super) fn new(signal: i32) -> io::Result<Self> {
        let mut signals = SIGNALS.lock().unwrap_or_else(PoisonError::into_inner);
        let signals = signals.get_or_insert_default();
        let disposition = match signals.entry(signal) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Disposition::install(signal)?),
        };
        disposition.claims += 1;
        disposition.by_default.store(false, Ordering::SeqCst);
        Ok(Claim { signal })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut signals = SIGNALS.lock().unwrap_or_else(PoisonError::into_inner);
        let disposition = signals
            .as_mut()
            .and_then(|signals| signals.get_mut(&self.signal))
            .expect("a claim is for a signal that was taken over");
        disposition.claims -= 1;
        if disposition.claims == 0 && !disposition.was_ignored {
            disposition.by_default.store(true, Ordering::SeqCst);
        }
    }
}

/// Whether the process ignores the signal now, by the kernel's word.
fn is_ignored(signal: i32) -> bool {
    if !(1..=64).contains(&signal) {
        return false;
    }
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
