//! Connections to Postgres on quintet's streams.

use std::io;
use std::path::Path;
use std::time::Duration;

use quintet::net::{TcpStream, UnixStream};
use quintet::time::timeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, NoTls};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const PORT: u16 = 5432;

/// A stream to Postgres, of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What drives a connection.
pub type Driver = tokio_postgres::Connection<Box<dyn Stream>, NoTlsStream>;

/// Why there is no connection, or no result of a statement.
#[derive(Debug)]
pub enum Error {
    /// Of the streams, and time limits.
    Io(io::Error),
    /// Of Postgres, and connections that are closed.
    Postgres(tokio_postgres::Error),
}

impl Error {
    /// Whether the same may succeed later, on another connection: the server cannot be reached, is
    /// starting or ending, or has closed the connection.
    pub fn is_passing(&self) -> bool {
        let Error::Postgres(error) = self else {
            return true;
        };
        match error.code() {
            Some(code) => {
                *code == SqlState::CANNOT_CONNECT_NOW
                    || *code == SqlState::TOO_MANY_CONNECTIONS
                    || *code == SqlState::ADMIN_SHUTDOWN
                    || *code == SqlState::CRASH_SHUTDOWN
            }
            // Without one it is that of the stream.
            None => true,
        }
    }

    /// What Postgres reports, if it does.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Error::Io(_) => None,
            Error::Postgres(error) => error.code(),
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Io(error) => error.fmt(f),
            Error::Postgres(error) => match error.as_db_error() {
                Some(reported) => reported.fmt(f),
                None => error.fmt(f),
            },
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Error::Postgres(error)
    }
}

/// Connects to the first of the hosts of `config` that accepts, with a time limit for each.
///
/// # Errors
///
/// Returns that of the last host.
pub async fn connect(config: &Config) -> Result<(Client, Driver), Error> {
    let missing = io::Error::new(io::ErrorKind::InvalidInput, "there is no host");
    let mut result = Err(Error::Io(missing));
    for (number, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        // One port may be that of all hosts.
        let port = ports.get(number).or(ports.first()).unwrap_or(&PORT);
        let attempt = async {
            let stream = open(host, *port).await?;
            Ok(config.connect_raw(stream, NoTls).await?)
        };
        result = match timeout(CONNECT_LIMIT, attempt).await {
            Ok(result) => result,
            Err(elapsed) => Err(Error::Io(elapsed.into())),
        };
        if result.is_ok() {
            break;
        }
    }
    result
}

async fn open(host: &Host, port: u16) -> io::Result<Box<dyn Stream>> {
    match host {
        Host::Tcp(name) => {
            let stream = TcpStream::connect((name.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        Host::Unix(directory) => open_unix(directory, port).await,
    }
}

async fn open_unix(directory: &Path, port: u16) -> io::Result<Box<dyn Stream>> {
    let socket = directory.join(format!(".s.PGSQL.{port}"));
    Ok(Box::new(UnixStream::connect(socket).await?))
}
