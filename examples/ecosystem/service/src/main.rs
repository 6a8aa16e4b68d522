//! A service skeleton; see the README.

use std::env;
use std::error::Error;
use std::io;

use quintet::net::TcpListener;
use quintet::time::sleep;
use service::config::Config;
use service::readiness::Readiness;
use service::routes::router;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

#[quintet::main(name = "service")]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    let config = Config::read(|name| env::var(name).ok())?;
    let readiness = Readiness::default();
    let listener = TcpListener::bind(config.addr).await?;
    println!("listening on http://{}", listener.local_addr()?);

    // First the load balancers learn that no more requests are wanted, then the server ends.
    let shutdown = quintet::shutdown()?;
    let leaving = {
        let (readiness, leave_time) = (readiness.clone(), config.leave_time);
        async move {
            shutdown.await;
            info!("ending");
            readiness.set(false);
            sleep(leave_time).await;
        }
    };
    let server = quintet_axum::serve(listener, router(&config, readiness.clone()))
        .max_connections(config.connections_max)
        .drain_timeout(config.drain_time)
        .on_error(|error| warn!("{error}"))
        .until(leaving);
    readiness.set(true);
    let drained = server.await?;
    info!(complete = drained.is_complete(), "ended");
    Ok(())
}
