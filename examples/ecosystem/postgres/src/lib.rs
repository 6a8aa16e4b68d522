//! Accounts in Postgres; see the README.

pub mod accounts;
pub mod connect;
pub mod notifications;
pub mod pool;
