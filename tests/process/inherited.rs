//! What a child inherits: its standard streams, and nothing else.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::Stdio;

use quintet::net::{TcpListener, TcpStream, UdpSocket, UnixStream, unix};
use quintet::process::Command;
use quintet::signal::unix::{SignalKind, signal};

use crate::support::skipped::skip;
use crate::{block_on, sh, waiting};

#[test]
fn no_descriptor_leaks_into_a_child() {
    if !fs::exists("/proc/self/fd").unwrap() {
        return skip("there is no /proc/self/fd here");
    }
    block_on(async {
        // One of each kind that this crate opens, all known to the poller where they can be.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let accepted = listener.accept().await.unwrap();
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let pair = UnixStream::pair().unwrap();
        let pipe = unix::pipe::pipe().unwrap();
        let file = quintet::fs::File::open("/proc/self/exe").await.unwrap();
        let signals = signal(SignalKind::hangup()).unwrap();
        let mut other = waiting();
        let mut piped = sh("read line");
        piped
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let piped = piped.spawn().unwrap();
        let dropped = sh("read line").stdin(Stdio::piped()).spawn().unwrap();
        let held = Stdio::from(dropped.stdin.as_ref().map(dup).unwrap());
        drop(dropped);
        quintet::time::sleep(quintet::time::Duration::from_micros(100)).await;

        // What this process has itself inherited in that way, and the directory that `ls` opens.
        let mut command = std::process::Command::new("ls");
        let expected = command.arg("/proc/self/fd").stdin(Stdio::null()).output();
        let expected = String::from_utf8(expected.unwrap().stdout).unwrap();
        let output = Command::new("ls")
            .arg("/proc/self/fd")
            .stdin(Stdio::null())
            .output();
        let output = output.await.unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);

        // Nor into one whose user is set, which the standard library forks.
        let mut command = Command::new("ls");
        let own = rustix::process::getuid().as_raw();
        let output = command
            .arg("/proc/self/fd")
            .uid(own)
            .output()
            .await
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);

        drop((
            listener, stream, accepted, udp, pair, pipe, file, signals, piped, held,
        ));
        other.kill().await.unwrap();
    });
}

fn dup(fd: &impl std::os::fd::AsFd) -> std::os::fd::OwnedFd {
    fd.as_fd().try_clone_to_owned().unwrap()
}

#[test]
fn standard_streams_are_blocking_in_the_child() {
    block_on(async {
        // A child that reads from a non-blocking input fails at once.
        let mut command = Command::new("sh");
        command.args(["-c", "read line && echo $line"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = fs::File::from(dup(child.stdin.as_ref().unwrap()));
        let stdout = child.stdout.take().unwrap();
        // Not before the child waits for it, most likely.
        for _ in 0..100 {
            quintet::task::yield_now().await;
        }
        stdin.write_all(b"line\n").unwrap();
        stdout.read_exact(&mut [0; 5]).await.unwrap();
        assert!(child.wait().await.unwrap().success());
    });
}
