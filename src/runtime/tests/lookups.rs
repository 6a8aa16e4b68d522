//! A look-up that a worker has begun cannot be stopped.

use std::sync::mpsc;

use crate::blocking::{Purpose, run_io};
use crate::runtime::Runtime;
use crate::task::yield_now;

#[test]
fn a_look_up_that_was_given_up_keeps_neither_the_loop_alive_nor_a_shutdown_waiting() {
    let runtime = Runtime::new().unwrap();
    let (begun, has_begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let (end, has_ended) = mpsc::channel();
    let lookup = runtime.spawn(run_io(Purpose::Lookup, move || {
        begun.send(()).unwrap();
        let _released = released.recv();
        end.send(()).unwrap();
        Ok(())
    }));
    runtime.block_on(yield_now());
    has_begun.recv().unwrap();
    lookup.abort();
    runtime.run().unwrap();
    assert!(lookup.is_finished());
    drop(runtime);
    assert!(has_ended.try_recv().is_err());
    drop(release);
    has_ended.recv().unwrap();
}
