//! The examples, end to end, as child processes.
//!
//! `cargo test` builds the examples before it runs this; `cargo test --test examples` alone does
//! not.

#[path = "../support/mod.rs"]
mod support;

mod deadlock;
mod embedding;
mod file_server;
mod hash_tree;
mod program;
mod proxy;
mod repl;
mod session;
mod shell;
mod sockets;
mod two_cores;
mod who_blocks;

// The unit tests of an example, which `cargo test` would leave out. The example's own paths begin
// at the root of its crate, so its files are modules of the root here.
macro_rules! unit_tests_of {
    ($($name:ident at $path:literal;)*) => {$(
        #[path = $path]
        #[allow(dead_code, reason = "only the unit tests in it are wanted here")]
        mod $name;
    )*};
}

unit_tests_of! {
    args at "../../examples/file_server/args.rs";
    conditions at "../../examples/file_server/conditions.rs";
    files at "../../examples/file_server/files.rs";
    listing at "../../examples/file_server/listing.rs";
    mime at "../../examples/file_server/mime.rs";
    page at "../../examples/file_server/page.rs";
    patient at "../../examples/file_server/patient.rs";
}
