//! A client.

use futures::Stream;
use quintet::hyper::Executor;
use quintet_hyper_util::Connector;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::{Greeting, Limit, Number, Person};

/// A client of the greeter. Clones share a connection, which is made again if it breaks.
#[derive(Clone, Debug)]
pub struct Client {
    grpc: Grpc<Channel>,
}

impl Client {
    /// Connects to a server, such as `http://127.0.0.1:50051`.
    ///
    /// # Errors
    ///
    /// Returns the reason, if it cannot connect.
    pub async fn connect(url: &str) -> Result<Self, tonic::transport::Error> {
        // Without tonic's time limits, which need tokio: use `quintet::time::timeout`.
        let endpoint = Endpoint::from_shared(url.to_owned())?.executor(Executor::new());
        let channel = endpoint.connect_with_connector(Connector::new()).await?;
        Ok(Client::new(channel))
    }

    /// A client on a channel that was connected in another way.
    pub fn new(channel: Channel) -> Self {
        let grpc = Grpc::new(channel);
        Client { grpc }
    }

    async fn ready(&mut self) -> Result<(), Status> {
        let ready = self.grpc.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))
    }

    /// Asks for a greeting.
    ///
    /// # Errors
    ///
    /// Returns the status of the call, as all methods do.
    pub async fn greet(&mut self, name: &str) -> Result<Greeting, Status> {
        self.ready().await?;
        let name = name.to_owned();
        let path = PathAndQuery::from_static("/greeter.Greeter/Greet");
        let request = Request::new(Person { name });
        let reply = self
            .grpc
            .unary(request, path, ProstCodec::default())
            .await?;
        Ok(reply.into_inner())
    }

    /// Asks for numbers.
    pub async fn count(&mut self, limit: Limit) -> Result<Streaming<Number>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/greeter.Greeter/Count");
        let codec = ProstCodec::default();
        let replies = self.grpc.server_streaming(Request::new(limit), path, codec);
        Ok(replies.await?.into_inner())
    }

    /// Sends persons, and receives a greeting for each.
    pub async fn chat(
        &mut self,
        persons: impl Stream<Item = Person> + Send + 'static,
    ) -> Result<Streaming<Greeting>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/greeter.Greeter/Chat");
        let codec = ProstCodec::default();
        let replies = self.grpc.streaming(Request::new(persons), path, codec);
        Ok(replies.await?.into_inner())
    }
}
