//! A service of gRPC and a call of it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

/// The head of a call, compressed: `POST http://localhost/greeter.Greeter/Greet`, with the type of
/// gRPC's messages and `te: trailers`. No field is added to the table of the server.
pub(super) const HEAD: &[u8] = b"\x83\x86\x04\x16/greeter.Greeter/Greet\x01\x09localhost\
    \x0f\x10\x10application/grpc\x00\x02te\x08trailers";

/// The message of a call: not compressed, seven bytes, whose first field is the text `world`.
pub(super) const CALL: &[u8] = b"\x00\x00\x00\x00\x07\x0a\x05world";

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Person {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Greeting {
    #[prost(string, tag = "1")]
    text: String,
}

/// The server of the service, as `tonic-build` writes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greeter.Greeter";
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async {
            Ok(match request.uri().path() {
                "/greeter.Greeter/Greet" => {
                    Grpc::new(ProstCodec::default()).unary(Greet, request).await
                }
                path => Status::unimplemented(path).into_http(),
            })
        })
    }
}

/// The method.
struct Greet;

impl UnaryService<Person> for Greet {
    type Response = Greeting;
    type Future = Boxed<Result<Response<Greeting>, Status>>;

    fn call(&mut self, request: Request<Person>) -> Self::Future {
        Box::pin(async move {
            let text = format!("hello {}", request.get_ref().name);
            Ok(Response::new(Greeting { text }))
        })
    }
}
