//! The service.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use quintet::time::sleep;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

use crate::{Greeting, Limit, Number, Person};

/// The greeter: what `tonic-build` would write for `greeter.proto`, and the methods.
#[derive(Clone, Copy, Debug, Default)]
pub struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greeter.Greeter";
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let response = match request.uri().path() {
                "/greeter.Greeter/Greet" => {
                    let mut grpc = Grpc::new(ProstCodec::default());
                    grpc.unary(service_fn(greet), request).await
                }
                "/greeter.Greeter/Count" => {
                    let mut grpc = Grpc::new(ProstCodec::default());
                    grpc.server_streaming(service_fn(count), request).await
                }
                "/greeter.Greeter/Chat" => {
                    let mut grpc = Grpc::new(ProstCodec::default());
                    grpc.streaming(service_fn(chat), request).await
                }
                path => Status::unimplemented(path).into_http(),
            };
            Ok(response)
        })
    }
}

fn greeting(person: &Person) -> Result<Greeting, Status> {
    match &*person.name {
        "" => Err(Status::invalid_argument("a name is wanted")),
        name => Ok(Greeting {
            text: format!("hello {name}"),
        }),
    }
}

async fn greet(request: Request<Person>) -> Result<Response<Greeting>, Status> {
    greeting(request.get_ref()).map(Response::new)
}

type Replies<T> = Response<Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>>;

async fn count(request: Request<Limit>) -> Result<Replies<Number>, Status> {
    let Limit { end, millis } = request.into_inner();
    let numbers = stream::iter(0..end).then(move |value| async move {
        sleep(Duration::from_millis(millis.into())).await;
        Ok(Number { value })
    });
    Ok(Response::new(numbers.boxed()))
}

/// Greets each as soon as it comes.
async fn chat(request: Request<Streaming<Person>>) -> Result<Replies<Greeting>, Status> {
    let persons = request.into_inner();
    let greetings = persons.map(|person| greeting(&person?));
    Ok(Response::new(greetings.boxed()))
}
