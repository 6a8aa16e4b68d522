//! quintet

mod blocking;
mod clock;
mod context;
mod coop;
mod event_loop;
#[cfg(feature = "hyper")]
pub mod hyper;
mod inbox;
pub mod io;
pub mod net;
mod panics;
mod phase;
mod pool;
mod primitive;
mod ready;
pub mod runtime;
pub mod signal;
mod slots;
pub mod task;
mod tasks;
pub mod time;

pub use blocking::spawn_blocking;
pub use runtime::block_on;
pub use task::spawn;
