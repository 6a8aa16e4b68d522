//! What the compiler says where the crate is used wrongly: one error for one mistake, at its place.
//! What it must accept, however odd it is, is in `hygiene`.
//!
//! After a change of the words, `TRYBUILD=overwrite` writes them down anew.

use std::env;
use std::process::Command;

#[test]
fn what_the_attributes_refuse() {
    trybuild::TestCases::new().compile_fail("tests/ui/macros/*.rs");
}

/// The version of the compiler whose words are written down in `tests/ui/compiler`.
const COMPILER: &str = "rustc 1.95.";

/// These words are the compiler's own, and differ from one version to the next; what matters is that
/// they are about the user's code. So they are compared where they were written down.
#[test]
fn what_the_compiler_refuses() {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.expect("a compiler has built this");
    if !String::from_utf8_lossy(&version.stdout).starts_with(COMPILER) {
        println!("the compiler is not {COMPILER}x: its words are not compared");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/compiler/*.rs");
}
