//! Rule 9 of the tick's contract, over the whole crate: each operation that may resolve at once is
//! charged, so that a loop over it holds up no other task.
//!
//! A row makes one operation again and again, in one task, where it need never wait. It says how
//! often a poll of the task may make it: as its price allows. An operation that is not charged goes
//! on for as long as it is asked.

mod files;
mod memory;
mod net;
mod processes;
mod standard_streams;
mod sync;
mod tasks;

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use quintet::{block_on, spawn};

use crate::support::cases::{in_check, log, watched};
use crate::support::wakers::poll;

/// What one poll of a task may spend.
const UNITS: u32 = 128;

/// How often a row makes its operation: more often than a poll may.
const TIMES: u32 = 2 * UNITS;

/// What was found of the rows so far.
#[derive(Default)]
struct Table {
    faults: Vec<String>,
}

impl Table {
    /// An operation that costs one unit.
    async fn row<T>(&mut self, name: &str, operation: impl AsyncFnMut() -> T) {
        self.row_of(1, name, operation).await;
    }

    /// An operation that costs so many units.
    async fn row_of<T>(&mut self, units: u32, name: &str, operation: impl AsyncFnMut() -> T) {
        let in_a_poll = most_in_a_poll(name, operation).await;
        // The last one may cost more than is left.
        let expected = UNITS.div_ceil(units);
        if in_a_poll != expected {
            let fault = format!("{name}: {in_a_poll} times in a poll, and not {expected}");
            self.faults.push(fault);
        }
    }

    /// An operation that has several prices, or shares the poll with others.
    async fn bounded<T>(&mut self, name: &str, operation: impl AsyncFnMut() -> T) {
        let in_a_poll = most_in_a_poll(name, operation).await;
        if !(1..=UNITS).contains(&in_a_poll) {
            self.faults
                .push(format!("{name}: {in_a_poll} times in a poll"));
        }
    }

    /// An operation that resolves at once if the kernel has the file in memory and says so; on a
    /// worker otherwise.
    async fn cached_row<T>(&mut self, name: &str, operation: impl AsyncFnMut() -> T) {
        self.cached_row_of(1, name, operation).await;
    }

    /// The same for an operation that costs so many units.
    async fn cached_row_of<T>(
        &mut self,
        units: u32,
        name: &str,
        operation: impl AsyncFnMut() -> T,
    ) {
        let in_a_poll = most_in_a_poll(name, operation).await;
        if in_a_poll == 0 {
            eprintln!("{name}: skipped, nothing is read from the page cache here");
        } else if !(UNITS / units..=UNITS.div_ceil(units)).contains(&in_a_poll) {
            self.faults
                .push(format!("{name}: {in_a_poll} times in a poll"));
        }
    }

    /// An operation that never resolves at once, whatever it waits for.
    async fn waits<T>(&mut self, name: &str, operation: impl AsyncFnMut() -> T) {
        let in_a_poll = most_in_a_poll(name, operation).await;
        if in_a_poll > 0 {
            self.faults
                .push(format!("{name}: {in_a_poll} times in a poll, and not 0"));
        }
    }
}

/// How often one poll of a task makes `operation`. It is made [`TIMES`] times in all, and another
/// task must have had its turn by then.
async fn most_in_a_poll<T>(name: &str, mut operation: impl AsyncFnMut() -> T) -> u32 {
    // Should it hang, this says where.
    log(name);
    in_check().await;
    let made = Cell::new(0);
    let mut all = pin!(async {
        while made.get() < TIMES {
            operation().await;
            made.set(made.get() + 1);
        }
    });
    let has_run = Rc::new(Cell::new(false));
    let ran = Rc::clone(&has_run);
    drop(spawn(async move { ran.set(true) }));

    let is_done = poll!(&mut all).is_ready();
    let in_a_poll = made.get();
    if !is_done {
        all.await;
        assert!(has_run.get(), "{name} does not let another task run");
    }
    in_a_poll
}

/// Runs the rows of one part of the crate and names those that are at fault.
fn check(rows: impl AsyncFn(&mut Table)) {
    let table = watched(|| {
        block_on(async {
            let mut table = Table::default();
            rows(&mut table).await;
            table
        })
    });
    assert!(table.faults.is_empty(), "\n{}\n", table.faults.join("\n"));
}
