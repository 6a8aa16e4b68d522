//! The pool and the notifications, with a Postgres of the test.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ecosystem_support::PATIENCE;
use ecosystem_support::postgres::Postgres;
use futures::future::join_all;
use postgres::connect::Error;
use postgres::notifications::Notifications;
use postgres::pool::Pool;
use quintet::io::copy_bidirectional;
use quintet::net::{TcpListener, UnixStream};
use quintet::spawn;
use quintet::sync::oneshot;
use quintet::task::{JoinHandle, yield_now};
use quintet::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::error::SqlState;

fn pool_of(postgres: &Postgres, size: usize) -> Pool {
    Pool::new(config_of(postgres), size, PATIENCE)
}

fn config_of(postgres: &Postgres) -> Config {
    postgres.config().parse().expect("it is right")
}

async fn number(pool: &Pool, query: &str) -> i64 {
    let client = pool.get().await.expect("a connection");
    client
        .query_one(query, &[])
        .await
        .expect("it is right")
        .get(0)
}

/// Which process of the server serves each of two connections that are lent at once.
async fn processes(pool: &Pool) -> [i64; 2] {
    let query = "SELECT pg_backend_pid()::bigint";
    let (a, b) = (
        pool.get().await.expect("one"),
        pool.get().await.expect("two"),
    );
    let a = a.query_one(query, &[]).await.expect("it is right");
    let b = b.query_one(query, &[]).await.expect("it is right");
    [a.get(0), b.get(0)]
}

#[quintet::test]
async fn queries_run_at_once_on_no_more_connections_than_the_pool_has() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let pool = pool_of(&postgres, 3);
    let here = thread::current().id();
    let at_once = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let queries = (0..20_i64).map(|number| {
        let (pool, at_once) = (pool.clone(), Arc::clone(&at_once));
        spawn(async move {
            let client = pool.get().await.expect("a connection");
            let (now, most) = &*at_once;
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            let query = "SELECT $1::bigint * 2, pg_sleep(0.01)";
            let row = client.query_one(query, &[&number]).await;
            let doubled: i64 = row.expect("it is right").get(0);
            now.fetch_sub(1, Ordering::Relaxed);
            // All of it without tokio, and on the thread of the loop.
            assert!(tokio::runtime::Handle::try_current().is_err());
            assert_eq!(thread::current().id(), here);
            doubled
        })
    });
    let queries: Vec<JoinHandle<i64>> = queries.collect();
    for (doubled, number) in join_all(queries).await.into_iter().zip(0..) {
        assert_eq!(doubled.expect("no panic"), 2 * number);
    }
    assert_eq!(at_once.1.load(Ordering::Relaxed), 3);
    // With this one: the server has seen no others.
    let query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    assert_eq!(number(&pool, query).await, 3);
}

#[quintet::test]
async fn tasks_that_wait_get_a_connection_in_their_order() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let pool = pool_of(&postgres, 1);
    let first = pool.get().await.expect("a connection");
    let (sender, mut order) = quintet::sync::mpsc::unbounded_channel();
    let mut waiting = Vec::new();
    for number in 0..5 {
        let (pool, sender) = (pool.clone(), sender.clone());
        waiting.push(spawn(async move {
            let client = pool.get().await.expect("a connection");
            sender.send(number).expect("it is received");
            client.simple_query("").await.expect("it works");
        }));
        yield_now().await;
    }
    // One that goes loses its place, and no other one's.
    waiting.remove(2).abort();
    drop(first);
    for number in [0, 1, 3, 4] {
        let next = timeout(PATIENCE, order.recv()).await.expect("in time");
        assert_eq!(next, Some(number));
    }
}

#[quintet::test]
async fn a_wait_for_a_connection_ends_in_time_with_the_reason() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let limit = Duration::from_millis(50);
    let pool = Pool::new(config_of(&postgres), 1, limit);
    let wide = pool_of(&postgres, 1);
    drop(wide.get().await.expect("a connection"));
    let lent = loop {
        // The machine may be slow.
        if let Ok(lent) = pool.get().await {
            break lent;
        }
    };
    let failed = pool.get().await.expect_err("the only one is lent");
    assert!(matches!(&failed, Error::Io(error) if error.kind() == ErrorKind::TimedOut));
    assert_eq!(
        failed.to_string(),
        "no connection within 50ms: all are lent"
    );
    drop(lent);
    postgres.stop("INT");
    let failed = pool
        .get()
        .await
        .expect_err("there is no server")
        .to_string();
    assert!(
        failed.starts_with("no connection within 50ms: "),
        "{failed}"
    );
    // What is refused for good is reported at once.
    postgres.resume();
    let mut config = config_of(&postgres);
    config.dbname("of which there is none");
    let refused = Pool::new(config, 1, PATIENCE).get().await;
    let code = refused.expect_err("it is refused").code().cloned();
    assert_eq!(code, Some(SqlState::UNDEFINED_DATABASE));
}

#[quintet::test]
async fn a_transaction_is_rolled_back_at_an_error() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let pool = pool_of(&postgres, 1);
    let create = "CREATE TABLE numbers (number bigint CHECK (number > 0))";
    let mut client = pool.get().await.expect("a connection");
    client.batch_execute(create).await.expect("it is right");
    let insert = "INSERT INTO numbers VALUES ($1)";
    let transaction = client.transaction().await.expect("it begins");
    for (number, is_right) in [(1_i64, true), (-1, false)] {
        let result = transaction.execute(insert, &[&number]).await;
        assert_eq!(result.is_ok(), is_right, "{result:?}");
    }
    drop(transaction);
    drop(client);
    assert_eq!(number(&pool, "SELECT count(*) FROM numbers").await, 0);

    let mut client = pool.get().await.expect("a connection");
    let transaction = client.transaction().await.expect("it begins");
    transaction.execute(insert, &[&2_i64]).await.expect("right");
    transaction.commit().await.expect("it is committed");
    drop(client);
    assert_eq!(
        number(&pool, "SELECT sum(number)::bigint FROM numbers").await,
        2
    );
}

