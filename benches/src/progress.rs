//! A progress bar on standard error.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const WIDTH: usize = 24;

/// A progress bar. It is shown if standard error is a terminal.
pub(crate) struct Progress {
    shown: bool,
    start: Instant,
    done: usize,
    total: usize,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        Progress {
            shown: io::stderr().is_terminal(),
            start: Instant::now(),
            done: 0,
            total,
        }
    }

    /// Advances the bar and shows what runs next.
    pub(crate) fn next(&mut self, what: &str) {
        if self.shown {
            let bar = line(self.done, self.total, self.start.elapsed(), what);
            // Overwrite the line and erase the rest of the previous bar.
            let _ = write!(io::stderr(), "\r{bar}\x1b[K");
        }
        self.done += 1;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(done: usize, total: usize, elapsed: Duration, what: &str) -> String {
    let total = total.max(1);
    let filled = WIDTH * done / total;
    let bar = "#".repeat(filled) + &"-".repeat(WIDTH - filled);
    let percent = 100 * done / total;
    let left = match u32::try_from(done) {
        Ok(done @ 1..) => {
            let rest = u32::try_from(total).unwrap_or(u32::MAX) - done;
            remaining(elapsed * rest / done)
        }
        _ => String::new(),
    };
    format!("[{bar}] {percent:3} % {left}{what}")
}

fn remaining(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..60 => format!("{seconds} s left, "),
        seconds => format!("{} min left, ", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::line;

    #[test]
    fn the_bar_shows_the_share_and_the_time_left() {
        let start = line(0, 8, Duration::ZERO, "echo");
        let half = line(4, 8, Duration::from_secs(30), "echo");
        let late = line(1, 8, Duration::from_secs(30), "echo");

        assert_eq!(start, "[------------------------]   0 % echo");
        assert_eq!(half, "[############------------]  50 % 30 s left, echo");
        assert!(late.ends_with("12 % 4 min left, echo"), "{late}");
    }
}
