//! What the compiler says where the crate is used wrongly: one error for one mistake, at its place.
//! What it must accept, however odd it is, is in `hygiene`.
//!
//! Each `tests/ui/*/*.rs` must not compile, and the compiler's words are those of the `.stderr`
//! beside it. After a change of the words, `QUINTET_UI=overwrite cargo test --test ui` writes them
//! down anew.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn what_the_attributes_refuse() {
    all_refused("tests/ui/macros");
}

/// The version of the compiler whose words are written down in `tests/ui/compiler`.
const COMPILER: &str = "rustc 1.95.";

/// These words are the compiler's own, and differ from one version to the next; what matters is
/// that they are about the user's code. So they are compared where they were written down.
#[test]
fn what_the_compiler_refuses() {
    let version = rustc(&["--version"]);
    if !String::from_utf8_lossy(&version.stdout).starts_with(COMPILER) {
        println!("the compiler is not {COMPILER}x: its words are not compared");
        return;
    }
    all_refused("tests/ui/compiler");
}

/// Compiles each program of a directory, and compares what the compiler says with the `.stderr`.
fn all_refused(dir: &str) {
    let entries = fs::read_dir(dir).expect("the directory of programs");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let mut programs: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    programs.sort();
    assert!(!programs.is_empty());
    let is_overwriting = env::var_os("QUINTET_UI").is_some_and(|value| value == "overwrite");
    let mut failures = String::new();
    for program in programs {
        let output = compile("bin", "quintet", &program);
        let stderr = normalized(&output, dir);
        let path = program.with_extension("stderr");
        if is_overwriting {
            fs::write(&path, &stderr).expect("a writable file");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if stderr != expected {
            let program = program.display();
            failures += &format!("{program} expected:\n{expected}\n{program} got:\n{stderr}\n");
        }
        if !stderr.starts_with("error") {
            failures += &format!("{} compiles\n", program.display());
        }
    }
    assert!(
        failures.is_empty(),
        "{failures}`QUINTET_UI=overwrite` writes down what is new"
    );
}

/// Removes what differs between machines from the messages of the compiler: the lines of files
/// outside of `dir` and the totals.
fn normalized(messages: &str, dir: &str) -> String {
    let is_total = |message: &&str| {
        let totals = [
            "error: aborting",
            "For more information",
            "Some errors have",
        ];
        totals.iter().any(|total| message.starts_with(total))
    };
    let messages = messages.trim_end().split("\n\n");
    let messages = messages.filter(|message| !is_total(message));
    let messages: Vec<String> = messages
        .map(|message| without_outside(message, dir))
        .collect();
    messages.join("\n\n") + "\n"
}

/// Shortens the places outside of `dir` in a message to the name of the file, without its text.
fn without_outside(message: &str, dir: &str) -> String {
    let mut lines = Vec::new();
    let mut is_outside = false;
    for line in message.lines() {
        let place = line.trim_start().strip_prefix("--> ");
        if let Some(place) = place {
            is_outside = !place.starts_with(dir);
            if is_outside {
                let (path, _) = place.split_once(':').expect("the number of a line");
                let name = Path::new(path).file_name().expect("a file").display();
                lines.push(line.replace(place, &format!("$OUTSIDE/{name}")));
                continue;
            }
        }
        is_outside &= margin(line).is_some();
        if !is_outside {
            lines.push(line.to_owned());
        }
    }
    // The margin is as wide as the longest number of a line.
    let width = lines.iter().filter_map(|line| margin(line)).max();
    let arrow = lines
        .iter()
        .find(|line| line.trim_start().starts_with("--> "));
    let Some((width, arrow)) = width.zip(arrow) else {
        return message.to_owned();
    };
    let surplus = " ".repeat(
        arrow
            .find("-->")
            .expect("it is there")
            .saturating_sub(width.max(1)),
    );
    let lines = lines
        .iter()
        .map(|line| line.strip_prefix(&surplus).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns how many digits the number of this line has, if it is one of source text.
fn margin(line: &str) -> Option<usize> {
    let text = line.trim_start();
    let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let is_text = [" |", " ~", " +", " -"]
        .iter()
        .any(|mark| rest.starts_with(mark));
    let is_blank = text.starts_with('|');
    (is_text || is_blank).then_some(text.len() - rest.len())
}

fn rustc(args: &[&str]) -> Output {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
    // The compiler's advice mentions cargo if this is set.
    let output = rustc.args(args).env("CARGO_CRATE_NAME", "ui").output();
    output.expect("a compiler has built this")
}

/// Compiles a program that uses `dependency`, and returns what the compiler says.
fn compile(crate_type: &str, dependency: &str, program: &Path) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let dirs = library_dirs();
    let dirs = dirs
        .iter()
        .map(|dir| format!("-Ldependency={}", dir.display()));
    let flags = env::var("RUSTFLAGS").unwrap_or_default();
    let args: Vec<String> = flags
        .split_whitespace()
        .map(str::to_owned)
        .chain(dirs)
        .chain([
            "--edition=2024".to_owned(),
            format!("--crate-type={crate_type}"),
            "--emit=metadata".to_owned(),
            "-Adead_code".to_owned(),
            format!("--extern={dependency}={}", library(dependency).display()),
            format!("--out-dir={}", dir.path().display()),
            program.display().to_string(),
        ])
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    String::from_utf8_lossy(&rustc(&args).stderr).into_owned()
}

/// Where cargo puts the libraries for this program, and for the host, which differs with
/// `cargo test --target`.
fn library_dirs() -> [PathBuf; 2] {
    let own = env::current_exe().expect("a test knows its file");
    let deps = own.parent().expect("a file is in a directory");
    [deps.to_owned(), deps.join("../../../debug/deps")]
}

/// The library of this crate, newest first where there are several: cargo builds this program after
/// it, from the same source.
fn library(name: &str) -> PathBuf {
    let dirs = library_dirs();
    let files = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok());
    let files = files.flatten().map(|file| file.expect("an entry").path());
    let start = format!("lib{}-", name.replace('-', "_"));
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| {
            let suffixes = [".rlib", env::consts::DLL_SUFFIX];
            name.starts_with(&start) && suffixes.iter().any(|suffix| name.ends_with(suffix))
        })
    };
    let modified = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
    let newest = files.filter(is_it).max_by_key(modified);
    newest.expect("it has been built for this")
}

/// Attributes at random, on all sorts of items: whatever is wrong, the macros say so and do not
/// panic.
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
    let dir = tempfile::tempdir().expect("a directory");
    let program = dir.path().join("odd.rs");
    fs::write(&program, source).expect("a file");
    let said = compile("lib", "quintet_macros", &program);

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
