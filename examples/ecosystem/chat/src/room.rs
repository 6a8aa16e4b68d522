//! The room: what one says, all hear.

use async_tungstenite::tungstenite::Message;
use futures::StreamExt;
use quintet::select;
use quintet::sync::broadcast::{self, error::RecvError};
use quintet::task::CancellationToken;
use quintet::time::{Duration, interval};

use crate::upgrade::Socket;

/// A client that is so many messages behind misses the oldest.
const BEHIND_MAX: usize = 64;

/// A client that is asked so often, and sends nothing, has gone.
const PING_PERIOD: Duration = Duration::from_secs(20);

/// The room, which may be cloned.
#[derive(Clone)]
pub struct Room {
    said: broadcast::Sender<String>,
}

impl Room {
    pub fn new() -> Self {
        Room {
            said: broadcast::channel(BEHIND_MAX).0,
        }
    }

    /// Lets a client take part until it goes, or until `stop`.
    pub async fn join(self, mut socket: Socket, stop: CancellationToken) {
        let mut heard = self.said.subscribe();
        let mut ping = interval(PING_PERIOD);
        let mut is_heard_from = true;
        loop {
            let message = select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        // There is at least this client to hear it.
                        let _heard = self.said.send(text.to_string());
                        is_heard_from = true;
                        continue;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {
                        is_heard_from = true;
                        continue;
                    }
                },
                text = heard.recv() => match text {
                    Ok(text) => Message::text(text),
                    Err(RecvError::Lagged(missed)) => {
                        Message::text(format!("({missed} messages were missed)"))
                    }
                    Err(RecvError::Closed) => break,
                },
                _ = ping.tick() => {
                    if !std::mem::take(&mut is_heard_from) {
                        break;
                    }
                    Message::Ping(Vec::new().into())
                }
                () = stop.cancelled() => break,
            };
            if socket.send(message).await.is_err() {
                return;
            }
        }
        // The client may have gone already.
        let _gone = socket.close(None).await;
    }
}
