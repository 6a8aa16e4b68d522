//! At most so many requests in a time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use quintet::time::{Instant, Sleep, sleep_until};
use tower::{Layer, Service};

/// Lets the services that it wraps take at most so many requests in a time.
#[derive(Clone, Copy, Debug)]
pub struct RateLimitLayer {
    rate: Rate,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    requests: u64,
    per: Duration,
}

impl Rate {
    #[track_caller]
    fn new(requests: u64, per: Duration) -> Self {
        assert!(
            requests > 0 && !per.is_zero(),
            "a rate limit needs at least one request and a time longer than zero"
        );
        Rate { requests, per }
    }
}

impl RateLimitLayer {
    /// Creates a layer that allows `requests` in each period of the length `per`.
    ///
    /// # Panics
    ///
    /// If one of them is zero.
    #[track_caller]
    pub fn new(requests: u64, per: Duration) -> Self {
        RateLimitLayer {
            rate: Rate::new(requests, per),
        }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, service: S) -> RateLimit<S> {
        RateLimit::with_rate(service, self.rate)
    }
}

/// A service that takes at most so many requests in a time. When these are used up, it is not ready
/// until the period has ended, which began with the first of them.
#[derive(Debug)]
pub struct RateLimit<S> {
    service: S,
    rate: Rate,
    /// When the period ends, and how many requests it has left.
    period: (Instant, u64),
    /// The end of the period, while it is awaited.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<S> RateLimit<S> {
    /// Wraps a service, which then takes `requests` in each period of the length `per`.
    ///
    /// # Panics
    ///
    /// If one of them is zero.
    #[track_caller]
    pub fn new(service: S, requests: u64, per: Duration) -> Self {
        RateLimit::with_rate(service, Rate::new(requests, per))
    }

    fn with_rate(service: S, rate: Rate) -> Self {
        RateLimit {
            service,
            rate,
            period: (Instant::now(), 0),
            sleep: None,
        }
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

impl<S, R> Service<R> for RateLimit<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let (ends, left) = self.period;
        if left == 0 && Instant::now() < ends {
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(sleep_until(ends)));
            ready!(sleep.as_mut().poll(cx));
        }
        self.sleep = None;
        self.service.poll_ready(cx)
    }

    /// # Panics
    ///
    /// If the service is not ready.
    #[track_caller]
    fn call(&mut self, request: R) -> S::Future {
        let now = Instant::now();
        if now >= self.period.0 {
            self.period = (now + self.rate.per, self.rate.requests);
        }
        let (_, left) = &mut self.period;
        assert!(
            *left > 0,
            "a `RateLimit` was called before `poll_ready` has returned `Ready`"
        );
        *left -= 1;
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::convert::Infallible;

    use tower::{ServiceExt, service_fn};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The second, from the beginning, in which each request was handled.
    async fn seconds(requests: u64, per: Duration, count: usize) -> Vec<u64> {
        let begun = Instant::now();
        let service = service_fn(async |(): ()| Ok::<_, Infallible>(Instant::now()));
        let mut service = RateLimitLayer::new(requests, per).layer(service);
        let mut seconds = Vec::new();
        for _ in 0..count {
            let handled = service.ready().await.unwrap().call(()).await.unwrap();
            seconds.push(handled.duration_since(begun).as_secs());
        }
        seconds
    }

    #[quintet::test(start_paused)]
    async fn requests_above_the_rate_wait_for_the_next_period() {
        assert_eq!(seconds(2, SECOND, 7).await, [0, 0, 1, 1, 2, 2, 3]);
        assert_eq!(seconds(1, 3 * SECOND, 3).await, [0, 3, 6]);
    }

    #[quintet::test(start_paused)]
    async fn a_period_begins_with_its_first_request() {
        let service = service_fn(async |(): ()| Ok::<_, Infallible>(Instant::now()));
        let mut service = RateLimit::new(service, 1, 2 * SECOND);
        quintet::time::sleep(5 * SECOND).await;
        let first = service.ready().await.unwrap().call(()).await.unwrap();
        let second = service.ready().await.unwrap().call(()).await.unwrap();
        assert_eq!(second - first, 2 * SECOND);
    }

    #[quintet::test]
    #[should_panic(expected = "before `poll_ready`")]
    async fn a_call_of_a_service_that_is_not_ready_panics() {
        let service = service_fn(async |(): ()| Ok::<_, Infallible>(()));
        let mut service = RateLimit::new(service, 1, 60 * SECOND);
        service.call(()).await.unwrap();
        service.call(()).await.unwrap();
    }

    #[test]
    #[should_panic(expected = "at least one request")]
    fn a_rate_of_zero_panics() {
        RateLimitLayer::new(0, SECOND);
    }
}
