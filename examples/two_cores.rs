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
use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use quintet::cluster::{self, Cluster, Member};
use quintet::hyper::Timer;
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
            let handler = {
                let (member, served) = (member.clone(), Rc::clone(&served));
                async move |stream: TcpStream, _peer| {
                    serve_connection(stream, member.clone(), Rc::clone(&served)).await
                }
            };
            quintet::serve(listeners.take(member.index()), handler)
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

/// Responds to the requests of a connection, until the client closes it or the cluster shuts down.
async fn serve_connection(
    stream: TcpStream,
    member: Member,
    served: Rc<Cell<u64>>,
) -> hyper::Result<()> {
    stream.set_nodelay(true).ok();
    let index = member.index();
    let hello = service_fn(async |_request: Request<Incoming>| {
        served.set(served.get() + 1);
        let text = format!("hello from loop {index}, request {}\n", served.get());
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
    });
    let connection = http1::Builder::new()
        .timer(Timer::new())
        .serve_connection(stream, hello);
    let mut connection = pin!(connection);
    quintet::select! {
        result = connection.as_mut() => return result,
        () = member.shutdown() => {}
    }
    // Finishes the request that it is working on, and closes an idle connection at once.
    connection.as_mut().graceful_shutdown();
    connection.await
}
