//! The API: accounts, and transfers between them.

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::database::Database;
use crate::problem::Problem;

/// The routes of the API.
pub fn router(database: Database) -> Router {
    Router::new()
        .route("/accounts", get(list).post(create))
        .route("/accounts/{id}", get(show).delete(remove))
        .route("/transfers", post(transfer))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is no such page"))
        .with_state(database)
}

#[derive(Debug, Serialize)]
struct Account {
    id: i64,
    name: String,
    balance: i64,
}

impl Account {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Account {
            id: row.get("id")?,
            name: row.get("name")?,
            balance: row.get("balance")?,
        })
    }

    fn find(connection: &Connection, id: i64) -> Result<Self, Problem> {
        let mut find = connection.prepare_cached("SELECT * FROM accounts WHERE id = ?")?;
        Ok(find.query_one([id], Account::from_row)?)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    #[serde(default)]
    balance: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    from: i64,
    to: i64,
    amount: i64,
}

async fn list(State(database): State<Database>) -> Result<Json<Vec<Account>>, Problem> {
    let accounts = database.read(|connection| {
        let mut all = connection.prepare_cached("SELECT * FROM accounts ORDER BY id")?;
        let accounts = all
            .query_map([], Account::from_row)?
            .collect::<Result<_, _>>();
        Ok(accounts?)
    });
    Ok(Json(accounts.await?))
}

async fn show(
    State(database): State<Database>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Account>, Problem> {
    let Path(id) = id?;
    let account = database.read(move |connection| Account::find(connection, id));
    Ok(Json(account.await?))
}

async fn create(
    State(database): State<Database>,
    body: Result<Json<NewAccount>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(NewAccount { name, balance }) = body?;
    let account = database.write(move |connection| {
        let insert = "INSERT INTO accounts (name, balance) VALUES (?, ?)";
        connection.execute(insert, params![name, balance])?;
        Account::find(connection, connection.last_insert_rowid())
    });
    let account = account.await?;
    let place = [(header::LOCATION, format!("/accounts/{}", account.id))];
    Ok((StatusCode::CREATED, place, Json(account)))
}

async fn remove(
    State(database): State<Database>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id?;
    let removed = database.write(move |connection| {
        if Account::find(connection, id)?.balance != 0 {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "the account is not empty",
            ));
        }
        connection.execute("DELETE FROM accounts WHERE id = ?", [id])?;
        Ok(())
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Moves money, all of it or nothing.
async fn transfer(
    State(database): State<Database>,
    body: Result<Json<Transfer>, JsonRejection>,
) -> Result<Json<[Account; 2]>, Problem> {
    let Json(Transfer { from, to, amount }) = body?;
    if amount <= 0 {
        let detail = "the amount must be positive";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let accounts = database.write(move |connection| {
        // The receiver first, so that a payer with too little shows that it is undone.
        for (id, change) in [(to, amount), (from, -amount)] {
            let update = "UPDATE accounts SET balance = balance + ? WHERE id = ?";
            if connection.execute(update, [change, id])? == 0 {
                return Err(rusqlite::Error::QueryReturnedNoRows.into());
            }
        }
        Ok([
            Account::find(connection, from)?,
            Account::find(connection, to)?,
        ])
    });
    Ok(Json(accounts.await?))
}
