//! The servers, and which of them are well.

use std::cell::Cell;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Uri;
use hyper::http::uri::Authority;
use quintet::task::JoinSet;
use quintet::time::{interval, timeout};
use quintet_hyper_util::{Client, client};

/// How long a server has to respond to a health check.
const CHECK_TIME: Duration = Duration::from_secs(2);

/// The servers that get requests, in turn.
pub struct Servers {
    servers: Vec<Server>,
    next: Cell<usize>,
}

struct Server {
    authority: Authority,
    is_well: Cell<bool>,
}

impl Servers {
    /// Takes the servers by host and port. All count as well until they are checked.
    pub fn new(names: impl Iterator<Item = String>) -> Result<Self, String> {
        let server = |name: String| match name.parse() {
            Ok(authority) => Ok(Server {
                authority,
                is_well: Cell::new(true),
            }),
            Err(error) => Err(format!("`{name}` is no host and port: {error}")),
        };
        let servers: Vec<Server> = names.map(server).collect::<Result<_, _>>()?;
        if servers.is_empty() {
            return Err("usage: reverse_proxy ADDR SERVER...".to_owned());
        }
        Ok(Servers {
            servers,
            next: Cell::new(0),
        })
    }

    /// The servers to try for a request: those that are well, and then the rest, because a check
    /// may be old. Each request begins with another one.
    pub fn in_turn(&self) -> Vec<Authority> {
        let begin = self.next.get() % self.servers.len();
        self.next.set(begin + 1);
        let (before, after) = self.servers.split_at(begin);
        let mut turn: Vec<&Server> = after.iter().chain(before).collect();
        turn.sort_by_key(|server| !server.is_well.get());
        turn.into_iter()
            .map(|server| server.authority.clone())
            .collect()
    }

    /// Notes that a server cannot be reached.
    pub fn note_failure(&self, authority: &Authority) {
        let mut servers = self.servers.iter();
        if let Some(server) = servers.find(|server| server.authority == *authority) {
            server.is_well.set(false);
        }
    }

    /// Asks each server for `/`, again and again. It is well if it responds without a server
    /// error.
    pub async fn check_forever(self: Rc<Self>, period: Duration) {
        let client = client::<Empty<Bytes>>();
        let mut interval = interval(period);
        loop {
            interval.tick().await;
            let mut checks = JoinSet::new();
            for index in 0..self.servers.len() {
                let (servers, client) = (Rc::clone(&self), client.clone());
                checks.spawn(async move { servers.servers[index].check(&client).await });
            }
            checks.join_all().await;
        }
    }

    /// A line for each server.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for server in &self.servers {
            let state = if server.is_well.get() { "well" } else { "down" };
            // A string takes everything.
            let _written = writeln!(text, "{} {state}", server.authority);
        }
        text
    }
}

impl Server {
    async fn check(&self, client: &Client<Empty<Bytes>>) {
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.authority.clone())
            .path_and_query("/")
            .build()
            .expect("these are the parts of a URI");
        let response = timeout(CHECK_TIME, client.get(uri)).await;
        let is_well = matches!(response, Ok(Ok(response)) if !response.status().is_server_error());
        self.is_well.set(is_well);
    }
}
