//! A static site by tower-http's `ServeDir`; see the README.

use std::env;
use std::io;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use quintet::net::TcpListener;
use tower_http::set_header::SetResponseHeaderLayer;

#[quintet::main]
async fn main() -> io::Result<()> {
    let mut args = env::args().skip(1);
    let dir = args.next().unwrap_or(".".to_owned());
    let addr = args.next().unwrap_or("127.0.0.1:8080".to_owned());
    let files = quintet_tower_http::serve_dir(&dir).append_index_html_on_directories(true);
    let caching = SetResponseHeaderLayer::if_not_present(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=60"),
    );
    let router = Router::new()
        .fallback_service(files.not_found_service(axum::routing::any(not_found)))
        .layer(caching);
    let listener = TcpListener::bind(&addr).await?;
    println!("serving {dir} on http://{}", listener.local_addr()?);
    quintet_axum::serve(listener, router)
        .until(quintet::shutdown()?)
        .await?;
    Ok(())
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "there is no such page\n")
}
