//! The example `hash_tree`: what it prints, and that Ctrl-C ends it while a file is hashed.

use std::fs::{self, File};
use std::path::Path;

use hmac_sha256::Hash;

use crate::program::Example;
use crate::support::patience::in_time;

/// Returns the line for a file with this content.
fn line(path: &Path, content: &[u8]) -> String {
    let hex: String = Hash::hash(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{hex}  {}\n", path.display())
}

#[test]
fn hash_tree_prints_the_hash_of_each_file_in_order_and_a_summary() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut expected = String::new();
        fs::create_dir(dir.path().join("below")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
        // More than are in flight, and of several slices.
        for number in 0..200 {
            let path = dir.path().join(format!("below/{number:03}"));
            let content = vec![b'x'; number * 1500];
            fs::write(&path, &content).unwrap();
            expected += &line(&path, &content);
        }
        let path = dir.path().join("empty");
        fs::write(&path, b"").unwrap();
        expected += &line(&path, b"");

        let mut example = Example::start("hash_tree", &[dir.path().to_str().unwrap()]);
        let output = example.rest();

        assert!(example.wait().success());
        let summary = output.strip_prefix(&expected).expect("all files in order");
        let bytes = 1500 * (0..200).sum::<usize>();
        assert!(
            summary.starts_with(&format!("201 files, {bytes} bytes, 0 errors in ")),
            "{summary}"
        );
    });
}

#[test]
fn hash_tree_names_what_it_cannot_read_and_fails() {
    in_time(|| {
        let mut example = Example::start("hash_tree", &["/nonexistent/tree"]);
        let output = example.rest();
        assert_eq!(example.wait().code(), Some(1));
        assert!(output.starts_with("0 files, 0 bytes, 1 errors"), "{output}");
    });
}

#[test]
fn ctrl_c_ends_hash_tree_while_it_hashes() {
    in_time(|| {
        let dir = tempfile::tempdir().unwrap();
        let first = dir.path().join("1");
        fs::write(&first, "one").unwrap();
        // A hole that takes hours.
        let endless = File::create(dir.path().join("2")).unwrap();
        endless.set_len(1 << 40).unwrap();

        let mut example = Example::start("hash_tree", &[dir.path().to_str().unwrap()]);
        let expected = line(&first, b"one");
        assert_eq!(example.first_line("") + "\n", expected);
        example.signal("-INT");
        let output = example.rest();

        assert_eq!(example.wait().code(), Some(130));
        assert!(
            output.starts_with("cancelled after 1 files, 3 bytes, 0 errors in "),
            "{output}"
        );
    });
}
