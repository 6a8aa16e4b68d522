//! Requests that fail after a time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use quintet::time::{Sleep, sleep};
use tower::timeout::error::Elapsed;
use tower::{BoxError, Layer, Service};

/// Gives the services that it wraps a time limit for each request.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    limit: Duration,
}

impl TimeoutLayer {
    /// Creates a layer with a time limit for each request.
    pub const fn new(limit: Duration) -> Self {
        TimeoutLayer { limit }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, service: S) -> Timeout<S> {
        Timeout::new(service, self.limit)
    }
}

/// A service with a time limit for each request, from the call on. The time in which the service is
/// not ready does not count.
///
/// # Errors
///
/// A request that takes longer fails with tower's [`Elapsed`], and the future of the service is
/// dropped with that of the request.
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    service: S,
    limit: Duration,
}

impl<S> Timeout<S> {
    /// Wraps a service.
    pub const fn new(service: S, limit: Duration) -> Self {
        Timeout { service, limit }
    }

    /// Returns the service.
    pub fn get_ref(&self) -> &S {
        &self.service
    }

    /// Returns the service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.service
    }

    /// Returns the service, without the limit.
    pub fn into_inner(self) -> S {
        self.service
    }
}

impl<S, R> Service<R> for Timeout<S>
where
    S: Service<R, Error: Into<BoxError>>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = TimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        TimeoutFuture {
            response: self.service.call(request),
            sleep: sleep(self.limit),
        }
    }
}

pin_project! {
    /// The future of a request to a [`Timeout`].
    #[derive(Debug)]
    pub struct TimeoutFuture<F> {
        #[pin]
        response: F,
        #[pin]
        sleep: Sleep,
    }
}

impl<F, T, E> Future for TimeoutFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // First, so a response that is there is not thrown away.
        if let Poll::Ready(response) = this.response.poll(cx) {
            return Poll::Ready(response.map_err(Into::into));
        }
        this.sleep.poll(cx).map(|()| Err(Elapsed::new().into()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::cell::Cell;
    use std::convert::Infallible;
    use std::rc::Rc;

    use quintet::time::Instant;
    use tower::{ServiceExt, service_fn};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[quintet::test(start_paused)]
    async fn a_slow_request_fails_and_is_dropped() {
        let held = Rc::new(());
        let kept = Rc::clone(&held);
        let slow = service_fn(move |(): ()| {
            let held = Rc::clone(&kept);
            async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok::<_, Infallible>(())
            }
        });
        let begun = Instant::now();
        let mut service = TimeoutLayer::new(LIMIT).layer(slow);
        let error = service.ready().await.unwrap().call(()).await.unwrap_err();
        assert!(error.is::<Elapsed>(), "{error}");
        assert_eq!(begun.elapsed(), LIMIT);
        assert_eq!(Rc::strong_count(&held), 2, "that of the service");
    }

    #[quintet::test(start_paused)]
    async fn a_response_and_an_error_in_time_are_passed_on() {
        let service = service_fn(async |wait: Duration| {
            sleep(wait).await;
            if wait < LIMIT / 2 {
                Ok(wait)
            } else {
                Err("too long".to_owned())
            }
        });
        let layered = Timeout::new(service, LIMIT);
        let second = Duration::from_secs(1);
        assert_eq!(layered.clone().oneshot(second).await.unwrap(), second);
        let error = layered.clone().oneshot(LIMIT - second).await.unwrap_err();
        assert_eq!(error.to_string(), "too long");
        // Both are due: the response counts.
        let error = layered.oneshot(LIMIT).await.unwrap_err();
        assert_eq!(error.to_string(), "too long");
    }

    #[quintet::test(start_paused)]
    async fn the_time_until_the_service_is_ready_does_not_count() {
        struct Late {
            sleep: Pin<Box<Sleep>>,
            calls: Rc<Cell<u32>>,
        }
        impl Service<()> for Late {
            type Response = ();
            type Error = Infallible;
            type Future = std::future::Ready<Result<(), Infallible>>;

            fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                self.sleep.as_mut().poll(cx).map(Ok)
            }

            fn call(&mut self, (): ()) -> Self::Future {
                self.calls.set(self.calls.get() + 1);
                std::future::ready(Ok(()))
            }
        }
        let calls = Rc::new(Cell::new(0));
        let late = Late {
            sleep: Box::pin(sleep(LIMIT * 2)),
            calls: Rc::clone(&calls),
        };
        Timeout::new(late, LIMIT).oneshot(()).await.unwrap();
        assert_eq!(calls.get(), 1);
    }
}
