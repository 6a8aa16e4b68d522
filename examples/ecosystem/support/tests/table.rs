//! The page of the guide about other crates: each row has a program here that uses the crate, the
//! version that it was built with, and how many crates it adds to those of quintet. The README has
//! the same in short.
//!
//! `ECOSYSTEM_TABLE=write cargo test -p ecosystem-support` renews both.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../src/guide/ecosystem.md"
);
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../README.md");
/// Between these lines is the table of the README.
const BEGIN: &str = "<!-- ecosystem: written by its test -->\n";
const END: &str = "<!-- end of ecosystem -->\n";
const QUINTET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A crate, how it works, and the program that shows it.
struct Row {
    name: &'static str,
    how: &'static str,
    program: &'static str,
}

const fn row(name: &'static str, how: &'static str, program: &'static str) -> Row {
    Row { name, how, program }
}

const ROWS: &[Row] = &[
    row(
        "axum",
        "adapter `quintet-axum`; `ws` and `Sse::keep_alive` need `#[quintet::main(tokio)]`",
        "events",
    ),
    row(
        "async-tungstenite",
        "as it is, on upgraded connections by `quintet::hyper::Io`",
        "chat",
    ),
    row(
        "tower-http",
        "adapter `quintet-tower-http` for files; its `timeout` needs a context of tokio",
        "static_site",
    ),
    row("futures-rustls", "as it is, on every stream", "https"),
    row("quinn", "adapter `quintet-quinn`", "quic_echo"),
    row(
        "redis",
        "as it is, on streams with tokio's I/O traits",
        "job_queue",
    ),
    row(
        "redis",
        "its pub/sub likewise, without its `Client`",
        "redis_pubsub",
    ),
    row(
        "tonic",
        "`Routes` on `quintet::hyper::serve`, `Channel` with our executor and connector; its `Server` and time limits need a context of tokio",
        "greeter",
    ),
    row(
        "tokio-postgres",
        "as it is, by `connect_raw` on streams with tokio's I/O traits; its `connect` needs a context of tokio",
        "postgres",
    ),
    row(
        "rusqlite",
        "as it is, in jobs of `spawn_blocking`",
        "json_api",
    ),
    row(
        "hyper-util",
        "adapter `quintet-hyper-util` for its client",
        "reverse_proxy",
    ),
    row(
        "indicatif",
        "as it is; `enable_steady_tick` starts a thread of its own",
        "download",
    ),
    row("reqwest", "as the guest of tokio", "guests"),
    row("sqlx", "as the guest of tokio", "guests"),
    row(
        "axum",
        "as the guest of tokio: `axum::serve`, and `ws` and `Sse::keep_alive` on `quintet_axum::serve`",
        "guests",
    ),
    row(
        "tonic",
        "as the guest of tokio: its `Server`, and a `Channel` with time limits",
        "guests",
    ),
    row(
        "tower",
        "adapter `quintet-tower` for the layers that need timers; the others as they are",
        "service",
    ),
    row(
        "tracing",
        "as it is; with the feature `tracing` a span is carried into `spawn`, if the runtime is told so",
        "service",
    ),
];

/// The names of the packages that a program compiles.
fn crates_of(program: &str, workspace: &str) -> BTreeSet<String> {
    let args = [
        "tree",
        "--locked",
        "--package",
        program,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace)
        .args(args)
        .output();
    let output = output.expect("cargo is there");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let package = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    text.lines().map(package).collect()
}

/// The version of a crate among packages, without its last number.
fn version_of(name: &str, crates: &BTreeSet<String>) -> String {
    let package = crates
        .iter()
        .find_map(|package| package.strip_prefix(&format!("{name} v")));
    let version = package.unwrap_or_else(|| panic!("no program uses {name}"));
    let (version, _) = version.rsplit_once('.').expect("three numbers");
    version.to_owned()
}

fn table() -> String {
    let own = crates_of("quintet", QUINTET);
    let mut text =
        "| crate | version | how | further crates | program |\n|---|---|---|---|---|\n".to_owned();
    for Row { name, how, program } in ROWS {
        let crates = crates_of(program, ROOT);
        let version = version_of(name, &crates);
        // Without the program itself.
        let further = crates.difference(&own).count() - 1;
        writeln!(
            text,
            "| `{name}` | {version} | {how} | {further} | `{program}` |"
        )
        .expect("a string takes everything");
    }
    text
}

/// The table of the README: a row for each crate and each way to use it.
fn short_table() -> String {
    let mut rows: Vec<(&str, &str, Vec<String>)> = Vec::new();
    for Row { name, how, program } in ROWS {
        let way = if how.starts_with("adapter") {
            "adapter"
        } else if how.starts_with("as the guest of tokio") {
            "guest of tokio"
        } else {
            "native"
        };
        let link = format!("[`{program}`](examples/ecosystem/{program})");
        match rows.iter_mut().find(|row| (row.0, row.1) == (name, way)) {
            Some((_, _, links)) => links.push(link),
            None => rows.push((name, way, vec![link])),
        }
    }
    let mut text = "| crate | how | program |\n|---|---|---|\n".to_owned();
    for (name, way, links) in rows {
        let links = links.join(", ");
        writeln!(text, "| `{name}` | {way} | {links} |").expect("a string takes everything");
    }
    text
}

/// The README with another table.
fn readme_with(table: &str) -> String {
    let readme = fs::read_to_string(README).expect("it is there");
    let (before, rest) = readme.split_once(BEGIN).expect("the table begins");
    let (_, after) = rest.split_once(END).expect("the table ends");
    format!("{before}{BEGIN}{table}{END}{after}")
}

#[test]
fn the_pages_are_true() {
    let (page, readme) = (table(), readme_with(&short_table()));
    for (path, text) in [(PAGE, page), (README, readme)] {
        if env::var_os("ECOSYSTEM_TABLE").is_some() {
            fs::write(path, &text).expect("it is written");
        }
        let found = fs::read_to_string(path).expect("it is there");
        assert_eq!(
            found, text,
            "renew it: ECOSYSTEM_TABLE=write cargo test -p ecosystem-support"
        );
    }
}

#[test]
fn each_program_has_a_row_and_a_readme() {
    for entry in fs::read_dir(ROOT).expect("it is there") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if !path.join("Cargo.toml").exists() || name == "support" {
            continue;
        }
        assert!(
            Path::new(&path).join("README.md").exists(),
            "{name} has no README.md"
        );
        assert!(
            ROWS.iter().any(|row| row.program == name),
            "{name} has no row"
        );
    }
}
