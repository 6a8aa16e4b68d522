//! A connection to Redis that is made again when it breaks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quintet::net::{TcpStream, UnixStream};
use quintet::time::{sleep, timeout};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ErrorKind, FromRedisValue, Pipeline, RedisConnectionInfo, RedisError,
    RedisResult, ServerErrorKind,
};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a reply may take, with the time for which Redis may be asked to wait.
const REPLY_LIMIT: Duration = Duration::from_secs(10);
/// The pause after the first failure; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A connection that is made again, after a while that doubles, when it breaks.
///
/// Each command is repeated until Redis has replied to it. Thus one may be carried out twice, if
/// the connection broke before the reply.
#[derive(Debug)]
pub struct Link {
    addr: String,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Link {
    /// A link to `addr`, which is a host and a port, or the path of a Unix socket. It connects at
    /// the first command.
    pub fn new(addr: &str) -> Self {
        Link {
            addr: addr.to_owned(),
            connection: Mutex::new(None),
        }
    }

    /// Sends commands in a pipeline, and returns the replies.
    ///
    /// # Errors
    ///
    /// Returns what Redis reports about the commands. An error of the connection is not returned.
    pub async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> RedisResult<T> {
        let mut pause = PAUSE_MIN;
        loop {
            match self.try_query(commands).await {
                Err(error) if is_passing(&error) => {
                    eprintln!("redis at {}: {error}; again in {pause:?}", self.addr);
                    self.keep(None);
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                result => return result,
            }
        }
    }

    fn open(&self) -> Option<MultiplexedConnection> {
        let connection = self.connection.lock();
        connection.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, connection: Option<MultiplexedConnection>) {
        let kept = self.connection.lock();
        *kept.unwrap_or_else(PoisonError::into_inner) = connection;
    }

    async fn try_query<T: FromRedisValue>(&self, commands: &Pipeline) -> RedisResult<T> {
        let open = self.open();
        let mut connection = match open {
            Some(connection) => connection,
            None => {
                let connection = within(CONNECT_LIMIT, connect(&self.addr)).await?;
                self.keep(Some(connection.clone()));
                connection
            }
        };
        within(REPLY_LIMIT, commands.query_async(&mut connection)).await
    }
}

/// Whether the same command may succeed later, on another connection.
fn is_passing(error: &RedisError) -> bool {
    let starting = ErrorKind::Server(ServerErrorKind::BusyLoading);
    error.is_io_error() || error.is_unrecoverable_error() || error.kind() == starting
}

async fn within<T>(
    limit: Duration,
    future: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    match timeout(limit, future).await {
        Ok(result) => result,
        Err(elapsed) => Err(std::io::Error::from(elapsed).into()),
    }
}

async fn connect(addr: &str) -> RedisResult<MultiplexedConnection> {
    let info = RedisConnectionInfo::default();
    // redis' own time limits would need a runtime of tokio.
    let config = || AsyncConnectionConfig::new().set_response_timeout(None);
    if addr.contains('/') {
        let stream = UnixStream::connect(addr).await?;
        let new = MultiplexedConnection::new_with_config(&info, stream, config());
        let (connection, driver) = new.await?;
        quintet::spawn(driver);
        Ok(connection)
    } else {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let new = MultiplexedConnection::new_with_config(&info, stream, config());
        let (connection, driver) = new.await?;
        quintet::spawn(driver);
        Ok(connection)
    }
}
