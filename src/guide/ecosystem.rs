//! Crates that run on quintet.
//!
//! Each of these programs is in `examples/ecosystem` of the repository, and is tested there with
//! the versions of this table. "Further crates" counts what the program compiles besides quintet.
//!
#![doc = include_str!("ecosystem.md")]
//!
//! # Ways to use a crate
//!
//! **As it is.** A crate that takes streams with the traits of `futures`, of tokio (feature
//! `tokio-io`) or of hyper (feature `hyper`) takes all of ours: codecs, TLS, websockets, protocols
//! of databases. So do crates that need no runtime at all.
//!
//! **By an adapter.** A crate with a trait for runtimes has an adapter: a feature of this crate, or
//! a crate beside it if its version is below 1.
//!
//! **As the guest of tokio.** A crate that calls `tokio::spawn`, or awaits tokio's timers and
//! sockets, needs a context of tokio. `#[quintet::main(tokio)]`, with the feature `tokio`, has one
//! on the same thread; see the module `compat`.
//!
//! # What is known of others
//!
//! | crate | |
//! |---|---|
//! | `opentelemetry` | its batch exporters have threads of their own or take a runtime by a trait; read, not tried |
//! | `aws-smithy` | takes a sleep and an HTTP client by traits, so an adapter is possible; with its defaults it needs a context of tokio; read, not tried |
//! | `rdkafka` | has threads of its own; its `StreamConsumer` wakes any waker, and takes a sleep by a trait; read, not tried |
//! | `hickory-resolver` | takes sockets and timers by a trait; bring it as a [`Resolver`](crate::net::Resolver); read, not tried |
//! | `tokio_util::udp::UdpFramed` | impossible on our sockets: it names tokio's `UdpSocket` |
//! | `tokio::task::block_in_place` within a library | impossible: it panics on every current-thread runtime |
