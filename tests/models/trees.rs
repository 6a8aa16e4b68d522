//! Directory trees that grow and shrink, and are walked, beside a walk by `std` that recurs.

use std::fs as std_fs;
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use futures::StreamExt;
use quintet::fs::{self, WalkEntry};
use quintet::runtime::{Builder, Runtime};

use crate::programs::{check_some, operations};

/// Operations of the longest program.
const LENGTH: usize = 60;

/// Programs that are tried: each creates files.
const PROGRAMS: u64 = 100;

/// Places, of which each is a path of up to three names.
const PLACES: usize = 40;

/// The greatest depth that is set as a limit.
const DEPTHS: usize = 6;

operations! {
    5 Directory { place: PLACES };
    4 File { place: PLACES };
    3 Link { place: PLACES, to: PLACES };
    1 Remove { place: PLACES };
    3 Walk { follow: 2, min: DEPTHS, max: DEPTHS, without: PLACES };
}

/// Returns a path: `a`, or `b/c`, or `d/a/b`.
fn path(root: &Path, mut place: usize) -> PathBuf {
    let mut path = root.to_owned();
    loop {
        path.push(["a", "b", "c", "d"][place % 4]);
        place /= 4;
        if place == 0 {
            return path;
        }
        place -= 1;
    }
}

/// The options of a walk.
struct Options {
    follow: bool,
    min: usize,
    max: usize,
    /// What is left out.
    without: PathBuf,
}

/// What a walk returns of an entry: its path and whether it is a directory, or the path at which
/// there is an error.
type Found = Result<(PathBuf, bool), PathBuf>;

/// Walks by recursion. `above` are the directories that lead to `path`.
fn walk_by_std(path: &Path, options: &Options, above: &[(u64, u64)], found: &mut Vec<Found>) {
    if path == options.without {
        return;
    }
    let depth = above.len();
    let follow = options.follow || depth == 0;
    let metadata = match std_fs::metadata(path) {
        Ok(metadata) if follow => metadata,
        // It is no link to follow, or one that leads to nothing.
        _ => std_fs::symlink_metadata(path).unwrap(),
    };
    let id = (metadata.dev(), metadata.ino());
    let enters = metadata.is_dir() && depth < options.max;
    if enters && above.contains(&id) {
        return found.push(Err(path.to_owned()));
    }
    if depth >= options.min {
        found.push(Ok((path.to_owned(), metadata.is_dir())));
    }
    if enters {
        let entries = std_fs::read_dir(path).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let above = [above, &[id]].concat();
        for path in paths {
            walk_by_std(&path, options, &above, found);
        }
    }
}

async fn walk(root: &Path, options: &Options) -> Vec<Found> {
    let without = options.without.clone();
    let walk = fs::walk(root)
        .sort_by_name()
        .follow_links(options.follow)
        .min_depth(options.min)
        .max_depth(options.max)
        .filter_entry(move |entry| entry.path() != without);
    let found = |entry: io::Result<WalkEntry>| match entry {
        Ok(entry) => Ok((entry.path().to_owned(), entry.file_type().is_dir())),
        // The path is in the text: `cannot walk into "/x/y": …`.
        Err(error) => Err(error.to_string().split('"').nth(1).unwrap().into()),
    };
    walk.map(found).collect().await
}

async fn step(root: &Path, op: &Op) -> Result<(), String> {
    // What cannot be done, because a parent is missing or is a file, is left out.
    match *op {
        Op::Directory { place } => drop(std_fs::create_dir_all(path(root, place))),
        Op::File { place } => drop(std_fs::write(path(root, place), "")),
        Op::Link { place, to } => drop(symlink(path(root, to), path(root, place))),
        Op::Remove { place } => {
            let path = path(root, place);
            if std_fs::remove_file(&path).is_err() {
                drop(std_fs::remove_dir_all(path));
            }
        }
        Op::Walk {
            follow,
            min,
            max,
            without,
        } => {
            let options = Options {
                follow: follow == 1,
                min: min / 2,
                max,
                without: path(root, without),
            };
            let mut expected = Vec::new();
            walk_by_std(root, &options, &[], &mut expected);
            let found = walk(root, &options).await;
            if found != expected {
                return Err(format!("{found:#?}\nand not\n{expected:#?}"));
            }
        }
    }
    Ok(())
}

async fn run(program: &[Op]) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    for (at, op) in program.iter().enumerate() {
        let result = step(&root, op).await;
        result.map_err(|failure| format!("at {at}: {failure}"))?;
    }
    Ok(())
}

fn check_on(runtime: Runtime, test: &str) {
    let command = format!("cargo test --test models {test}");
    check_some(PROGRAMS, &command, LENGTH, |program| {
        runtime.block_on(run(program))
    });
}

#[test]
fn trees() {
    check_on(Runtime::new().unwrap(), "trees");
}

#[test]
fn trees_under_a_seed() {
    check_on(
        Builder::new().seed(1).build().unwrap(),
        "trees_under_a_seed",
    );
}
