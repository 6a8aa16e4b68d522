//! Child processes.

use std::process::Stdio;

use quintet::process::Command;

use super::{TIMES, check};

#[test]
fn a_wait_for_a_child() {
    check(async |table| {
        // Its status is known.
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().await.unwrap();
        table
            .row("wait", async || child.wait().await.unwrap())
            .await;
        table
            .row("kill", async || child.kill().await.unwrap())
            .await;
    });
}

#[test]
fn pipes_to_a_child() {
    check(async |table| {
        let mut command = Command::new("cat");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        table
            .row("write", async || stdin.write(b"x").await.unwrap())
            .await;
        // What has been written comes back at once, or in parts.
        stdout.read_exact(&mut [0; TIMES as usize]).await.unwrap();
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
        // The second time at the latest, the event of the end has arrived.
        for _ in 0..2 {
            assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
        }
        table
            .row("read at the end", async || {
                stdout.read(&mut [0]).await.unwrap()
            })
            .await;
    });
}
