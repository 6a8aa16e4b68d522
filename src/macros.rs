//! Macros over several futures: [`select!`](crate::select), [`join!`](crate::join),
//! [`try_join!`](crate::try_join), [`pin!`](crate::pin).
//!
//! They work with any future on any executor.

mod join;
mod names;
mod pin;
mod select;

pub use join::{in_order, rotate};
pub use select::{Start, poll_branches};
