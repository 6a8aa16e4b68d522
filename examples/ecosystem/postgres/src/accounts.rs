//! Accounts, and transfers between them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;

use crate::connect::Error;
use crate::pool::Pool;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS accounts (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL UNIQUE,
    balance bigint NOT NULL CHECK (balance >= 0)
)";

/// The channel of what has changed.
pub const CHANGES: &str = "changes";

#[derive(Debug, Deserialize, Serialize)]
struct Account {
    name: String,
    balance: i64,
}

#[derive(Debug, Deserialize)]
struct Transfer {
    from: String,
    to: String,
    amount: u32,
}

/// Creates what is missing in the database.
///
/// # Errors
///
/// Returns that of the pool, and what Postgres reports.
pub async fn prepare(pool: &Pool) -> Result<(), Error> {
    Ok(pool.get().await?.batch_execute(SCHEMA).await?)
}

pub fn router(pool: Pool) -> Router {
    Router::new()
        .route("/accounts", get(list).post(open))
        .route("/transfers", post(transfer))
        .with_state(pool)
}

async fn list(State(pool): State<Pool>) -> Result<Json<Vec<Account>>, Problem> {
    let query = "SELECT name, balance FROM accounts ORDER BY name";
    let rows = pool.get().await?.query(query, &[]).await?;
    let account = |row: tokio_postgres::Row| Account {
        name: row.get(0),
        balance: row.get(1),
    };
    Ok(Json(rows.into_iter().map(account).collect()))
}

async fn open(
    State(pool): State<Pool>,
    Json(account): Json<Account>,
) -> Result<StatusCode, Problem> {
    let statement = "INSERT INTO accounts (name, balance) VALUES ($1, $2)";
    let client = pool.get().await?;
    client
        .execute(statement, &[&account.name, &account.balance])
        .await?;
    Ok(StatusCode::CREATED)
}

/// Both accounts change, or none. The listeners hear of it when it is committed.
async fn transfer(
    State(pool): State<Pool>,
    Json(transfer): Json<Transfer>,
) -> Result<StatusCode, Problem> {
    let Transfer { from, to, amount } = transfer;
    let mut client = pool.get().await?;
    // Dropped without a commit, it is rolled back.
    let transaction = client.transaction().await?;
    let statement = "UPDATE accounts SET balance = balance + $2 WHERE name = $1";
    let amount = i64::from(amount);
    // In one order, so that two transfers do not wait for each other.
    let mut changes = [(&to, amount), (&from, -amount)];
    changes.sort();
    for (name, change) in changes {
        if transaction.execute(statement, &[name, &change]).await? == 0 {
            return Err(Problem(StatusCode::NOT_FOUND, format!("no account {name}")));
        }
    }
    let text = format!("{amount} from {from} to {to}");
    transaction
        .execute("SELECT pg_notify($1, $2)", &[&CHANGES, &text])
        .await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A response to a request that failed.
struct Problem(StatusCode, String);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.code() {
            Some(code) if *code == SqlState::CHECK_VIOLATION => StatusCode::CONFLICT,
            Some(code) if *code == SqlState::UNIQUE_VIOLATION => StatusCode::CONFLICT,
            _ if error.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Problem(status, error.to_string())
    }
}

impl From<tokio_postgres::Error> for Problem {
    fn from(error: tokio_postgres::Error) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, format!("{}\n", self.1)).into_response()
    }
}
