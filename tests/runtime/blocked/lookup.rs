//! A look-up by the standard library, with a name server that does not respond.

use std::net::{ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use super::{assert_in_call, sighted_in_a_task};
use crate::support::child::{append, child, in_a_child, is_child};
use crate::support::skipped::skip;

/// Runs its arguments in a network of their own, with this file in place of `/etc/resolv.conf`.
fn with_name_server(file: &Path) -> Command {
    let script = "mount --bind \"$0\" /etc/resolv.conf && ip link set lo up && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount"]);
    command.args(["sh", "-c", script]).arg(file);
    command
}

#[test]
fn a_lookup_by_the_standard_library() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("resolv.conf");
    std::fs::write(
        &file,
        "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n",
    )
    .unwrap();
    let mut probe = with_name_server(&file);
    probe.arg("true").stderr(Stdio::null());
    if !is_child() && !probe.status().is_ok_and(|status| status.success()) {
        return skip("no network of its own can be made");
    }
    let mut command = with_name_server(&file);
    let name = "blocked::lookup::a_lookup_by_the_standard_library";
    append(&mut command, &child(name));
    in_a_child(command, || {
        let server = UdpSocket::bind("127.0.0.1:53").unwrap();
        let blocked = sighted_in_a_task(move |seen| {
            thread::spawn(move || {
                seen.wait();
                // The process ends while it waits for more.
                loop {
                    refuse(&server);
                }
            });
            let found = ("quintet.test", 80).to_socket_addrs();
            assert!(found.is_err(), "there is no such host");
        });
        assert_eq!(blocked.what, "a poll");
        assert_in_call(&blocked, &["poll", "ppoll", "recvfrom"], None);
    });
}

/// Responds to a query that there is no such name.
fn refuse(server: &UdpSocket) {
    let mut message = [0; 512];
    let (length, client) = server.recv_from(&mut message).expect("a query");
    // A response, to a query for recursion, which is available: no such name.
    message[2..4].copy_from_slice(&[0x81, 0x83]);
    server
        .send_to(&message[..length], client)
        .expect("the client waits");
}
