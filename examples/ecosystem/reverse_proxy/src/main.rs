//! A reverse proxy; see the README.

mod forward;
mod servers;

use std::env;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use hyper::service::service_fn;
use quintet::net::{TcpListener, TcpStream};

use forward::Forwarder;
use servers::Servers;

/// How often each server is asked whether it is well.
const CHECK_PERIOD: Duration = Duration::from_millis(500);

#[quintet::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or("127.0.0.1:8080".to_owned());
    let servers = Rc::new(Servers::new(args)?);
    let forwarder = Rc::new(Forwarder::new(Rc::clone(&servers)));
    let checking = quintet::spawn(servers.check_forever(CHECK_PERIOD));

    let listener = TcpListener::bind(&addr).await?;
    println!("forwarding from http://{}", listener.local_addr()?);
    quintet::hyper::serve_each(listener, move |_: &TcpStream, client| {
        let forwarder = Rc::clone(&forwarder);
        service_fn(move |request| Rc::clone(&forwarder).forward(client, request))
    })
    .until(quintet::shutdown()?)
    .await?;
    checking.abort();
    Ok(())
}
