//! What you can rely on from one version to the next.
//!
//! # Versions
//!
//! Quintet follows semantic versioning as Cargo understands it. Before 1.0, a new minor version
//! (0.2, 0.3) may break programs, and a new patch version does not.
//!
//! Part of the promise, besides types and signatures:
//!
//! - **The order of events** of [`order`](crate::order). A change of a rule is a breaking change.
//! - **Errors by kind**: the [`ErrorKind`](std::io::ErrorKind)s that the documentation names. Their
//!   texts may change.
//! - **Cancel safety** and **panics**, as documented for each function.
//! - **Auto traits**: a type that is `Send`, `Sync` or `Unpin` stays so.
//!
//! Not part of it: the texts of messages, reports and dumps; which of several orders a seed
//! chooses; anything under `__private`; how many system calls, allocations or threads an operation
//! needs.
//!
//! # Rust versions
//!
//! The minimum supported Rust version is 1.88. A minor version may raise it, to a version that is
//! at least six months old; a patch version does not.
//!
//! # Public dependencies
//!
//! Traits of `futures` 0.3, `SockRef` of `socket2` 0.6 (returned by `sock_ref` of sockets) and,
//! with the feature `hyper`, traits of `hyper` 1 are part of the public interface. A new major
//! version of one of them is a breaking change here.
//!
//! # Until 1.0
//!
//! - standard streams;
//! - platforms other than Linux;
//! - a year of use in services without a change of a rule of `order`.
