//! A server that is replaced while clients use it: the new process has the listening socket of the
//! old one.

use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;
use std::{process, thread};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use quintet::hyper::serve;
use quintet::net::{self, TcpStream};
use quintet::task::{JoinSet, yield_now};

use crate::client::Client;
use crate::support::child::{child, is_child};
use crate::support::patience::in_time;
use crate::support::skipped::skip;

/// What a server prints when it serves.
const SERVING: &str = "serving";

/// The server: its listener is its standard input. Responses say which process has made them.
fn serve_inherited() {
    quintet::block_on(async {
        let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
        listener.set_nonblocking(true).unwrap();
        let listener = net::TcpListener::from_std(listener).unwrap();
        let stop = quintet::shutdown().unwrap();
        println!("{SERVING}");
        let service = service_fn(async |_: Request<Incoming>| {
            Ok::<_, Infallible>(Response::new(process::id().to_string()))
        });
        // A client may be held up.
        let ended = serve(listener, service)
            .quiet_timeout(Duration::from_secs(30))
            .drain_timeout(None)
            .until(stop)
            .await;
        assert!(ended.unwrap().is_complete());
    });
}

/// A process that runs [`serve_inherited`].
struct Server(Child);

impl Server {
    /// Starts a process that serves on `listener`, by the test that calls this.
    fn start(test: &str, listener: &TcpListener) -> Self {
        let listener = OwnedFd::from(listener.try_clone().unwrap());
        let mut process = child(test)
            .stdin(listener)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.as_mut().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap().ends_with(SERVING)),
            "it has ended"
        );
        Server(process)
    }

    fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// Asks it to end, and waits until it has.
    fn stop(mut self) {
        let id = i32::try_from(self.0.id()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _has_ended = self.0.kill();
        let _has_ended = self.0.wait();
    }
}

/// Sends requests, one after the other, until 20 responses are not of the `old` server; connects
/// again when a response says so. Counts the responses of the old one.
async fn use_both(addr: SocketAddr, old: String, of_old: Rc<Cell<usize>>) {
    let mut of_new = 0;
    while of_new < 20 {
        let mut client = Client::new(TcpStream::connect(addr).await.unwrap());
        loop {
            let reply = client.get("/").await;
            assert_eq!(reply.status, 200);
            if reply.body == old {
                of_old.set(of_old.get() + 1);
            } else {
                of_new += 1;
            }
            if reply.is_last() || of_new >= 20 {
                break;
            }
        }
    }
}

#[test]
fn a_restart_loses_no_request() {
    if is_child() {
        return in_time(serve_inherited);
    }
    in_time(|| {
        let test = "restart::a_restart_loses_no_request";
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let old = Server::start(test, &listener);
        let new = quintet::block_on(async {
            let (mut clients, of_old) = (JoinSet::new(), Rc::new(Cell::new(0)));
            for _ in 0..16 {
                clients.spawn(use_both(addr, old.id(), Rc::clone(&of_old)));
            }
            while of_old.get() < 100 {
                yield_now().await;
            }
            let replace = move || {
                let new = Server::start(test, &listener);
                old.stop();
                new
            };
            let new = quintet::spawn_blocking(replace).await.unwrap();
            clients.join_all().await;
            new
        });
        new.stop();
    });
}

#[test]
fn wrk_does_not_notice_a_restart() {
    if is_child() {
        return in_time(serve_inherited);
    }
    if Command::new("wrk").arg("-v").output().is_err() {
        return skip("wrk is not installed");
    }
    in_time(|| {
        let test = "restart::wrk_does_not_notice_a_restart";
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let mut old = Server::start(test, &listener);
        let mut wrk = Command::new("wrk")
            .args([
                "-t1",
                "-c32",
                "-d2s",
                "--timeout",
                "30s",
                &format!("http://{addr}/"),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // As often as there is time for.
        let mut restarts = 0;
        while wrk.try_wait().unwrap().is_none() {
            let new = Server::start(test, &listener);
            old.stop();
            old = new;
            restarts += 1;
            thread::yield_now();
        }
        let mut output = String::new();
        wrk.stdout
            .take()
            .unwrap()
            .read_to_string(&mut output)
            .unwrap();
        assert!(restarts > 0);
        assert!(output.contains("requests in"), "{output}");
        assert!(
            !output.contains("Socket errors") && !output.contains("Non-2xx"),
            "{output}"
        );
        println!("{restarts} restarts: {output}");
        old.stop();
    });
}
