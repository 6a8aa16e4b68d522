//! A service that inherits its socket, started by a shell and by systemd's tool.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsStr;
use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_quintet-activation");

/// Longer than anything takes, so that a hang ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that inherits `socket` as descriptor 3, as from a service manager. `for_process` is
/// the shell's expression for `LISTEN_PID`.
fn activated(kind: &str, socket: impl Into<OwnedFd>, for_process: &str) -> Command {
    let script = format!(
        "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID={for_process}; exec \"$0\" {kind}"
    );
    let mut command = Command::new("sh");
    command
        .args([OsStr::new("-c"), OsStr::new(&script), OsStr::new(PROGRAM)])
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::from(socket.into()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Asks a service to end, and returns what it has written.
fn terminated(child: Child) -> String {
    let pid = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    text_of(child.wait_with_output().unwrap())
}

fn text_of(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Reads what the service sends to a client, which is its process id.
fn greeting(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn tcp_listeners_of_both_versions_are_inherited() {
    for addr in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
        let listener = match TcpListener::bind(addr) {
            Ok(listener) => listener,
            Err(error) if addr != "127.0.0.1:0" => {
                println!("skipped: no IPv6 on this machine: {error}");
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let addr = listener.local_addr().unwrap();
        let child = activated("tcp", listener, "$$").spawn().unwrap();
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(greeting(stream), child.id().to_string());
        let expected = "inherited 1\ninherited again 0\nnotified false\nnotified false\n";
        assert_eq!(terminated(child), expected);
    }
}

#[test]
fn sockets_of_another_kind_stay_where_they_are() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let child = activated("udp", socket, "$$").spawn().unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"?", addr).unwrap();
    let mut buf = [0; 16];
    let length = client.recv(&mut buf).unwrap();
    assert_eq!(&buf[..length], child.id().to_string().as_bytes());
    let text = text_of(child.wait_with_output().unwrap());
    for kind in ["TCP listener", "Unix listener", "Unix datagram socket"] {
        let message = format!("cannot take inherited socket 0 as a {kind}: ");
        assert!(text.contains(&message), "{text}");
    }
}

#[test]
fn unix_sockets_are_inherited() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stream");
    let listener = UnixListener::bind(&path).unwrap();
    let child = activated("unix", listener, "$$").spawn().unwrap();
    let stream = UnixStream::connect(&path).unwrap();
    assert_eq!(greeting(stream), child.id().to_string());
    assert!(terminated(child).ends_with("serving\n"));

    let path = dir.path().join("datagram");
    let socket = UnixDatagram::bind(&path).unwrap();
    let child = activated("datagram", socket, "$$").spawn().unwrap();
    UnixDatagram::unbound()
        .unwrap()
        .send_to(b"hello", &path)
        .unwrap();
    let text = text_of(child.wait_with_output().unwrap());
    assert!(text.contains("take inherited socket 0 as a UDP socket"));
    assert!(text.ends_with("received hello\n"), "{text}");
}

#[test]
fn sockets_for_another_process_are_not_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = activated("tcp", listener, "1").output().unwrap();
    let expected = "inherited 0\ninherited again 0\nno listener\n";
    assert_eq!(text_of(output), expected);
    let output = Command::new(PROGRAM).arg("none").output().unwrap();
    assert_eq!(text_of(output), "inherited 0\ninherited again 0\n");
}

#[test]
fn the_service_manager_is_notified() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    check_notified(&manager, path.as_os_str());
    check_abstract_name();

    let gone = dir.path().join("gone");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = activated("tcp", listener, "$$");
    let output = command.env("NOTIFY_SOCKET", &gone).output().unwrap();
    let message = format!("cannot notify the service manager at {}: ", gone.display());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains(&message), "{errors}");
}

/// Starts a service whose manager listens at `addr`, and ends it.
fn check_notified(manager: &UnixDatagram, addr: &OsStr) {
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = activated("tcp", listener, "$$");
    let child = command.env("NOTIFY_SOCKET", addr).spawn().unwrap();
    let mut buf = [0; 64];
    let length = manager.recv(&mut buf).unwrap();
    assert_eq!(&buf[..length], b"READY=1");
    assert!(terminated(child).ends_with("notified true\nnotified true\n"));
    let length = manager.recv(&mut buf).unwrap();
    assert_eq!(&buf[..length], b"STOPPING=1");
}

#[cfg(target_os = "linux")]
fn check_abstract_name() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let name = format!("quintet-activation-{}", std::process::id());
    let addr = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = UnixDatagram::bind_addr(&addr).unwrap();
    check_notified(&manager, OsStr::new(&format!("@{name}")));
}

#[cfg(not(target_os = "linux"))]
fn check_abstract_name() {}

#[test]
fn a_restart_loses_no_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let start = || {
        let listener = listener.try_clone().unwrap();
        activated("tcp", listener, "$$").spawn().unwrap()
    };
    let first = start();
    let first_id = first.id().to_string();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut served_by = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let stream = TcpStream::connect(addr).unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    served_by.push(greeting(stream));
                }
                served_by
            })
        });
        assert_eq!(greeting(TcpStream::connect(addr).unwrap()), first_id);
        // Three restarts, without a moment in which a client is refused.
        let last = (0..3).fold(first, |old, _| {
            let new = start();
            terminated(old);
            let id = new.id().to_string();
            assert_eq!(greeting(TcpStream::connect(addr).unwrap()), id);
            new
        });
        stop.store(true, Ordering::Relaxed);
        // They may wait in the backlog, so before the last service ends.
        let served_by = clients.map(|client| client.join().unwrap());
        assert!(served_by.iter().all(|ids| !ids.is_empty()));
        assert!(served_by.iter().flatten().all(|id| !id.is_empty()));
        terminated(last);
    });
}

#[test]
fn systemd_socket_activate_starts_the_service_at_its_first_client() {
    const TOOL: &str = "systemd-socket-activate";
    if Command::new(TOOL).arg("--version").output().is_err() {
        println!("skipped: no {TOOL} on this machine");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let mut child = Command::new(TOOL)
        .arg(format!("--listen={}", path.display()))
        .args([PROGRAM, "unix"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The tool becomes the service, so the process id stays the same.
    let stream = connect_when_there(&path, &mut child);
    assert_eq!(greeting(stream), child.id().to_string());
    assert!(terminated(child).ends_with("serving\n"));
}

/// Connects to a listener that `child` is about to make.
fn connect_when_there(path: &Path, child: &mut Child) -> UnixStream {
    loop {
        if let Ok(stream) = UnixStream::connect(path) {
            return stream;
        }
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        thread::yield_now();
    }
}
