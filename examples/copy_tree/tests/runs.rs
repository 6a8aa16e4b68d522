//! The program as a whole: it is started, and sometimes interrupted.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers are parts of tests, and say where they fail"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use tempfile::TempDir;

fn copy_tree(from: &Path, to: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copy_tree"));
    command.arg(from).arg(to);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// What a path is: its mode, and its contents or its target.
type Description = (u32, Vec<u8>);

/// All that is below `dir`.
fn described(dir: &Path) -> BTreeMap<PathBuf, Description> {
    fn add(dir: &Path, root: &Path, found: &mut BTreeMap<PathBuf, Description>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let contents = if metadata.is_dir() {
                add(&path, root, found);
                Vec::new()
            } else if metadata.is_symlink() {
                let target = std::fs::read_link(&path).unwrap();
                target.into_os_string().into_encoded_bytes()
            } else {
                std::fs::read(&path).unwrap()
            };
            let below = path.strip_prefix(root).unwrap().to_owned();
            found.insert(below, (metadata.mode(), contents));
        }
    }
    let mut found = BTreeMap::new();
    add(dir, dir, &mut found);
    found
}

/// Ten directories of ten files each, two links, and a directory that is read-only.
fn tree(dir: &TempDir) -> PathBuf {
    let from = dir.path().join("from");
    for i in 0..100 {
        let below = from.join((i / 10).to_string());
        std::fs::create_dir_all(&below).unwrap();
        let file = below.join(i.to_string());
        std::fs::write(&file, i.to_string().repeat(i * i * 10)).unwrap();
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o600 + i as u32 % 8)).unwrap();
    }
    symlink("0/1", from.join("link")).unwrap();
    symlink("nothing", from.join("dangling")).unwrap();
    std::fs::set_permissions(from.join("5"), PermissionsExt::from_mode(0o555)).unwrap();
    from
}

#[test]
fn a_copy_is_the_same_tree() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (tree(&dir), dir.path().join("to"));
    let bytes: u64 = described(&from)
        .values()
        .filter(|(mode, _)| mode & 0o170_000 == 0o100_000)
        .map(|(_, contents)| contents.len() as u64)
        .sum();
    // Again, over what is there.
    for _ in 0..2 {
        let output = copy_tree(&from, &to).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text =
            format!("100 files of {bytes} bytes, 11 directories, 2 links; 0 left out, 0 failed\n");
        assert_eq!(stdout(&output), text);
        assert!(output.stderr.is_empty(), "{output:?}");
        assert!(described(&from) == described(&to));
        let modified = |path: &Path| std::fs::metadata(path.join("1/11")).unwrap().modified();
        assert_eq!(modified(&from).unwrap(), modified(&to).unwrap());
        // To be written again, and to be removed.
        for tree in [&from, &to] {
            std::fs::set_permissions(tree.join("5"), PermissionsExt::from_mode(0o755)).unwrap();
        }
    }
}

#[test]
fn what_fails_is_said_and_the_rest_is_copied() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (tree(&dir), dir.path().join("to"));
    // A directory is where a file is to be.
    std::fs::create_dir_all(to.join("1/11/below")).unwrap();
    let output = copy_tree(&from, &to).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).starts_with("99 files of"), "{output:?}");
    assert!(stdout(&output).ends_with("1 failed\n"), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("cannot rename"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    let parts = described(&to);
    assert!(
        !parts.keys().any(|path| is_part(path)),
        "{:?}",
        parts.keys()
    );
    std::fs::set_permissions(from.join("5"), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(to.join("5"), PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_tree_is_not_copied_into_itself() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("from")).unwrap();
    symlink("from", dir.path().join("same")).unwrap();
    for to in ["from", "from/to", "from/a/b", "same/to"] {
        let output = copy_tree(&dir.path().join("from"), &dir.path().join(to));
        let output = { output }.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("is inside of"), "{error}");
    }
    assert!(described(&dir.path().join("from")).is_empty());
}

fn is_part(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "part")
}

#[test]
fn an_interrupted_copy_leaves_no_half_file() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    std::fs::create_dir(&from).unwrap();
    for i in 0..50 {
        std::fs::write(from.join(format!("a{i:02}")), format!("{i}").repeat(1000)).unwrap();
    }
    // It takes no blocks, but far longer to copy than to interrupt.
    let huge = std::fs::File::create(from.join("b")).unwrap();
    huge.set_len(8 << 30).unwrap();
    std::fs::write(from.join("c"), "after it").unwrap();

    let child = copy_tree(&from, &to).spawn().unwrap();
    let is_under_way = || {
        let entries = std::fs::read_dir(&to).into_iter().flatten();
        let mut lens = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let is_part = is_part(&entry.path());
            is_part.then_some(entry.metadata().ok()?.len())
        });
        lens.any(|len| len >= 1 << 20)
    };
    while !is_under_way() {
        thread::yield_now();
    }
    let id = child.id().to_string();
    let interrupted = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(
        stdout(&output).contains(" 0 failed\ninterrupted\n"),
        "{output:?}"
    );
    assert!(output.stderr.is_empty(), "{output:?}");
    let copied = described(&to);
    assert!(copied.len() >= 50, "{:?}", copied.keys());
    for (path, (_, contents)) in copied {
        assert!(!is_part(&path) && path != Path::new("b"), "{path:?}");
        assert!(
            contents == std::fs::read(from.join(&path)).unwrap(),
            "{path:?}"
        );
    }
}

#[test]
fn two_paths_are_asked_for() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copy_tree"));
    let output = command.arg("one").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stderr, b"usage: copy_tree FROM TO\n");
}
