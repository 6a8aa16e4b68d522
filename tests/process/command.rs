//! The builder.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use quintet::process::Command;
use rustix::process::{getgid, getpgrp, getuid};

use crate::{block_on, sh};

/// What a command has written to its standard output.
fn stdout_of(command: &mut Command) -> String {
    let output = block_on(command.output()).unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn arguments_and_environment_reach_the_program() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "echo $0 $1 $A $B $C-"])
        .arg("zero")
        .arg("one")
        .env("A", "a")
        .envs([("B", "b"), ("C", "c")])
        .env_remove("C");
    assert_eq!(stdout_of(&mut command), "zero one a b -\n");

    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap());
    assert_eq!(stdout_of(&mut command), "zero one -\n");
}

#[test]
fn a_command_can_be_looked_at() {
    let mut command = Command::new("program");
    command.arg("a").env("K", "v").current_dir("/tmp");
    assert_eq!(command.get_program(), "program");
    assert!(command.get_args().eq(["a"]));
    assert!(
        command
            .get_envs()
            .eq([(OsStr::new("K"), Some(OsStr::new("v")))])
    );
    assert_eq!(command.get_current_dir(), Some(Path::new("/tmp")));

    assert!(!command.get_kill_on_drop());
    command.kill_on_drop(true);
    assert!(command.get_kill_on_drop());

    command.as_std_mut().arg("b");
    assert!(command.as_std().get_args().eq(["a", "b"]));
    let std = command.into_std();
    assert!(Command::from(std).get_args().eq(["a", "b"]));
}

#[test]
fn the_working_directory_and_the_name_are_set() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    let mut command = Command::new("pwd");
    assert_eq!(
        stdout_of(command.arg("-P").current_dir(&path)),
        format!("{}\n", path.display())
    );

    let mut command = Command::new("sh");
    assert_eq!(
        stdout_of(command.arg0("other").args(["-c", "echo $0"])),
        "other\n"
    );
}

#[test]
fn user_and_group_are_set() {
    // Its own ids, which any user may set.
    let [uid, gid] = [getuid().as_raw(), getgid().as_raw()];
    let mut command = Command::new("sh");
    command.args(["-c", "id -u; id -g"]).uid(uid).gid(gid);
    assert_eq!(stdout_of(&mut command), format!("{uid}\n{gid}\n"));
}

#[test]
fn a_process_group_is_made() {
    block_on(async {
        let own = getpgrp().as_raw_nonzero();
        // Linux and macOS have this field of `ps`.
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ $(ps -o pgid= -p $$)"]);
        let group_of = async |command: &mut Command| {
            let output = command.output().await.unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let ids: Vec<i32> = text
                .split_whitespace()
                .map(|id| id.parse().unwrap())
                .collect();
            (ids[0], ids[1])
        };
        let (_, inherited) = group_of(&mut command).await;
        assert_eq!(inherited, own.get());
        let (id, group) = group_of(command.process_group(0)).await;
        assert_eq!(group, id);
    });
}

#[test]
fn a_command_is_spawned_several_times() {
    block_on(async {
        let mut command = sh("exit 4");
        for _ in 0..3 {
            assert_eq!(command.status().await.unwrap().code(), Some(4));
        }
    });
}

#[test]
fn the_process_is_started_by_the_call_and_not_by_the_first_poll() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    block_on(async {
        let status = Command::new("sh")
            .args(["-c", "echo x > fifo"])
            .current_dir(dir.path())
            .status();
        // It ends only when the child has opened the other end.
        let read = quintet::spawn_blocking(move || std::fs::read(fifo).unwrap());
        assert_eq!(read.await.unwrap(), b"x\n");
        assert!(status.await.unwrap().success());
    });
}

#[test]
fn output_is_captured_whatever_was_set() {
    let output = block_on(sh("echo out; echo err >&2; exit 1").output()).unwrap();
    assert_eq!(
        (output.stdout, output.stderr),
        (b"out\n".to_vec(), b"err\n".to_vec())
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn status_closes_pipes_at_once() {
    // `cat` ends because its input does; `yes` because nothing reads its output.
    block_on(async {
        let mut cat = Command::new("cat");
        assert!(cat.stdin(Stdio::piped()).status().await.unwrap().success());
        let mut yes = Command::new("yes");
        yes.stdout(Stdio::piped()).stderr(Stdio::null());
        assert!(!yes.status().await.unwrap().success());
    });
    // By the call, without a poll: then the end of the child's output is the end of its input.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(writer);
    let status = cat.status();
    drop(cat);
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    assert!(block_on(status).unwrap().success());
}

#[test]
fn an_error_names_the_program() {
    block_on(async {
        let error = Command::new("no-such-program").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error
                .to_string()
                .starts_with("cannot run \"no-such-program\": "),
            "{error}"
        );

        let mut elsewhere = Command::new("true");
        let error = elsewhere
            .current_dir("/no/such/dir")
            .status()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("\"/no/such/dir\""), "{error}");

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("not executable");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        let error = Command::new(&file).output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("not executable"), "{error}");

        let error = Command::new("true").arg("a\0b").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn it_may_be_spawned_by_other_code() {
    block_on(async {
        let mut has_been_called = false;
        let mut child = sh("exit 5")
            .spawn_with(|command| {
                has_been_called = true;
                command.spawn()
            })
            .unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(5));
        assert!(has_been_called);

        let refuse = |_: &mut std::process::Command| Err(ErrorKind::Unsupported.into());
        let error = sh("").spawn_with(refuse).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    });
}
