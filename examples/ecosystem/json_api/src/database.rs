//! The database, and the threads that use it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quintet::spawn_blocking;
use quintet::sync::Semaphore;
use rusqlite::{Connection, TransactionBehavior};

use crate::problem::Problem;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    balance INTEGER NOT NULL CHECK (balance >= 0)
) STRICT;";

/// How many reads run at once. Fewer than the worker threads, so that writes find one, too.
const READERS: usize = 2;

/// A database: one connection for writes, and some for reads, which see the last state that was
/// committed.
#[derive(Clone, Debug)]
pub struct Database {
    writer: Class,
    readers: Class,
}

/// Connections for one class of jobs, each with a place for a job.
#[derive(Clone, Debug)]
struct Class {
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Database {
    /// Opens the database at `path`, and creates what is missing. It blocks.
    ///
    /// # Errors
    ///
    /// Returns what `SQLite` reports.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let writer = connect(path)?;
        writer.execute_batch(SCHEMA)?;
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let reader = connect(path)?;
            reader.pragma_update(None, "query_only", true)?;
            readers.push(reader);
        }
        Ok(Database {
            writer: Class::new(vec![writer]),
            readers: Class::new(readers),
        })
    }

    /// Runs `f` on a worker thread, with a connection that reads.
    ///
    /// # Errors
    ///
    /// Returns that of `f`, and a problem if `f` panics.
    pub async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.readers.run(|connection| f(connection)).await
    }

    /// Runs `f` on a worker thread, in a transaction that is committed if it succeeds.
    ///
    /// # Errors
    ///
    /// Returns that of `f`, and a problem if `f` panics; then nothing has changed.
    ///
    /// # Cancel safety
    ///
    /// A transaction that has begun ends even if the future is dropped.
    pub async fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let job = |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let output = f(&transaction)?;
            transaction.commit()?;
            Ok(output)
        };
        self.writer.run(job).await
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(connection)
}

impl Class {
    fn new(connections: Vec<Connection>) -> Self {
        Class {
            places: Arc::new(Semaphore::new(connections.len())),
            idle: Arc::new(Mutex::new(connections)),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Connection) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let idle = Arc::clone(&self.idle);
        let job = move || {
            // The place goes with the job, and with it the connection, even if no task waits.
            let _place = place;
            let mut lent = Lent::take(&idle);
            f(lent.connection())
        };
        spawn_blocking(job).await?
    }
}

/// A connection that goes back when this is dropped, even by a panic.
struct Lent<'a> {
    idle: &'a Mutex<Vec<Connection>>,
    connection: Option<Connection>,
}

impl<'a> Lent<'a> {
    fn take(idle: &'a Mutex<Vec<Connection>>) -> Self {
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lent { idle, connection }
    }

    fn connection(&mut self) -> &mut Connection {
        self.connection
            .as_mut()
            .expect("there is one for each place")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
    }
}
