//! The parts of the service that its tests use, too.

pub mod config;
pub mod readiness;
pub mod routes;
