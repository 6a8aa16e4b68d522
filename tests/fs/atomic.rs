//! Files that are replaced as a whole.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Command, Stdio};

use quintet::fs;
use quintet::runtime::Runtime;

use crate::support::child::{assert_ran, child, is_child};
use crate::support::patience::in_time;
use crate::support::skipped::skip;
use crate::support::strict::block_on;
use crate::support::wakers::poll;
use crate::support::{child, strace};

use super::{HeldWorker, file_with, mkfifo, one_worker, pattern, settle, temp};

/// What else is in the directory of `path`.
fn others(path: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| Some(name.as_os_str()) != path.file_name())
        .collect()
}

#[test]
fn a_file_is_created_and_replaced() {
    let dir = temp();
    let path = dir.path().join("file");
    block_on(async {
        for contents in [&b""[..], b"new", b"", &pattern(3 << 20)] {
            fs::write_atomic(&path, contents).await.unwrap();
            assert!(std::fs::read(&path).unwrap() == contents);
        }
    });
    assert!(others(&path).is_empty());
}

#[test]
fn the_name_of_a_file_need_not_have_a_directory() {
    let Some(_) = child::in_a_child(
        child("atomic::the_name_of_a_file_need_not_have_a_directory"),
        || {
            let dir = temp();
            env::set_current_dir(dir.path()).unwrap();
            block_on(fs::write_atomic("file", "new")).unwrap();
            assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), b"new");
        },
    ) else {
        return;
    };
}

#[test]
fn permissions_stay_and_new_files_get_the_usual_ones() {
    let dir = temp();
    let path = file_with(&dir, b"old");
    block_on(async {
        for mode in [0o600, 0o640, 0o777, 0o444, 0o4755] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let old = std::fs::metadata(&path).unwrap();
            fs::write_atomic(&path, "new").await.unwrap();
            let new = std::fs::metadata(&path).unwrap();
            assert_eq!(new.mode(), old.mode());
            assert_eq!((new.uid(), new.gid()), (old.uid(), old.gid()));
            assert_ne!(new.ino(), old.ino());
        }
        let usual = dir.path().join("usual");
        std::fs::write(&usual, "").unwrap();
        let atomic = dir.path().join("atomic");
        fs::write_atomic(&atomic, "").await.unwrap();
        let mode = |path| std::fs::metadata(path).unwrap().mode();
        assert_eq!(mode(atomic), mode(usual));
    });
}

#[test]
fn the_owner_stays() {
    let dir = temp();
    let path = file_with(&dir, b"old");
    if let Err(error) = std::os::unix::fs::chown(&path, Some(12345), Some(54321)) {
        return skip(format!("files cannot be given away: {error}"));
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o4711)).unwrap();
    block_on(fs::write_atomic(&path, "new")).unwrap();
    let new = std::fs::metadata(&path).unwrap();
    assert_eq!((new.uid(), new.gid()), (12345, 54321));
    assert_eq!(new.mode() & 0o7777, 0o4711);
}

#[test]
fn other_names_and_open_handles_keep_the_old_contents() {
    let dir = temp();
    let path = file_with(&dir, b"old");
    let hard = dir.path().join("hard");
    std::fs::hard_link(&path, &hard).unwrap();
    block_on(async {
        let mut open = fs::File::open(&path).await.unwrap();
        fs::write_atomic(&path, "new").await.unwrap();
        let mut buf = [0; 3];
        open.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"old");
        assert_eq!(std::fs::read(hard).unwrap(), b"old");
    });
}

#[test]
fn links_are_followed_also_where_they_lead_to_nothing() {
    let dir = temp();
    let path = |name: &str| dir.path().join(name);
    let link = |original: &str, link: &str| {
        std::os::unix::fs::symlink(original, path(link)).unwrap();
    };
    std::fs::create_dir(path("below")).unwrap();
    std::fs::write(path("below/file"), "old").unwrap();
    link("below/soft", "soft");
    link("file", "below/soft");
    link("below/none", "dangling");
    link("round", "round");
    block_on(async {
        fs::write_atomic(path("soft"), "new").await.unwrap();
        assert!(path("soft").is_symlink() && path("below/soft").is_symlink());
        assert_eq!(std::fs::read(path("below/file")).unwrap(), b"new");

        fs::write_atomic(path("dangling"), "new").await.unwrap();
        assert!(path("dangling").is_symlink());
        assert_eq!(std::fs::read(path("below/none")).unwrap(), b"new");

        let error = fs::write_atomic(path("round"), "new").await.unwrap_err();
        let text = format!("cannot resolve {:?}", path("round"));
        assert!(error.to_string().starts_with(&text), "{error}");
        assert!(path("round").is_symlink());
    });
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let dir = temp();
    let path = |name: &str| dir.path().join(name);
    mkfifo(&path("fifo"));
    let _listener = UnixListener::bind(path("socket")).unwrap();
    std::fs::create_dir(path("below")).unwrap();
    std::fs::write(path("file"), "old").unwrap();
    let cases = [
        (path("fifo"), ErrorKind::InvalidInput),
        (path("socket"), ErrorKind::InvalidInput),
        (path("below"), ErrorKind::IsADirectory),
        (path("below/.."), ErrorKind::IsADirectory),
        (path("none/"), ErrorKind::IsADirectory),
        (PathBuf::from("/"), ErrorKind::IsADirectory),
        (path("none/file"), ErrorKind::NotFound),
        (path("file/below"), ErrorKind::NotADirectory),
        (path("nul\0"), ErrorKind::InvalidInput),
        (PathBuf::new(), ErrorKind::NotFound),
    ];
    let before = others(&path("file"));
    block_on(async {
        for (path, kind) in cases {
            let error = fs::write_atomic(&path, "new").await.unwrap_err();
            assert_eq!(error.kind(), kind, "{path:?}: {error}");
            let name = format!("{path:?}");
            assert!(error.to_string().contains(&name), "{error}");
        }
    });
    assert_eq!(others(&path("file")), before, "no temporary file is left");
}

