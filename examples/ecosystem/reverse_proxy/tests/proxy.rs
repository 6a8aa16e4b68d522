//! The program, as a child, before servers of the test.

use std::convert::Infallible;
use std::process::Command;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use ecosystem_support::{Program, http, wait_until};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use quintet::net::TcpListener;
use quintet::task::CancellationToken;

/// A server on a thread of its own, which says its name and what it has received.
struct Server {
    addr: String,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(name: &'static str, addr: &str) -> Self {
        let (send, receive) = mpsc::channel();
        let stop = CancellationToken::new();
        let until = stop.clone();
        let addr = addr.to_owned();
        let thread = thread::spawn(move || {
            quintet::block_on(async {
                let listener = TcpListener::bind(&addr).await.expect("the port is free");
                send.send(listener.local_addr().expect("an address").to_string())
                    .expect("the test waits");
                quintet::hyper::serve(
                    listener,
                    service_fn(async move |request| {
                        Ok::<_, Infallible>(described(name, request).await)
                    }),
                )
                .until(until.cancelled_owned())
                .await
                .expect("it serves");
            });
        });
        let addr = receive.recv().expect("it has begun");
        Server {
            addr,
            stop,
            thread: Some(thread),
        }
    }

    fn end(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it has ended in order");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

async fn described(name: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let uri = request.uri().clone();
    let forwarded = format!("{:?}", request.headers().get("x-forwarded-for"));
    let hop = request.headers().contains_key("x-hop");
    let body = request
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    let text = format!("{name} {uri} {forwarded} {hop} {}", body.len());
    Response::new(Full::from(text))
}

#[test]
fn requests_take_turns_and_a_server_that_ends_is_left_out() {
    let mut first = Server::start("first", "127.0.0.1:0");
    let second = Server::start("second", "127.0.0.1:0");
    let mut proxy = Program::start(Command::new(env!("CARGO_BIN_EXE_reverse_proxy")).args([
        "127.0.0.1:0",
        &first.addr,
        &second.addr,
    ]));
    let addr = proxy.line_after("http://");
    let names = || {
        let name = |_| {
            http(&addr, "GET /", "")
                .1
                .split(' ')
                .next()
                .expect("a name")
                .to_owned()
        };
        let mut names: Vec<String> = (0..4).map(name).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(names(), ["first", "second"]);
    let (_, body) = http(
        &addr,
        "POST /a?b=c HTTP/1.1\r\nconnection: x-hop\r\nx-hop: 1\r\nx: ",
        "body",
    );
    assert!(
        body.ends_with(" /a?b=c Some(\"127.0.0.1\") false 4"),
        "{body}"
    );

    // One ends: no request fails, although the proxy has connections to it.
    first.end();
    assert_eq!(names(), ["second"]);
    let state = || http(&addr, "GET /proxy/servers", "").1;
    let first_is = |state: &str| format!("{} {state}\n", first.addr);
    wait_until(|| state().contains(&first_is("down")));
    // It comes back, and is found by the health check.
    let again = Server::start("first", &first.addr);
    wait_until(|| state().contains(&first_is("well")));
    assert_eq!(names(), ["first", "second"]);

    drop((again, second));
    let (head, body) = http(&addr, "GET /", "");
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    assert_eq!(body, "no server can be reached\n");
    assert_eq!(proxy.end().0, 0);
}
