//! A pool of connections.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quintet::sync::{OwnedSemaphorePermit, Semaphore};
use quintet::time::{error::Elapsed, sleep, timeout};
use tokio_postgres::{Client, Config, SimpleQueryMessage};

use crate::connect::{Error, connect};

/// How long a kept connection has to reply before it is lent again.
const CHECK_LIMIT: Duration = Duration::from_secs(1);
/// The pause after the first failure to connect; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A bounded number of connections, which may be cloned.
///
/// Tasks that wait for one get it in the order in which they began to wait.
#[derive(Clone, Debug)]
pub struct Pool {
    config: Arc<Config>,
    get_limit: Duration,
    places: Arc<Semaphore>,
    /// At most one for each free place.
    idle: Arc<Mutex<Vec<Client>>>,
}

impl Pool {
    /// A pool of at most `size` connections. None is made before it is needed.
    pub fn new(config: Config, size: usize, get_limit: Duration) -> Self {
        Pool {
            config: Arc::new(config),
            get_limit,
            places: Arc::new(Semaphore::new(size)),
            idle: Arc::default(),
        }
    }

    /// Lends a connection that works. One that was kept is checked first, which takes a round trip.
    /// It is replaced if it is broken, if its last statement has not ended, or if it is in a
    /// transaction. A server that cannot be reached is tried again.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Io`] of kind `TimedOut` if the limit of the pool passes first, with the
    /// reason in its text. Returns what Postgres reports if the client is refused.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, it loses its place in the queue.
    pub async fn get(&self) -> Result<Lent, Error> {
        let mut last = None;
        match timeout(self.get_limit, self.try_get(&mut last)).await {
            Ok(result) => result,
            Err(elapsed) => Err(self.none_in_time(elapsed, last)),
        }
    }

    async fn try_get(&self, last: &mut Option<Error>) -> Result<Lent, Error> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.expect("it is never closed");
        let mut pause = PAUSE_MIN;
        loop {
            let client = match self.checked().await {
                Some(client) => Ok(client),
                None => self.connected().await,
            };
            match client {
                Ok(client) => return Ok(Lent::new(self, client, place)),
                Err(error) if error.is_passing() => *last = Some(error),
                Err(error) => return Err(error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// The connection that was kept last of those that work.
    async fn checked(&self) -> Option<Client> {
        loop {
            let client = lock(&self.idle).pop()?;
            if !client.is_closed()
                && matches!(timeout(CHECK_LIMIT, is_free(&client)).await, Ok(true))
            {
                return Some(client);
            }
        }
    }

    async fn connected(&self) -> Result<Client, Error> {
        let (client, driver) = connect(&self.config).await?;
        // It ends when the client is dropped, or with an error, which the client reports, too.
        quintet::spawn(async {
            let _reported = driver.await;
        });
        Ok(client)
    }

    fn none_in_time(&self, elapsed: Elapsed, last: Option<Error>) -> Error {
        let kind = std::io::Error::from(elapsed).kind();
        let reason = last.map_or("all are lent".to_owned(), |error| error.to_string());
        let text = format!("no connection within {:?}: {reason}", self.get_limit);
        Error::Io(std::io::Error::new(kind, text))
    }
}

/// Whether the connection replies, and is in no transaction: in one, time stands still.
async fn is_free(client: &Client) -> bool {
    let query = "SELECT now() = statement_timestamp()";
    let Ok(messages) = client.simple_query(query).await else {
        return false;
    };
    messages.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
        _ => false,
    })
}

fn lock(idle: &Mutex<Vec<Client>>) -> MutexGuard<'_, Vec<Client>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection of a pool, which goes back when this is dropped.
#[derive(Debug)]
pub struct Lent {
    client: Option<Client>,
    idle: Arc<Mutex<Vec<Client>>>,
    /// Freed after the connection is back.
    _place: OwnedSemaphorePermit,
}

impl Lent {
    fn new(pool: &Pool, client: Client, place: OwnedSemaphorePermit) -> Self {
        Lent {
            client: Some(client),
            idle: Arc::clone(&pool.idle),
            _place: place,
        }
    }
}

impl Deref for Lent {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client.as_ref().expect("it is lent until the drop")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Client {
        self.client.as_mut().expect("it is lent until the drop")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let open = self.client.take().filter(|client| !client.is_closed());
        lock(&self.idle).extend(open);
    }
}
