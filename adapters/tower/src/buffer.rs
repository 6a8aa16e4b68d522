//! A queue in front of a service.

use std::fmt;
use std::marker::PhantomData;

use tower::buffer::Buffer;
use tower::{BoxError, Layer, Service};

/// Puts a queue in front of the services that it wraps, so that they can be cloned and shared.
///
/// The service runs in a task of the current runtime, which ends when the last clone of the buffer
/// has been dropped. tower requires that it is `Send`.
///
/// # Panics
///
/// `layer` panics if no runtime is current.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
///
/// use quintet_tower::BufferLayer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # quintet::block_on(async {
/// // It cannot be cloned, because it has its own state.
/// let mut sum = 0;
/// let service = service_fn(move |add: u32| {
///     sum += add;
///     std::future::ready(Ok::<_, Infallible>(sum))
/// });
/// let shared = BufferLayer::new(16).layer(service);
/// assert_eq!(shared.clone().oneshot(1).await.unwrap(), 1);
/// assert_eq!(shared.oneshot(2).await.unwrap(), 3);
/// # });
/// ```
pub struct BufferLayer<R> {
    bound: usize,
    request: PhantomData<fn(R)>,
}

impl<R> BufferLayer<R> {
    /// Creates a layer whose queue takes `bound` requests. When it is full, the buffer is not
    /// ready.
    ///
    /// # Panics
    ///
    /// If `bound` is zero.
    #[track_caller]
    pub fn new(bound: usize) -> Self {
        assert!(bound > 0, "a buffer needs room for at least one request");
        BufferLayer {
            bound,
            request: PhantomData,
        }
    }
}

impl<S, R> Layer<S> for BufferLayer<R>
where
    S: Service<R, Error: Into<BoxError> + Send + Sync, Future: Send> + Send + 'static,
    R: Send + 'static,
{
    type Service = Buffer<R, S::Future>;

    #[track_caller]
    fn layer(&self, service: S) -> Self::Service {
        let (buffer, worker) = Buffer::pair(service, self.bound);
        drop(quintet::spawn(worker));
        buffer
    }
}

impl<R> Clone for BufferLayer<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for BufferLayer<R> {}

impl<R> fmt::Debug for BufferLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferLayer")
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::convert::Infallible;
    use std::future::poll_fn;
    use std::time::Duration;

    use tower::{ServiceExt, service_fn};

    use super::*;

    #[quintet::test(start_paused, leaks = "deny")]
    async fn a_full_queue_is_not_ready() {
        let slow = service_fn(async |n: u32| {
            quintet::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(n)
        });
        let mut shared = BufferLayer::new(1).layer(tower::limit::ConcurrencyLimit::new(slow, 1));
        let first = shared.ready().await.unwrap().call(1);
        quintet::task::yield_now().await;
        let second = shared.ready().await.unwrap().call(2);
        quintet::task::yield_now().await;
        let third = shared.ready().await.unwrap().call(3);
        let is_ready = poll_fn(|cx| std::task::Poll::Ready(shared.poll_ready(cx).is_ready())).await;
        assert!(!is_ready);
        assert_eq!(first.await.unwrap(), 1);
        assert_eq!(second.await.unwrap(), 2);
        assert_eq!(third.await.unwrap(), 3);
    }

    #[quintet::test]
    async fn an_error_of_the_service_reaches_the_caller() {
        let failing = service_fn(async |(): ()| Err::<(), _>("it fails".to_owned()));
        let shared = BufferLayer::new(4).layer(failing);
        let error = shared.oneshot(()).await.unwrap_err();
        assert_eq!(error.to_string(), "it fails");
    }

    #[test]
    #[should_panic(expected = "room for at least one")]
    fn a_buffer_without_room_panics() {
        BufferLayer::<()>::new(0);
    }
}
