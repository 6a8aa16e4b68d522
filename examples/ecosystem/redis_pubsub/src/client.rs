//! A connection to Redis, with the messages that Redis sends of its own accord.

use std::io;
use std::time::Duration;

use quintet::JoinHandle;
use quintet::net::{TcpStream, UnixStream};
use quintet::select;
use quintet::sync::mpsc;
use quintet::time::timeout;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Msg, ProtocolVersion, PushInfo, RedisConnectionInfo, RedisResult,
};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// After such a silence Redis is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(10);
const REPLY_LIMIT: Duration = Duration::from_secs(5);

/// A client of Redis. It is disconnected when it is dropped.
pub struct Client {
    connection: MultiplexedConnection,
    pushed: mpsc::UnboundedReceiver<PushInfo>,
    driver: JoinHandle<()>,
}

impl Client {
    /// Connects to `addr`, which is a host and a port, or the path of a Unix socket.
    ///
    /// # Errors
    ///
    /// Returns that of the connection, and what Redis reports.
    pub async fn connect(addr: &str) -> RedisResult<Self> {
        match timeout(CONNECT_LIMIT, Self::try_connect(addr)).await {
            Ok(result) => result,
            Err(elapsed) => Err(io::Error::from(elapsed).into()),
        }
    }

    async fn try_connect(addr: &str) -> RedisResult<Self> {
        let info = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        let (sender, pushed) = mpsc::unbounded_channel();
        // redis' own time limits would need a runtime of tokio.
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_push_sender(move |pushed| sender.send(pushed));
        let (connection, driver) = if addr.contains('/') {
            let stream = UnixStream::connect(addr).await?;
            let new = MultiplexedConnection::new_with_config(&info, stream, config);
            let (connection, driver) = new.await?;
            (connection, quintet::spawn(driver))
        } else {
            let stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            let new = MultiplexedConnection::new_with_config(&info, stream, config);
            let (connection, driver) = new.await?;
            (connection, quintet::spawn(driver))
        };
        Ok(Client {
            connection,
            pushed,
            driver,
        })
    }

    /// Subscribes to a channel.
    ///
    /// # Errors
    ///
    /// Returns that of the connection, and what Redis reports.
    pub async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        self.connection.subscribe(channel).await
    }

    /// Publishes `text`, and returns how many clients have received it.
    ///
    /// # Errors
    ///
    /// Returns that of the connection, and what Redis reports.
    pub async fn publish(&mut self, channel: &str, text: &str) -> RedisResult<u64> {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(channel).arg(text);
        publish.query_async(&mut self.connection).await
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// Returns that of the connection, which has ended, or is silent.
    pub async fn next(&mut self) -> RedisResult<Msg> {
        loop {
            let pushed = select! {
                biased;
                pushed = timeout(SILENCE, self.pushed.recv()) => pushed,
                _ = &mut self.driver => Ok(None),
            };
            match pushed {
                Ok(Some(pushed)) => {
                    if let Some(message) = Msg::from_push_info(pushed) {
                        return Ok(message);
                    }
                }
                Ok(None) => return Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
                Err(_silent) => self.ping().await?,
            }
        }
    }

    async fn ping(&mut self) -> RedisResult<()> {
        let ping = redis::cmd("PING");
        match timeout(REPLY_LIMIT, ping.query_async(&mut self.connection)).await {
            Ok(result) => result,
            Err(elapsed) => Err(io::Error::from(elapsed).into()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
