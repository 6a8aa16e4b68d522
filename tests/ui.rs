//! What the compiler says where the crate is used wrongly: one error for one mistake, at its place.
//! What it must accept, however odd it is, is in `hygiene`.
//!
//! After a change of the words, `TRYBUILD=overwrite` writes them down anew.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
    let version = rustc(&["--version"]);
    if !String::from_utf8_lossy(&version.stdout).starts_with(COMPILER) {
        println!("the compiler is not {COMPILER}x: its words are not compared");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/compiler/*.rs");
}

fn rustc(args: &[&str]) -> Output {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc).args(args).output();
    output.expect("a compiler has built this")
}

/// The attributes' own crate, newest first where there are several. It is built for the host, so with
/// `cargo test --target` it is not beside this program.
fn macros_crate() -> PathBuf {
    let own = env::current_exe().expect("a test knows its file");
    let deps = own.parent().expect("a file is in a directory");
    let dirs = [deps.to_owned(), deps.join("../../../debug/deps")];
    let files = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok());
    let files = files.flatten().map(|file| file.expect("an entry").path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| {
            name.starts_with("libquintet_macros-") && name.ends_with(env::consts::DLL_SUFFIX)
        })
    };
    let modified = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
    let newest = files.filter(is_it).max_by_key(modified);
    newest.expect("the attributes have been built for this")
}

/// Compiles `source` as a library beside the attributes, and returns what the compiler says.
fn compile_with_macros(source: &str) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(Path::new(&path("odd.rs")), source).expect("a file");
    let output = rustc(&[
        "--edition=2024",
        "--crate-type=lib",
        "--emit=metadata",
        "--extern",
        &format!("quintet_macros={}", macros_crate().display()),
        "-o",
        &path("odd.rmeta"),
        &path("odd.rs"),
    ]);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Attributes at random, on all sorts of items: whatever is wrong, the macros say so and do not panic.
#[test]
fn no_attribute_makes_a_macro_panic() {
    #[rustfmt::skip]
    const PIECES: &[&str] = &[
        "crate", "name", "workers", "seed", "seeds", "timeout", "start_paused", "keep_alive", "true",
        "my", "fn", "_", "self", "r#type", "'a", "'x'", "b'x'", "1", "0", "-1", "0x", "0x1f", "0b12",
        "1_000", "18446744073709551616", "1u8", "1.5", "1e3", "=", "=", "=", "=", ",", ",", ":", "::",
        "$", "#", "!", "?", "->", "..", "()", "(crate)", "[1, 2]", "{ name = 1 }", "#[x]", "\"\"", "\"a\"",
        "\"5s\"", "\"0ms\"", "\"ms\"", "\"99999999999999m\"", "\"\u{e9}s\"", "\"my::path\"",
        "\"::a::b\"", "\"a::\"", "\"\\\"\"", "\"a'\"", "\"'\"", "\"/*\"", "\"//\"", "\"r#\"", "\"r#\\\"\"",
        "\"\\\\\"", "\"\\u{b2}\"", "\"\\n\"", "\"(\"", "\"{}\"", "\"$crate\"", "r\"a\"", "r#\"\"\"#",
        "r##\"\"#\"##", "b\"a\"", "br\"a\"", "c\"a\"", "cr#\"a\"#", "\"a\"suffix", "'x'suffix",
    ];
    const ITEMS: &[&str] = &[
        "async fn NAME() {}",
        "pub(crate) async fn NAME() -> Result<(), std::io::Error> { Ok(()) }",
        "fn NAME() {}",
        "const unsafe extern \"C\" fn NAME<T, const N: usize>(_: T) where T: Copy {}",
        "pub async fn NAME<'a>(_: &'a str) -> [u8; { 1 }] where { [1] }",
        "struct NAME;",
        "pub struct NAME(pub u8);",
        "enum NAME { A }",
        "mod NAME {}",
        "const NAME: u8 = 1;",
        "impl Trait for NAME {}",
        "trait NAME { async fn f(); }",
        "macro_rules! NAME { () => {} }",
        "extern \"C\" { fn NAME(); }",
        "use std as NAME;",
    ];
    let mut state = 1_u64;
    let mut next = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % bound
    };
    let mut source = String::new();
    for i in 0..3000 {
        let macro_name = ["main", "test"][next(2)];
        let pieces: Vec<&str> = (0..next(6)).map(|_| PIECES[next(PIECES.len())]).collect();
        // Often the value is reached.
        let start = ["", "", "crate = ", "name = ", "timeout = ", "workers = "][next(6)];
        let items = [1, ITEMS.len()][next(2)];
        let item = ITEMS[next(items)];
        let item = item.replace("NAME", &format!("n{i}"));
        let args = pieces.join(" ");
        source += &format!("#[quintet_macros::{macro_name}({start}{args})]\n{item}\n");
    }
    let said = compile_with_macros(&source);

    let panics: Vec<&str> = said
        .split("error")
        .filter(|said| said.contains("panicked"))
        .collect();
    assert!(panics.is_empty(), "{panics:?}");
    // It was the macros that were asked, and not only the compiler that gave up before.
    for word in [
        "takes a path",
        "takes a string",
        "takes a duration",
        "takes a positive integer",
        "unknown argument",
        "goes on an `async fn`",
        "cannot be generic",
    ] {
        assert!(said.contains(word), "{word}");
    }
}
