//! Compares the public API of quintet with `quintet.txt`, so that a change of it is seen in review.
//! `.ci/public_api` runs this; with `--write` the file is written anew.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use public_api::PublicApi;

/// The auto traits that users rely on. The others are unstable, or say nothing about a runtime.
const AUTO_TRAITS: [&str; 3] = ["Send", "Sync", "Unpin"];

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let json = args
        .next()
        .expect("usage: quintet-public-api JSON [--write]");
    let is_written = args.any(|arg| arg == "--write");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("quintet.txt");

    let api = read_api(&json);
    if is_written {
        let text: String = api.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&kept, text).expect("the file of the public API can be written");
        return ExitCode::SUCCESS;
    }
    let text = fs::read_to_string(&kept).expect("there is a file of the public API");
    let changes = changes(&text.lines().collect::<Vec<_>>(), &api);
    if changes.is_empty() {
        return ExitCode::SUCCESS;
    }
    for change in changes {
        println!("{change}");
    }
    println!("the public API has changed; if that is meant, run `.ci/public_api --write`");
    ExitCode::FAILURE
}

/// Reads the public items from rustdoc's JSON output.
fn read_api(json: &str) -> Vec<String> {
    let api: PublicApi = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .expect("rustdoc's JSON output has the format that this program reads");
    let lines = api.items().map(ToString::to_string);
    lines.filter(|line| is_of_interest(line)).collect()
}

fn is_of_interest(line: &str) -> bool {
    let auto_trait = ["impl core::marker::", "impl core::panic::unwind_safe::"];
    let name = auto_trait.iter().find_map(|start| line.strip_prefix(start));
    name.is_none_or(|name| {
        AUTO_TRAITS
            .iter()
            .any(|auto_trait| name.starts_with(&format!("{auto_trait} for ")))
    })
}

/// The lines that are only in one of both.
fn changes(old: &[&str], new: &[String]) -> Vec<String> {
    let old: BTreeSet<&str> = old.iter().copied().collect();
    let new: BTreeSet<&str> = new.iter().map(String::as_str).collect();
    let removed = old.difference(&new).map(|line| format!("-{line}"));
    let added = new.difference(&old).map(|line| format!("+{line}"));
    removed.chain(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_the_lines_of_one_side_only() {
        let new = ["a", "c", "d"].map(str::to_owned);
        assert_eq!(changes(&["a", "b", "c"], &new), ["-b", "+d"]);
    }

    #[test]
    fn of_the_auto_traits_only_some_are_kept() {
        assert!(is_of_interest(
            "impl core::marker::Send for quintet::time::Sleep"
        ));
        assert!(is_of_interest(
            "impl !core::marker::Send for quintet::time::Sleep"
        ));
        assert!(!is_of_interest(
            "impl core::marker::Freeze for quintet::time::Sleep"
        ));
        assert!(is_of_interest("pub mod quintet"));
    }
}
