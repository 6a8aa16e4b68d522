//! The messages of the greeter, its service, and a client.

pub mod client;
pub mod service;

/// A person to greet.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Person {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// A greeting.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Greeting {
    /// What is said.
    #[prost(string, tag = "1")]
    pub text: String,
}

/// How far to count.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Limit {
    /// The first number that is not sent.
    #[prost(uint32, tag = "1")]
    pub end: u32,
    /// The pause before each number.
    #[prost(uint32, tag = "2")]
    pub millis: u32,
}

/// A number.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Number {
    /// Its value.
    #[prost(uint32, tag = "1")]
    pub value: u32,
}
