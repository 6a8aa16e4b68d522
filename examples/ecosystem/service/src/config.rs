//! The configuration, from the environment.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// All settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where it listens.
    pub addr: SocketAddr,
    /// How long a request may take.
    pub time_limit: Duration,
    /// How many connections it takes at once.
    pub connections_max: usize,
    /// How long it goes on serving after a signal, so that load balancers notice.
    pub leave_time: Duration,
    /// How long requests that have begun may take after that.
    pub drain_time: Duration,
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    name: &'static str,
    value: String,
    wanted: &'static str,
}

impl Config {
    /// Reads the settings; `get` is asked for each by its name.
    ///
    /// # Errors
    ///
    /// Returns the first setting that cannot be used.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let millis = |name, default| {
            let millis = setting(&get, name, default, "a number of milliseconds")?;
            Ok(Duration::from_millis(millis))
        };
        Ok(Config {
            addr: setting(
                &get,
                "SERVICE_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 8080)),
                "an address and a port, such as 0.0.0.0:8080",
            )?,
            time_limit: millis("SERVICE_TIME_LIMIT_MS", 10_000)?,
            connections_max: setting(&get, "SERVICE_CONNECTIONS_MAX", 10_000, "a number")?,
            leave_time: millis("SERVICE_LEAVE_MS", 0)?,
            drain_time: millis("SERVICE_DRAIN_MS", 10_000)?,
        })
    }
}

fn setting<T: FromStr>(
    get: impl Fn(&str) -> Option<String>,
    name: &'static str,
    default: T,
    wanted: &'static str,
) -> Result<T, ConfigError> {
    match get(name) {
        None => Ok(default),
        Some(value) => value.parse().map_err(|_| ConfigError {
            name,
            value,
            wanted,
        }),
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError {
            name,
            value,
            wanted,
        } = self;
        write!(f, "{name} is {value:?}; it must be {wanted}")
    }
}

impl std::error::Error for ConfigError {}
