//! What the compiler says where `#[quintet::main]` and `#[quintet::test]` are used wrongly, and
//! where what they are used on is wrong: one error for one mistake, at its place.
//!
//! After a change of the words, `TRYBUILD=overwrite` writes them down anew.

#[test]
fn what_the_attributes_refuse() {
    trybuild::TestCases::new().compile_fail("tests/macros_ui/*.rs");
}

/// These words are the compiler's own, so they may differ from one version to the next; what
/// matters is that they are about the user's code.
#[test]
fn what_the_compiler_refuses_behind_them() {
    trybuild::TestCases::new().compile_fail("tests/macros_ui/compiler/*.rs");
}
