//! Quintet's primitives beside tokio's: random programs do the same to both, and after each
//! operation the results and the wakers that were woken are compared.
//!
//! ```sh
//! cargo test -p quintet-differential                           # 2000 programs of each primitive
//! QUINTET_SEEDS=1000000 cargo test --release -p quintet-differential notify
//! ```
//!
//! Where quintet differs from tokio on purpose, the file of the primitive says so and leaves the
//! case out, or expects the difference.

#[cfg(test)]
#[path = "../../models/programs.rs"]
mod programs;

#[cfg(test)]
mod driver;

#[cfg(test)]
mod barrier;
#[cfg(test)]
mod broadcast;
#[cfg(test)]
mod cancellation_token;
#[cfg(test)]
mod interval;
#[cfg(test)]
mod join_handle;
#[cfg(test)]
mod join_set;
#[cfg(test)]
mod mpsc_bounded;
#[cfg(test)]
mod mpsc_permits;
#[cfg(test)]
mod mpsc_unbounded;
#[cfg(test)]
mod mutex;
#[cfg(test)]
mod notify;
#[cfg(test)]
mod once_cell;
#[cfg(test)]
mod oneshot;
#[cfg(test)]
mod rwlock;
#[cfg(test)]
mod semaphore;
#[cfg(test)]
mod set_once;
#[cfg(test)]
mod task_tracker;
#[cfg(test)]
mod watch;
