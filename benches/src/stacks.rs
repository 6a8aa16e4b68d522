//! Servers by crates that people use on a runtime, and the load on them.
//!
//! Both runtimes take the same crates. What differs is what serves: `quintet_axum::serve` or
//! `axum::serve`, `quintet::hyper::serve` or tonic's `Server`, `quintet_tower_http` or tower-http's
//! own files, and the stream that rustls and tungstenite read and write.

#[cfg(not(feature = "adapters"))]
mod absent;
#[cfg(feature = "adapters")]
mod client;
#[cfg(feature = "adapters")]
mod grpc;
#[cfg(feature = "adapters")]
mod server;
#[cfg(feature = "adapters")]
mod tls;

#[cfg(not(feature = "adapters"))]
pub(crate) use self::absent::{connect, serve};
#[cfg(feature = "adapters")]
pub(crate) use self::client::connect;
#[cfg(feature = "adapters")]
pub(crate) use self::server::serve;

/// What a server does, and by which crates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    /// axum, a greeting.
    AxumHello,
    /// axum, a JSON of 10 KiB that is parsed and written again.
    AxumJson,
    /// tonic, a call with a message and a reply.
    TonicUnary,
    /// rustls, an echo over TLS 1.3.
    TlsEcho,
    /// tungstenite, an echo of messages.
    WebsocketEcho,
    /// tower-http's `ServeDir` in a router of axum, a file of 4 KiB.
    SmallFile,
    /// The same with a file of 1 MiB.
    LargeFile,
}

impl Stack {
    const ALL: [Stack; 7] = [
        Stack::AxumHello,
        Stack::AxumJson,
        Stack::TonicUnary,
        Stack::TlsEcho,
        Stack::WebsocketEcho,
        Stack::SmallFile,
        Stack::LargeFile,
    ];

    /// Returns the name on the command line of a server.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Stack::AxumHello => "axum-hello",
            Stack::AxumJson => "axum-json",
            Stack::TonicUnary => "tonic-unary",
            Stack::TlsEcho => "tls-echo",
            Stack::WebsocketEcho => "websocket-echo",
            Stack::SmallFile => "small-file",
            Stack::LargeFile => "large-file",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Stack::ALL.into_iter().find(|stack| stack.name() == name)
    }
}

/// Load on a server: sends so many requests, and returns the latency of each, in nanoseconds.
pub(crate) type Drive = Box<dyn FnMut(u64) -> std::io::Result<Vec<u64>>>;

/// Whether this build has the servers.
pub(crate) const ARE_BUILT: bool = cfg!(feature = "adapters");

#[cfg(all(test, feature = "adapters"))]
mod tests;
