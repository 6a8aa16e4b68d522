//! A service on Postgres; see the README.

use std::env;
use std::error::Error;
use std::time::Duration;

use postgres::accounts::{self, CHANGES};
use postgres::notifications::Notifications;
use postgres::pool::Pool;
use quintet::net::TcpListener;
use quintet::time::sleep;
use tokio_postgres::Config;

const POOL_SIZE: usize = 4;
const GET_LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

#[quintet::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let database = args.next();
    let database = database.unwrap_or("host=/run/postgresql user=postgres".to_owned());
    let addr = args.next().unwrap_or("127.0.0.1:8080".to_owned());
    let config: Config = database.parse()?;
    let pool = Pool::new(config.clone(), POOL_SIZE, GET_LIMIT);
    accounts::prepare(&pool).await?;
    let changes = quintet::spawn(print_changes(config));
    let listener = TcpListener::bind(&addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    quintet_axum::serve(listener, accounts::router(pool))
        .until(quintet::shutdown()?)
        .await?;
    changes.abort();
    println!("ended");
    Ok(())
}

/// Prints what changes, for ever.
async fn print_changes(config: Config) {
    loop {
        let error = match Notifications::listen(&config, CHANGES).await {
            Ok(mut changes) => {
                println!("hears of changes");
                loop {
                    match changes.next().await {
                        Ok(change) => println!("changed: {}", change.payload()),
                        Err(error) => break error,
                    }
                }
            }
            Err(error) => error,
        };
        eprintln!("no changes are heard of: {error}; again in {PAUSE:?}");
        sleep(PAUSE).await;
    }
}
