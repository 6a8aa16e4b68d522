//! Notifications, on a connection of their own.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::time::Duration;

use quintet::select;
use quintet::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config, Notification};

use crate::connect::{Driver, Error, connect};

/// After such a silence the server is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(10);
const REPLY_LIMIT: Duration = Duration::from_secs(5);

/// The notifications of a channel.
pub struct Notifications {
    client: Client,
    driver: Driver,
    /// Those that came while a reply was awaited.
    early: VecDeque<Notification>,
}

impl Notifications {
    /// Connects, and listens to `channel`.
    ///
    /// # Errors
    ///
    /// Returns that of the connection, and what Postgres reports.
    pub async fn listen(config: &Config, channel: &str) -> Result<Self, Error> {
        let (client, driver) = connect(config).await?;
        let mut notifications = Notifications {
            client,
            driver,
            early: VecDeque::new(),
        };
        let quoted = channel.replace('"', "\"\"");
        notifications
            .execute(&format!("LISTEN \"{quoted}\""))
            .await?;
        Ok(notifications)
    }

    /// Waits for the next one. What is sent while there is no connection is lost.
    ///
    /// # Errors
    ///
    /// Returns that of the connection, which has ended, or is silent.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no notification is lost.
    pub async fn next(&mut self) -> Result<Notification, Error> {
        loop {
            if let Some(notification) = self.early.pop_front() {
                return Ok(notification);
            }
            match timeout(SILENCE, next_message(&mut self.driver)).await {
                Ok(message) => self.early.extend(notification_of(message?)),
                Err(_silent) => self.execute("").await?,
            }
        }
    }

    /// Executes a statement while the connection is driven.
    async fn execute(&mut self, statement: &str) -> Result<(), Error> {
        let mut reply = pin!(timeout(REPLY_LIMIT, self.client.batch_execute(statement)));
        loop {
            select! {
                biased;
                reply = &mut reply => {
                    return match reply {
                        Ok(result) => Ok(result?),
                        Err(elapsed) => Err(Error::Io(elapsed.into())),
                    };
                }
                message = next_message(&mut self.driver) => {
                    self.early.extend(notification_of(message?));
                }
            }
        }
    }
}

async fn next_message(driver: &mut Driver) -> Result<AsyncMessage, Error> {
    match poll_fn(|cx| driver.poll_message(cx)).await {
        Some(message) => Ok(message?),
        None => Err(Error::Io(io::ErrorKind::ConnectionReset.into())),
    }
}

fn notification_of(message: AsyncMessage) -> Option<Notification> {
    match message {
        AsyncMessage::Notification(notification) => Some(notification),
        // A notice of the server.
        _ => None,
    }
}
