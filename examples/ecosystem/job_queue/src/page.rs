//! The page: the state of the queue, and jobs that are added by clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use redis::RedisError;
use serde_json::{Value, json};

use crate::queue::Queue;

type Failure = (StatusCode, String);

/// The routes of a worker's page.
pub fn router(queue: Arc<Queue>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/state", get(state))
        .route("/jobs", post(add))
        .with_state(queue)
}

async fn page(State(queue): State<Arc<Queue>>) -> Result<Html<String>, Failure> {
    let numbers = numbers(&queue).await?;
    let rows: String = numbers
        .iter()
        .map(|(name, number)| format!("<tr><th>{name}<td>{number}\n"))
        .collect();
    let head = "<!doctype html><meta http-equiv=refresh content=1><title>jobs</title>";
    Ok(Html(format!("{head}<table>\n{rows}</table>\n")))
}

async fn state(State(queue): State<Arc<Queue>>) -> Result<Json<Value>, Failure> {
    Ok(Json(json!(numbers(&queue).await?)))
}

/// Adds jobs: an object of names and numbers.
async fn add(
    State(queue): State<Arc<Queue>>,
    Json(jobs): Json<BTreeMap<String, Value>>,
) -> Result<StatusCode, Failure> {
    let input = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let jobs: Vec<_> = jobs
        .into_iter()
        .map(|(name, value)| (name, input(value)))
        .collect();
    queue.add(&jobs).await.map_err(failure)?;
    Ok(StatusCode::ACCEPTED)
}

async fn numbers(queue: &Queue) -> Result<BTreeMap<String, u64>, Failure> {
    let state = queue.state().await.map_err(failure)?;
    let mut numbers = BTreeMap::from_iter(state.counts);
    for (name, number) in [
        ("waiting", state.waiting),
        ("running", state.running),
        ("later", state.later),
        ("dead", state.dead),
    ] {
        numbers.insert(name.to_owned(), number);
    }
    Ok(numbers)
}

fn failure(error: RedisError) -> Failure {
    (StatusCode::BAD_GATEWAY, format!("redis: {error}\n"))
}
