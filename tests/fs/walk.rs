//! Directory trees.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures::{StreamExt, TryStreamExt};
use quintet::fs::{self, Walk, WalkEntry};
use quintet::runtime::Runtime;
use rustix::io::Errno;
use tempfile::TempDir;

use crate::support::child::{child, in_a_child};
use crate::support::skipped::skip;
use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::{HeldWorker, one_worker, poll_alone, settle, temp};

/// Creates files, and directories where a name ends with `/`.
fn tree(names: &[&str]) -> TempDir {
    let dir = temp();
    for name in names {
        let path = dir.path().join(name);
        if name.ends_with('/') {
            std::fs::create_dir_all(path).unwrap();
        } else {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
    }
    dir
}

/// The paths below `dir` that a walk returns, in its order. An error is its text.
async fn names(dir: &Path, walk: Walk) -> Vec<String> {
    let name = |entry: std::io::Result<WalkEntry>| match entry {
        Ok(entry) => {
            let below = entry.path().strip_prefix(dir).unwrap();
            assert_eq!(below.components().count(), entry.depth());
            below.to_str().unwrap().to_owned()
        }
        Err(error) => error.to_string(),
    };
    walk.map(name).collect().await
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn a_tree_is_walked_whole_and_each_directory_at_once() {
    let dir = tree(&["b/2", "b/1", "b/c/3", "a", "d/", "e/f/g/h"]);
    let all = [
        "", "a", "b", "b/1", "b/2", "b/c", "b/c/3", "d", "e", "e/f", "e/f/g", "e/f/g/h",
    ];
    block_on(async {
        let walked = names(dir.path(), fs::walk(dir.path()).sort_by_name()).await;
        assert_eq!(walked, all);

        let walked = names(dir.path(), fs::walk(dir.path())).await;
        assert_eq!(sorted(walked.clone()), all);
        // Without an order, too, a directory comes before what it contains, and nothing else in
        // between.
        for (at, name) in walked.iter().enumerate() {
            let prefix = format!("{name}/");
            let below = all
                .iter()
                .filter(|other| other.starts_with(&prefix))
                .count();
            let below = if name.is_empty() {
                all.len() - 1
            } else {
                below
            };
            for other in &walked[at + 1..][..below] {
                assert!(name.is_empty() || other.starts_with(&prefix), "{walked:?}");
            }
        }
    });
}

#[test]
fn entries_say_what_they_are() {
    let dir = tree(&["file", "dir/"]);
    symlink("file", dir.path().join("link")).unwrap();
    block_on(async {
        let entries = fs::walk(dir.path()).sort_by_name();
        let entries: Vec<WalkEntry> = entries.try_collect().await.unwrap();
        let [root, below, file, link] = &entries[..] else {
            panic!("{entries:?}");
        };
        assert!(root.file_type().is_dir() && below.file_type().is_dir());
        assert!(file.file_type().is_file() && link.file_type().is_symlink());
        assert_eq!(root.file_name(), dir.path().file_name().unwrap());
        assert_eq!(file.file_name(), "file");
        assert_eq!(file.metadata().await.unwrap().len(), 4);
        assert!(link.metadata().await.unwrap().is_symlink());
        for (entry, path) in [(root, dir.path()), (file, &dir.path().join("file"))] {
            // Before and after the path has been joined.
            assert_eq!(entry.clone().into_path(), path);
            assert_eq!(entry.path(), path);
            assert_eq!(entry.clone().into_path(), path);
        }
        std::fs::remove_file(file.path()).unwrap();
        let error = file.metadata().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn the_start_may_be_anything_that_exists() {
    let dir = tree(&["below/file"]);
    let path = |name: &str| dir.path().join(name);
    symlink("below", path("link")).unwrap();
    block_on(async {
        let start = path("below/file");
        assert_eq!(names(&start, fs::walk(&start)).await, [""]);
        let start = path("link");
        assert_eq!(names(&start, fs::walk(&start)).await, ["", "file"]);
        let root: Vec<_> = fs::walk("/").max_depth(0).collect().await;
        assert_eq!(root[0].as_ref().unwrap().file_name(), "/");

        let mut walk = fs::walk(path("none"));
        let error = walk.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = format!("cannot read the metadata of {:?}: No such", path("none"));
        assert!(error.to_string().starts_with(&text), "{error}");
        assert!(walk.next().await.is_none());
        assert!(walk.next().await.is_none());
    });
}

#[test]
fn depths_are_limited() {
    let dir = tree(&["a/b/c/d", "e"]);
    let walk = || fs::walk(dir.path()).sort_by_name();
    block_on(async {
        let of = async |walk| names(dir.path(), walk).await;
        assert_eq!(of(walk().max_depth(0)).await, [""]);
        assert_eq!(of(walk().max_depth(1)).await, ["", "a", "e"]);
        assert_eq!(
            of(walk().min_depth(1).max_depth(2)).await,
            ["a", "a/b", "e"]
        );
        assert_eq!(of(walk().min_depth(4)).await, ["a/b/c/d"]);
        assert!(of(walk().min_depth(3).max_depth(2)).await.is_empty());
    });
}

#[test]
fn a_directory_that_is_filtered_out_is_not_read() {
    let dir = tree(&["a/target/x/y", "a/src/z", "target/w", "b"]);
    let forbidden = dir.path().join("target");
    std::fs::set_permissions(&forbidden, PermissionsExt::from_mode(0o000)).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = Arc::clone(&seen);
    let walk = fs::walk(dir.path()).sort_by_name().min_depth(1);
    let walk = walk.filter_entry(move |entry| {
        see.lock().unwrap().push(entry.depth());
        entry.file_name() != "target"
    });
    let walked = block_on(names(dir.path(), walk));
    std::fs::set_permissions(&forbidden, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(walked, ["a", "a/src", "a/src/z", "b"]);
    // In the order of the walk: the start, a, src, z, target, b, target.
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3, 2, 1, 1]);

    let walk = fs::walk(dir.path()).filter_entry(|_| false);
    assert!(block_on(names(dir.path(), walk)).is_empty());
}

#[test]
fn a_filter_that_leaves_out_thousands_does_not_end_the_walk() {
    let dir = temp();
    for i in 0..2000 {
        std::fs::write(dir.path().join(format!("{i:04}")), "").unwrap();
    }
    std::fs::write(dir.path().join("wanted"), "").unwrap();
    let walk = fs::walk(dir.path()).sort_by_name();
    let walk = walk.filter_entry(|entry| entry.depth() == 0 || entry.file_name() == "wanted");
    assert_eq!(block_on(names(dir.path(), walk)), ["", "wanted"]);
}

#[test]
fn a_filter_that_panics_ends_the_walk_with_an_error() {
    let dir = tree(&["a", "b"]);
    let walk = fs::walk(dir.path()).sort_by_name();
    let mut walk = walk.filter_entry(|entry| match entry.depth() {
        0 => true,
        _ => panic!("on purpose"),
    });
    block_on(async {
        assert_eq!(walk.next().await.unwrap().unwrap().depth(), 0);
        let error = walk.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("on purpose"), "{error}");
        assert!(walk.next().await.is_none());
    });
}

#[test]
fn links_are_followed_on_request_and_never_in_circles() {
    let dir = tree(&["a/file", "b/"]);
    let path = |name: &str| dir.path().join(name);
    symlink("../a", path("b/to_a")).unwrap();
    symlink("..", path("a/up")).unwrap();
    symlink("a/file", path("c_file")).unwrap();
    symlink("nothing", path("d_nothing")).unwrap();
    symlink("e_itself", path("e_itself")).unwrap();
    symlink("a/file/below", path("f_below")).unwrap();
    let walk = || fs::walk(dir.path()).sort_by_name();
    let plain = [
        "",
        "a",
        "a/file",
        "a/up",
        "b",
        "b/to_a",
        "c_file",
        "d_nothing",
        "e_itself",
        "f_below",
    ];
    block_on(async {
        assert_eq!(names(dir.path(), walk()).await, plain);

        let circle = |name: &str| {
            format!(
                "cannot walk into {:?}: {}",
                path(name),
                std::io::Error::from(Errno::LOOP)
            )
        };
        let walked = names(dir.path(), walk().follow_links(true)).await;
        let expected: [&str; 12] = [
            "",
            "a",
            "a/file",
            &circle("a/up"),
            "b",
            "b/to_a",
            "b/to_a/file",
            &circle("b/to_a/up"),
            "c_file",
            "d_nothing",
            "e_itself",
            "f_below",
        ];
        assert_eq!(walked, expected);

        let entries: Vec<_> = walk().follow_links(true).collect().await;
        let kinds: HashMap<PathBuf, WalkEntry> = entries
            .into_iter()
            .filter_map(Result::ok)
            .map(|entry| (entry.path().to_owned(), entry))
            .collect();
        let entry = |name| &kinds[&path(name)];
        assert!(entry("c_file").file_type().is_file());
        assert!(entry("c_file").metadata().await.unwrap().is_file());
        assert!(entry("b/to_a").file_type().is_dir());
        assert!(entry("d_nothing").file_type().is_symlink());
        assert!(entry("d_nothing").metadata().await.unwrap().is_symlink());
    });
}

#[test]
fn a_directory_that_cannot_be_read_is_one_error_among_the_entries() {
    let dir = tree(&["a/x", "b/y", "c/z"]);
    let b = dir.path().join("b");
    std::fs::set_permissions(&b, PermissionsExt::from_mode(0o000)).unwrap();
    let expected = format!(
        "cannot read the directory {b:?}: {}",
        std::io::Error::from(Errno::ACCESS)
    );
    if std::fs::read_dir(&b).is_ok() {
        return skip("this user may read everything");
    }
    let walked = block_on(names(dir.path(), fs::walk(dir.path()).sort_by_name()));
    std::fs::set_permissions(&b, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(walked, ["", "a", "a/x", "b", &expected, "c", "c/z"]);
}

#[test]
fn what_is_removed_during_the_walk_is_an_error_or_nothing() {
    let dir = tree(&["a/x", "b/y", "c/z"]);
    let (from, to) = (dir.path().to_owned(), dir.path().join("b"));
    let walk = fs::walk(&from).sort_by_name().filter_entry(move |entry| {
        // After the directory was listed, and before it is opened.
        if entry.path() == to {
            std::fs::remove_dir_all(&to).unwrap();
        }
        true
    });
    let walked = block_on(names(dir.path(), walk));
    let error = format!("cannot read the directory {:?}: ", dir.path().join("b"));
    assert_eq!(walked[..4], ["", "a", "a/x", "b"]);
    assert!(walked[4].starts_with(&error), "{walked:?}");
    assert_eq!(walked[5..], ["c", "c/z"]);
}

/// How many descriptors are open.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn deep_trees_keep_few_directories_open() {
    const TEST: &str = "walk::deep_trees_keep_few_directories_open";
    in_a_child(child(TEST), || {
        let dir = temp();
        let mut path = dir.path().to_owned();
        for _ in 0..100 {
            path.push("d");
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("file"), "").unwrap();
        }
        let runtime = one_worker();
        let before = descriptors();
        let most = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&most);
        let walk = fs::walk(dir.path()).filter_entry(move |_| {
            count.fetch_max(descriptors(), Ordering::Relaxed);
            true
        });
        let walked = runtime.block_on(names(dir.path(), walk));
        assert_eq!(walked.len(), 201);
        let most = most.load(Ordering::Relaxed) - before;
        assert!((2..=17).contains(&most), "{most}");
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn a_walk_that_is_dropped_closes_its_directories() {
    const TEST: &str = "walk::a_walk_that_is_dropped_closes_its_directories";
    in_a_child(child(TEST), || {
        let dir = temp();
        for i in 0..2000 {
            std::fs::create_dir_all(dir.path().join(format!("a/b/{i}"))).unwrap();
        }
        let runtime = one_worker();
        runtime.block_on(async {
            settle().await;
            let before = descriptors();
            let mut walk = fs::walk(dir.path());
            walk.next().await.unwrap().unwrap();
            settle().await;
            assert!(descriptors() > before);
            drop(walk);
            settle().await;
            assert_eq!(descriptors(), before);

            // Also while a job reads, and before it begins.
            for polls in 1..100 {
                let mut walk = fs::walk(dir.path());
                for _ in 0..polls {
                    let _next = poll!(pin!(walk.next()));
                }
                drop(walk);
                settle().await;
                assert_eq!(descriptors(), before);
            }
        });
    });
}

#[test]
fn a_dropped_next_loses_no_entry_and_reading_ahead_is_bounded() {
    let dir = temp();
    for i in 0..3000 {
        std::fs::write(dir.path().join(format!("{i:04}")), "").unwrap();
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let see = Arc::clone(&seen);
    let walk = fs::walk(dir.path()).sort_by_name().min_depth(1);
    let mut walk = walk.filter_entry(move |_| {
        see.fetch_add(1, Ordering::Relaxed);
        true
    });
    one_worker().block_on(async {
        let mut walked = 0;
        let mut dropped = 0;
        loop {
            let mut next = poll!(pin!(walk.next()));
            if next.is_pending() {
                dropped += 1;
                next = Poll::Ready(walk.next().await);
            }
            let Poll::Ready(Some(entry)) = next else {
                break;
            };
            assert_eq!(*entry.unwrap().file_name(), *format!("{walked:04}"));
            walked += 1;
            if walked % 500 == 0 {
                settle().await;
            }
            let ahead = seen.load(Ordering::Relaxed) - walked;
            assert!(ahead <= 512, "{ahead}");
        }
        assert_eq!(walked, 3000);
        assert!(dropped > 3, "{dropped}");
    });
}

#[test]
fn under_a_seed_the_order_is_that_of_the_names() {
    let names_of = |i: u32| format!("{:08x}", i.wrapping_mul(2_654_435_761));
    let files: Vec<String> = (0..300).map(names_of).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let dir = tree(&files);
    let runtime = Runtime::builder().seed(3).build().unwrap();
    let walked = runtime.block_on(names(dir.path(), fs::walk(dir.path())));
    assert_eq!(walked, sorted(walked.clone()));
    assert_eq!(walked.len(), 301);
}

#[test]
fn options_are_set_before_the_walk() {
    let dir = tree(&["a"]);
    let mut walk = fs::walk(dir.path());
    block_on(async { walk.next().await.unwrap().unwrap() });
    let late = catch_unwind(AssertUnwindSafe(|| walk.max_depth(1)));
    let payload = late.unwrap_err();
    let text = payload.downcast_ref::<&str>().unwrap();
    assert!(text.contains("before the stream is polled"), "{text}");
}

#[test]
fn without_a_runtime_a_walk_is_an_error_and_goes_on_later() {
    let dir = tree(&["a"]);
    let mut walk = fs::walk(dir.path()).sort_by_name();
    let Poll::Ready(Some(Err(error))) = poll_alone(walk.next()) else {
        panic!("it needs a loop");
    };
    assert!(error.to_string().contains("no quintet runtime"), "{error}");
    assert_eq!(block_on(names(dir.path(), walk)), ["", "a"]);
}

#[test]
fn a_walk_waits_for_its_job_on_the_loop_that_awaits_it() {
    let dir = tree(&["a"]);
    let mut walk = fs::walk(dir.path()).sort_by_name();
    let first = one_worker();
    first.block_on(async {
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(walk.next())).is_pending());
        worker.release().await;
    });
    // Its job may never run there.
    assert_eq!(block_on(names(dir.path(), walk)), ["", "a"]);
}

#[test]
fn walking_gives_way_to_other_tasks() {
    let dir = temp();
    for i in 0..200 {
        std::fs::write(dir.path().join(i.to_string()), "").unwrap();
    }
    one_worker().block_on(async {
        let mut walk = fs::walk(dir.path());
        walk.next().await.unwrap().unwrap();
        quintet::task::yield_now().await;
        let mut at_once = 0;
        while poll!(pin!(walk.next())).is_ready() {
            at_once += 1;
        }
        assert_eq!(at_once, 128, "the budget of a poll");
    });
}
