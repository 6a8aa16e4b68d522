//! An HTTP server on two cores: two loops, each on a thread of its own, which share one port.
//!
//! ```text
//! cargo run --release --example two_cores -- 127.0.0.1:8080
//! curl http://127.0.0.1:8080/       # in another terminal
//! ```
//!
//! Loop 0 accepts, and each connection goes to the loop with fewer of them. Ctrl-C drains both: a
//! request that has begun gets its response, and then the program ends.

use std::cell::Cell;
use std::convert::Infallible;
use std::env;
use std::future::ready;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::service::service_fn;
use quintet::cluster::{self, Cluster, Member};
use quintet::net::TcpStream;

/// How many loops there are.
const LOOPS: usize = 2;

fn main() -> io::Result<ExitCode> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [addr] = &args[..] else {
        eprintln!("usage: two_cores LISTEN-HOST:PORT");
        return Ok(ExitCode::from(2));
    };
    let listeners = cluster::bind_shared(addr, LOOPS)?;
    println!("http://{}/", listeners.local_addr());
    let served = Cluster::new(LOOPS)
        .until(quintet::shutdown()?)
        .run(async |member: Member| {
            // Of this loop alone: it needs no lock.
            let served = Rc::new(Cell::new(0_u64));
            let make = {
                let (index, served) = (member.index(), Rc::clone(&served));
                move |stream: &TcpStream, _peer| {
                    stream.set_nodelay(true).ok();
                    let served = Rc::clone(&served);
                    service_fn(move |_| ready(hello(index, &served)))
                }
            };
            quintet::hyper::serve_each(listeners.take(member.index()), make)
                .until(member.shutdown())
                .drain_timeout(Duration::from_secs(5))
                .await?;
            io::Result::Ok(served.get())
        })?;
    for (index, served) in served.iter().enumerate() {
        println!("loop {index} has served {served} requests");
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts a request, and responds to it.
fn hello(index: usize, served: &Cell<u64>) -> Result<Response<Full<Bytes>>, Infallible> {
    served.set(served.get() + 1);
    let text = format!("hello from loop {index}, request {}\n", served.get());
    Ok(Response::new(Full::new(Bytes::from(text))))
}
