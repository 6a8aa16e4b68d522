//! sqlx' pool, transactions and listener on Postgres; see the README.

use std::env;
use std::error::Error;
use std::thread;
use std::time::Duration;

use quintet::task::JoinSet;
use sqlx::Row;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};

#[quintet::main(tokio)]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1);
    let url = url.unwrap_or("postgres://postgres@localhost/postgres".to_owned());
    let pool = PgPoolOptions::new()
        .max_connections(3)
        .acquire_timeout(Duration::from_secs(60))
        .connect(&url)
        .await?;
    println!("the sum is {}", sum_of_squares(&pool, 20).await?);

    // Dropped without a commit, it is rolled back.
    let mut transaction = pool.begin().await?;
    sqlx::query("CREATE TABLE not_kept (number bigint)")
        .execute(&mut *transaction)
        .await?;
    drop(transaction);
    let kept = sqlx::query("SELECT to_regclass('not_kept') IS NOT NULL")
        .fetch_one(&pool)
        .await?;
    println!("rolled back: {}", !kept.get::<bool, _>(0));

    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen("news").await?;
    sqlx::query("SELECT pg_notify('news', 'it works')")
        .execute(&pool)
        .await?;
    println!("heard: {}", listener.recv().await?.payload());
    drop(listener);
    pool.close().await;
    Ok(())
}

/// Asks for each square at the same time as for the others.
async fn sum_of_squares(pool: &PgPool, count: i64) -> Result<i64, Box<dyn Error>> {
    let loop_thread = thread::current().id();
    let mut queries = JoinSet::new();
    for number in 0..count {
        let pool = pool.clone();
        queries.spawn(async move {
            let query = sqlx::query("SELECT $1 * $1, pg_sleep(0.01)").bind(number);
            let row = query.fetch_one(&pool).await;
            assert_eq!(thread::current().id(), loop_thread);
            row
        });
    }
    let mut sum = 0;
    while let Some(row) = queries.join_next().await {
        sum += row??.get::<i64, _>(0);
    }
    Ok(sum)
}
