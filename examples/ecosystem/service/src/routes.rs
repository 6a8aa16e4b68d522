//! What the service responds to.

use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{BoxError, Json, Router};
use quintet::time::{Instant, sleep};
use quintet_tower::TimeoutLayer;
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;
use tracing::info;

use crate::config::Config;
use crate::readiness::Readiness;

/// The router of the service.
pub fn router(config: &Config, readiness: Readiness) -> Router {
    let limited = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(too_slow))
        .layer(TimeoutLayer::new(config.time_limit));
    let service = Router::new().route("/greet", get(greet)).layer(limited);
    // What orchestrators ask is not limited, and not logged.
    Router::new()
        .merge(service.layer(middleware::from_fn(log)))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(readiness)
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default = "world")]
    name: String,
    /// A stand-in for work that takes its time.
    #[serde(default)]
    after_ms: u64,
}

fn world() -> String {
    "world".to_owned()
}

#[derive(Debug, Serialize)]
struct Greeting {
    text: String,
}

async fn greet(Query(wanted): Query<Wanted>) -> Json<Greeting> {
    sleep(Duration::from_millis(wanted.after_ms)).await;
    Json(Greeting {
        text: format!("hello {}", wanted.name),
    })
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.get() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn metrics() -> Response {
    let text = quintet::runtime::metrics().to_prometheus();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn too_slow(_error: BoxError) -> (StatusCode, &'static str) {
    (StatusCode::GATEWAY_TIMEOUT, "it takes too long\n")
}

async fn log(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    info!(%method, %uri, status, ?took, "request");
    response
}
