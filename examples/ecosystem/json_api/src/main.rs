//! A JSON API over `SQLite`; see the README.

mod api;
mod database;
mod problem;

use std::env;
use std::error::Error;
use std::path::Path;

use quintet::net::TcpListener;
use quintet::spawn_blocking;

use crate::database::Database;

#[quintet::main(name = "json_api")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let path = args.next().unwrap_or("accounts.db".to_owned());
    let addr = args.next().unwrap_or("127.0.0.1:8080".to_owned());
    let database = spawn_blocking(move || Database::open(Path::new(&path))).await??;
    let listener = TcpListener::bind(&addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    quintet_axum::serve(listener, api::router(database))
        .until(quintet::shutdown()?)
        .await?;
    Ok(())
}
