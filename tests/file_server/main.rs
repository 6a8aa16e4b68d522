//! The example `file_server`, end to end: the built binary as a child process, and clients that
//! know nothing of this crate.
//!
//! `cargo test` builds the examples before it runs this; `cargo test --test file_server` alone does
//! not.

mod client;
mod command_line;
mod crowd;
mod paths;
mod ranges;
mod serving;
mod shutdown;
mod site;

// The example's own unit tests, which `cargo test` would leave out.
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