#[test]
fn a_dropped_write_that_no_worker_has_begun_is_not_carried_out() {
    let dir = temp();
    let path = file_with(&dir, b"old");
    one_worker().block_on(async {
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(fs::write_atomic(&path, "new"))).is_pending());
        worker.release().await;
        settle().await;
    });
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert!(others(&path).is_empty());
}

#[test]
fn a_dropped_write_leaves_the_old_contents_or_the_new_ones() {
    let dir = temp();
    let path = dir.path().join("file");
    let (old, new) = (vec![b'o'; 1 << 20], vec![b'n'; 1 << 20]);
    one_worker().block_on(async {
        for round in 0..40 {
            std::fs::write(&path, &old).unwrap();
            {
                let mut write = pin!(fs::write_atomic(&path, &new));
                // The worker gets a little further each time.
                for _ in 0..round {
                    if poll!(write.as_mut()).is_ready() {
                        break;
                    }
                    quintet::task::yield_now().await;
                }
            }
            settle().await;
            let contents = std::fs::read(&path).unwrap();
            assert!(contents == old || contents == new);
            assert!(others(&path).is_empty());
        }
    });
}

#[test]
fn readers_find_all_of_one_version() {
    let dir = temp();
    let path = file_with(&dir, &[0; 100_000]);
    block_on(async {
        let write = async {
            for version in 1..=20 {
                let contents = [version; 100_000];
                fs::write_atomic(&path, contents).await.unwrap();
            }
        };
        let read = async {
            loop {
                let contents = fs::read(&path).await.unwrap();
                assert_eq!(contents.len(), 100_000);
                assert!(contents.iter().all(|byte| *byte == contents[0]));
                if contents[0] == 20 {
                    break;
                }
            }
        };
        quintet::join!(write, read);
    });
}

/// Names the file for a test in a process of its own.
const FILE: &str = "QUINTET_TEST_FILE";

/// Runs `test` under `strace`, where it passes, and returns what `strace` shows. The file that it
/// replaces is in a directory of its own.
fn run_traced(dir: &Path, test: &str, options: &[&str]) -> String {
    let log = dir.join("trace");
    let mut child = child(test);
    child.env(FILE, file_in(dir));
    let output = strace::traced(&child, &log, options).output().unwrap();
    assert_ran(&output);
    std::fs::read_to_string(log).unwrap()
}

fn file_in(dir: &Path) -> PathBuf {
    let below = dir.join("below");
    std::fs::create_dir_all(&below).unwrap();
    below.join("file")
}

fn child_file() -> PathBuf {
    PathBuf::from(env::var_os(FILE).unwrap())
}

/// In the traced process: all is done by one thread, from here to the end.
fn one_job<F: Future>(future: F) -> F::Output {
    in_time(|| Runtime::new().unwrap().block_on(future))
}

#[test]
fn contents_file_name_and_directory_are_on_the_disk_in_this_order() {
    const TEST: &str = "atomic::contents_file_name_and_directory_are_on_the_disk_in_this_order";
    if is_child() {
        let path = child_file();
        one_job(fs::write_atomic(&path, "new contents")).unwrap();
        let _none = std::fs::File::open(path.with_file_name("it has resolved"));
        return;
    }
    if !strace::is_there() {
        return skip("strace cannot trace");
    }
    let dir = temp();
    std::fs::write(file_in(dir.path()), "old").unwrap();
    let trace = run_traced(dir.path(), TEST, &["-y"]);

    let mut lines = trace.lines();
    let mut next = |what: &dyn Fn(&str) -> bool| -> String {
        let line = lines.find(|line| what(line));
        line.unwrap_or_else(|| panic!("not in this order:\n{trace}"))
            .to_owned()
    };
    let written = next(&|line| line.contains("write(") && line.contains("new contents"));
    let temporary = written
        .split_once('<')
        .unwrap()
        .1
        .split_once('>')
        .unwrap()
        .0;
    assert!(temporary.contains("/below/.quintet-"), "{written}");
    next(&|line| line.contains("fsync(") && line.contains(temporary));
    let name = Path::new(temporary).file_name().unwrap().to_str().unwrap();
    next(&|line| line.contains("rename") && line.contains(name));
    let sync = next(&|line| line.contains("fsync(") && line.contains("/below>"));
    if !sync.ends_with("= 0") {
        next(&|line| line.contains("fsync resumed") && line.ends_with("= 0"));
    }
    next(&|line| line.contains("it has resolved"));
}

