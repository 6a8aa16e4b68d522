//! The macros in a crate that has everything against them: no std, no prelude, things of its own
//! under every name that an expansion might use, and all lints that could see into one. What the
//! macros name they name by full paths, and what they declare has names that nothing else has.

#![no_std]
#![no_implicit_prelude]
#![deny(
    missing_docs,
    missing_debug_implementations,
    missing_copy_implementations,
    unused
)]
#![deny(
    unused_qualifications,
    unused_results,
    unused_lifetimes,
    unreachable_pub,
    unnameable_types
)]
#![deny(
    elided_lifetimes_in_paths,
    single_use_lifetimes,
    redundant_lifetimes,
    non_ascii_idents
)]
#![deny(absolute_paths_not_starting_with_crate, explicit_outlives_requirements)]
#![deny(
    let_underscore_drop,
    trivial_casts,
    trivial_numeric_casts,
    variant_size_differences
)]
#![deny(unused_import_braces, unused_extern_crates, meta_variable_misuse)]
#![warn(clippy::pedantic, clippy::unwrap_used, clippy::expect_used)]
#![warn(
    clippy::shadow_unrelated,
    clippy::shadow_reuse,
    clippy::future_not_send
)]
#![forbid(unsafe_code)]
#![allow(
    dead_code,
    unused_macros,
    non_upper_case_globals,
    non_camel_case_types,
    clippy::unused_async,
    clippy::panic,
    clippy::wrong_self_convention,
    clippy::new_ret_no_self,
    reason = "of the crate itself, not of what the macros make"
)]

use ::core::{assert, assert_eq, matches};

mod std {}
mod core {}
mod alloc {}
mod quintet {}
mod __private {}
mod task {}
mod thread {}
mod prelude {}

macro_rules! types {
    ($($name:ident)*) => {$(
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        struct $name;
    )*};
}

types! {
    Option Some None Result Ok Err Box String Vec RefCell Cell LocalKey Builder TestConfig Runtime Duration
    u64 usize bool str
}

trait Future {}
trait Send {}
trait Fn {}
trait FnOnce {}
trait Default {}
trait Drop {}

// The name of a constant in a pattern is not the name of a variable.
const builder: u8 = 1;
const runtime: u8 = 1;
const future: u8 = 1;
const body: u8 = 1;
const run: u8 = 1;
const value: u8 = 1;
const config: u8 = 1;
const VALUE: ::core::primitive::usize = 4;
const KEY: ::core::primitive::usize = 4;
const INNER: ::core::primitive::usize = 4;
static local_key: u8 = 1;

macro_rules! thread_local {
    ($($any:tt)*) => {
        ::core::compile_error!("not this one");
    };
}
macro_rules! panic {
    ($($any:tt)*) => {
        ::core::compile_error!("not this one");
    };
}

/// Every type has the methods that the attributes call.
trait Methods: ::core::marker::Sized {
    fn new(self) {}
    fn build(self) {}
    fn worker_threads(self, _: u8) {}
    fn name(self, _: u8) {}
    fn start_paused(self, _: u8) {}
    fn seed(self, _: u8) {}
    fn seeds(self, _: u8) {}
    fn timeout(self, _: u8) {}
    fn run(self) {}
    fn run_seeds(self) {}
}
impl<T> Methods for T {}

::quintet::task_local! {
    static BUFFER: [u8; VALUE];

    /// A documented one.
    #[allow(unreachable_pub, reason = "its visibility is kept")]
    pub static OTHER: [u8; KEY + INNER];

    static __private: u8
}

#[::core::prelude::v1::test]
fn task_locals() {
    assert!(matches!(
        BUFFER.sync_scope([1; VALUE], || BUFFER.get()),
        [1, 1, 1, 1]
    ));
    assert_eq!(OTHER.sync_scope([1; 8], || OTHER.get()).len(), 8);
    assert_eq!(__private.sync_scope(7, || __private.get()), 7);
}

#[::quintet::main]
async fn main() {}

#[::quintet::main]
async fn builds_nothing() -> u8 {
    builder
}

#[::quintet::main(workers = 1, name = "hygiene", start_paused, seed = 1)]
async fn with_arguments() -> u8 {
    builder
}

#[::quintet::main(keep_alive)]
async fn r#fn() -> ::core::option::Option<u8> {
    ::core::option::Option::None
}

#[::core::prelude::v1::test]
fn functions_under_main() {
    main();
    assert_eq!(builds_nothing(), 1);
    assert_eq!(with_arguments(), 1);
    assert!(r#fn().is_none());
}

#[::quintet::test]
async fn run_seeds() {
    assert_eq!(builder, 1);
}

#[::quintet::test(workers = 1, name = "x", seeds = 2, timeout = "1m", start_paused)]
async fn new() -> ::core::result::Result<(), u8> {
    ::core::result::Result::Ok(())
}

#[::quintet::test(seed = 7)]
#[should_panic(expected = "as it is to")]
async fn panics() {
    ::core::panic!("as it is to");
}