#[quintet::test]
async fn a_connection_in_a_state_that_would_surprise_is_replaced() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let pool = pool_of(&postgres, 1);
    let process = "SELECT pg_backend_pid()::bigint";
    let mut before = number(&pool, process).await;
    assert_eq!(number(&pool, process).await, before, "it is kept");
    // In a transaction, in one that failed, closed by the server.
    for statement in [
        "BEGIN",
        "BEGIN; SELECT 1 / 0",
        "SELECT pg_terminate_backend(pg_backend_pid())",
    ] {
        let client = pool.get().await.expect("a connection");
        let _failed = client.batch_execute(statement).await;
        drop(client);
        let after = number(&pool, process).await;
        assert_ne!(after, before, "after {statement}");
        before = after;
    }
    // With a statement that has not ended, whose task is cancelled.
    let (begun, has_begun) = oneshot::channel();
    let busy = pool.clone();
    let busy = spawn(async move {
        let client = busy.get().await.expect("a connection");
        begun.send(()).expect("it is awaited");
        client.batch_execute("SELECT pg_sleep(600)").await
    });
    has_begun.await.expect("it begins");
    // The statement is sent.
    yield_now().await;
    busy.abort();
    assert_ne!(number(&pool, process).await, before);
}

#[quintet::test]
async fn a_restart_fails_what_is_in_flight_and_nothing_else() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let pool = pool_of(&postgres, 2);
    // At an orderly end the server says why, and after a crash there is only the end.
    for (signal, code, text) in [
        (
            "INT",
            Some(SqlState::ADMIN_SHUTDOWN),
            "terminating connection",
        ),
        ("QUIT", None, "connection closed"),
    ] {
        let before = processes(&pool).await;
        let (begun, has_begun) = oneshot::channel();
        let busy = pool.clone();
        let in_flight = spawn(async move {
            let client = busy.get().await.expect("a connection");
            client.simple_query("").await.expect("it works");
            begun.send(()).expect("it is awaited");
            client.batch_execute("SELECT pg_sleep(600)").await
        });
        has_begun.await.expect("it begins");
        let number = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'";
        while self::number(&pool, number).await == 0 {}
        postgres.stop(signal);
        let failed = timeout(PATIENCE, in_flight).await.expect("no hang");
        let failed = Error::from(failed.expect("no panic").expect_err("it fails"));
        assert_eq!(failed.code(), code.as_ref(), "{failed}");
        assert!(failed.to_string().contains(text), "{failed}");
        assert!(failed.is_passing());
        // One that begins while there is no server waits for it.
        let waiting = pool.clone();
        let waiting = spawn(async move { processes(&waiting).await });
        yield_now().await;
        postgres.resume();
        let after = timeout(PATIENCE, waiting)
            .await
            .expect("no hang")
            .expect("no panic");
        assert!(before.iter().all(|process| !after.contains(process)));
    }
}

#[quintet::test]
async fn notifications_are_heard_while_a_reply_is_awaited_and_until_the_server_ends() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let pool = pool_of(&postgres, 1);
    let mut heard = Notifications::listen(&config_of(&postgres), "a \"b\"")
        .await
        .expect("it listens");
    let client = pool.get().await.expect("a connection");
    for text in ["one", "two", "three"] {
        let notify = "SELECT pg_notify($1, $2)";
        client
            .execute(notify, &[&"a \"b\"", &text])
            .await
            .expect("right");
    }
    client
        .execute("SELECT pg_notify('other', '')", &[])
        .await
        .expect("right");
    for text in ["one", "two", "three"] {
        let next = timeout(PATIENCE, heard.next()).await.expect("in time");
        assert_eq!(next.expect("a notification").payload(), text);
    }
    postgres.stop("INT");
    let ended = timeout(PATIENCE, heard.next()).await.expect("no hang");
    let ended = ended.expect_err("there is no server");
    assert!(ended.is_passing(), "{ended}");
}

/// By TCP, through a relay that breaks connections.
#[quintet::test]
async fn a_network_that_breaks_is_survived() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let socket = format!("{}/.s.PGSQL.5432", postgres.directory());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, mut relays) = quintet::sync::mpsc::unbounded_channel();
    let relay = spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = UnixStream::connect(&socket).await.expect("it listens");
            let relay = spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            let _ended = sender.send(relay);
        }
    });
    let config = format!("host=127.0.0.1 port={port} user=test dbname=postgres");
    let pool = Pool::new(config.parse().expect("it is right"), 1, PATIENCE);
    for round in 0..3 {
        assert_eq!(
            number(&pool, "SELECT 2::bigint").await,
            2,
            "in round {round}"
        );
        let broken = relays.recv().await.expect("a connection");
        let client = pool.get().await.expect("it is kept");
        broken.abort();
        let failed = timeout(PATIENCE, client.simple_query("SELECT 1")).await;
        let failed = failed.expect("no hang").expect_err("it is broken");
        assert!(Error::from(failed).is_passing());
    }
    relay.abort();
}