#[test]
fn an_error_of_each_system_call_is_reported_and_leaves_the_old_contents() {
    const TEST: &str =
        "atomic::an_error_of_each_system_call_is_reported_and_leaves_the_old_contents";
    const TEXT: &str = "QUINTET_TEST_TEXT";
    if is_child() {
        let error = one_job(fs::write_atomic(child_file(), "new")).unwrap_err();
        let text = env::var(TEXT).unwrap();
        return assert!(error.to_string().starts_with(&text), "{error}");
    }
    if !strace::is_there() {
        return skip("strace cannot trace");
    }
    // What fails, the error that is reported, and whether the file is the new one.
    let cases = [
        ("fchmod:error=EPERM", "set the permissions of", "old"),
        ("fsync:error=EIO:when=1", "synchronize", "old"),
        ("?renameat,?renameat2:error=EIO", "replace", "old"),
        (
            "fsync:error=EIO:when=2",
            "synchronize the directory of",
            "new",
        ),
    ];
    for (inject, what, left) in cases {
        let dir = temp();
        let path = file_in(dir.path());
        std::fs::write(&path, "old").unwrap();
        let mut child = child(TEST);
        child.env(FILE, &path);
        child.env(TEXT, format!("cannot {what} {path:?}"));
        let log = dir.path().join("trace");
        let options = ["-e", &format!("inject={inject}")];
        assert_ran(&strace::traced(&child, &log, &options).output().unwrap());
        let trace = std::fs::read_to_string(log).unwrap();
        assert!(trace.contains("(INJECTED)"), "{trace}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), left, "{inject}");
        assert!(others(&path).is_empty(), "{inject}");
    }
}

#[test]
fn an_error_of_the_write_leaves_the_old_contents() {
    const TEST: &str = "atomic::an_error_of_the_write_leaves_the_old_contents";
    if is_child() {
        let write = fs::write_atomic(child_file(), vec![b'n'; 1 << 20]);
        let error = one_job(write).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        let text = format!("cannot write {:?}", child_file());
        return assert!(error.to_string().starts_with(&text), "{error}");
    }
    let dir = temp();
    let path = file_in(dir.path());
    std::fs::write(&path, "old").unwrap();
    let child = child(TEST);
    // A few KiB may be written, and what exceeds that is an error and not a signal.
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"trap '' XFSZ; ulimit -f 8; exec "$0" "$@""#]);
    limited.arg(child.get_program()).args(child.get_args());
    for (key, value) in child.get_envs() {
        limited.env(key, value.unwrap());
    }
    assert_ran(&limited.env(FILE, &path).output().unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert!(others(&path).is_empty());
}

/// The length of a version of the file.
const VERSION_LEN: usize = 300_000;

fn version(number: u64) -> Vec<u8> {
    number.to_ne_bytes().repeat(VERSION_LEN / 8)
}

/// Replaces the file and says the number of each version that is on the disk, until it is killed.
fn replace_without_end() {
    let path = child_file();
    let mut stdout = io::stdout();
    Runtime::new().unwrap().block_on(async {
        for number in 1.. {
            fs::write_atomic(&path, version(number)).await.unwrap();
            if writeln!(stdout, "version {number}").is_err() {
                return;
            }
        }
    });
}

#[test]
fn a_process_that_is_killed_leaves_no_half_file() {
    const TEST: &str = "atomic::a_process_that_is_killed_leaves_no_half_file";
    if is_child() {
        return replace_without_end();
    }
    let dir = temp();
    let path = file_in(dir.path());
    let mut left = 0;
    for round in 0..50_u64 {
        std::fs::write(&path, version(0)).unwrap();
        let mut child = child(TEST);
        child.env(FILE, &path).stdout(Stdio::piped());
        let mut child = child.spawn().unwrap();
        // Killed after some versions, and at any point of the next one.
        let random = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers = lines.map_while(Result::ok);
        let mut numbers = numbers.filter_map(|line| line.strip_prefix("version ")?.parse().ok());
        let mut acknowledged: u64 = 0;
        for _ in 0..random % 4 {
            acknowledged = numbers.next().unwrap();
        }
        for turn in 0..random % 1_000_000 {
            std::hint::black_box(turn);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = numbers.last().unwrap_or(acknowledged);

        let contents = std::fs::read(&path).unwrap();
        let number = u64::from_ne_bytes(contents[..8].try_into().unwrap());
        assert!(contents == version(number), "round {round}: a half file");
        let next = acknowledged + 1;
        assert!((acknowledged..=next).contains(&number), "{number}");
        for name in others(&path) {
            let name = name.to_str().unwrap();
            assert!(name.starts_with(".quintet-") && name.ends_with(".tmp"));
            std::fs::remove_file(path.with_file_name(name)).unwrap();
            left += 1;
        }
        assert!(left <= round + 1, "one at most is left each time");
    }
}
