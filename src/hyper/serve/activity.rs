//! What a connection does: its requests are counted, and its stream notes what it has read.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use ::hyper::body::{Body, Frame, Incoming, SizeHint};
use ::hyper::header::{CONNECTION, HeaderValue};
use ::hyper::service::Service;
use ::hyper::{Request, Response, Version};
use pin_project_lite::pin_project;

use super::stop::Stop;

/// What is known about a connection. Its stream has a part in it and must be `Send`, because it may
/// be passed on by an upgrade, so these are atomics. While hyper has the stream, only one thread
/// uses them.
#[derive(Debug)]
pub(super) struct Activity {
    /// How many requests have been received whose responses hyper does not have as a whole.
    running: AtomicUsize,
    /// How many requests there were, modulo its size.
    requests: AtomicU32,
    /// Whether hyper has something to send that the client has no room for.
    is_blocked: AtomicBool,
    /// Whether there has been no request.
    is_new: AtomicBool,
    /// Whether something has been received since the last request.
    has_read: AtomicBool,
    /// Whether the last request has a body, which may not have been received as a whole.
    has_body: AtomicBool,
    /// Whether hyper has passed on the stream.
    is_upgraded: AtomicBool,
    /// The number of the current poll of the connection's task; 0 if that does not poll it.
    poll_number: AtomicU32,
}

impl Activity {
    pub(super) fn new() -> Self {
        Activity {
            running: AtomicUsize::new(0),
            requests: AtomicU32::new(0),
            is_blocked: AtomicBool::new(false),
            is_new: AtomicBool::new(true),
            has_read: AtomicBool::new(false),
            has_body: AtomicBool::new(false),
            is_upgraded: AtomicBool::new(false),
            poll_number: AtomicU32::new(0),
        }
    }

    /// Whether the client waits for a response, or receives one.
    pub(super) fn is_busy(&self) -> bool {
        self.running.load(Ordering::Relaxed) > 0 || self.is_blocked.load(Ordering::Relaxed)
    }

    /// Returns a number that changes with each request.
    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn set_blocked(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    pub(super) fn is_new(&self) -> bool {
        self.is_new.load(Ordering::Relaxed)
    }

    /// Whether a part of the next request's head may have been received.
    pub(super) fn has_read(&self) -> bool {
        self.has_read.load(Ordering::Relaxed)
    }

    /// Notes that bytes have been received.
    pub(super) fn note_read(&self) {
        self.has_read.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending something that has not been read.
    pub(super) fn may_have_more(&self) -> bool {
        self.has_read() || self.has_body()
    }

    /// Whether the last request has a body, which may not have been received as a whole.
    pub(super) fn has_body(&self) -> bool {
        self.has_body.load(Ordering::Relaxed)
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.is_upgraded.load(Ordering::Relaxed)
    }

    /// Notes that the connection's task polls it.
    pub(super) fn note_poll(&self) {
        let number = self.poll_number.load(Ordering::Relaxed).wrapping_add(1);
        self.poll_number.store(number.max(1), Ordering::Relaxed);
    }

    /// Returns the number of the current poll, or 0 if other tasks poll the stream.
    pub(super) fn poll_number(&self) -> u32 {
        self.poll_number.load(Ordering::Relaxed)
    }

    /// Notes that the connection has ended. If there still is a stream, hyper has passed it on.
    pub(super) fn note_end(&self) {
        self.poll_number.store(0, Ordering::Relaxed);
        self.is_upgraded.store(true, Ordering::Relaxed);
    }

    fn begin(&self, has_body: bool) {
        let running = self.running.load(Ordering::Relaxed);
        self.running.store(running + 1, Ordering::Relaxed);
        let requests = self.requests.load(Ordering::Relaxed);
        self.requests
            .store(requests.wrapping_add(1), Ordering::Relaxed);
        self.is_new.store(false, Ordering::Relaxed);
        self.has_read.store(false, Ordering::Relaxed);
        self.has_body.store(has_body, Ordering::Relaxed);
    }

    fn end(&self) {
        let running = self.running.load(Ordering::Relaxed);
        self.running.store(running - 1, Ordering::Relaxed);
        self.has_read.store(false, Ordering::Relaxed);
    }
}

/// Counts a request until it is dropped.
struct RequestCount(Arc<Activity>);

impl Drop for RequestCount {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A user's service whose requests are counted.
pub(super) struct CountedService<S> {
    service: S,
    activity: Arc<Activity>,
    stop: Stop,
}

impl<S> CountedService<S> {
    pub(super) fn new(service: S, activity: Arc<Activity>, stop: Stop) -> Self {
        CountedService {
            service,
            activity,
            stop,
        }
    }
}

impl<S, B> Service<Request<Incoming>> for CountedService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = CountedFuture<S::Future>;

    fn call(&self, request: Request<Incoming>) -> CountedFuture<S::Future> {
        // Of HTTP/2, a whole connection is told to end by a frame.
        let is_closed_by_header = request.version() <= Version::HTTP_11;
        // Other streams of HTTP/2 may have one, and it costs to ask this one.
        let has_body = !is_closed_by_header || !request.body().is_end_stream();
        self.activity.begin(has_body);
        let running = RequestCount(Arc::clone(&self.activity));
        CountedFuture {
            future: self.service.call(request),
            running: Some(running),
            stop: is_closed_by_header.then(|| self.stop.clone()),
        }
    }
}

pin_project! {
    /// A response that is being made.
    pub(super) struct CountedFuture<F> {
        #[pin]
        future: F,
        running: Option<RequestCount>,
        // That of the server, if a header of the response says that the connection ends.
        stop: Option<Stop>,
    }
}

impl<F, B, E> Future for CountedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<CountedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.future.poll(cx))?;
        // An upgrade has a header `Connection` with another meaning.
        if this.stop.as_ref().is_some_and(Stop::is_stopping)
            && !response.status().is_informational()
        {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        let running = this.running.take();
        Poll::Ready(Ok(response.map(|body| CountedBody { body, running })))
    }
}

pin_project! {
    /// The body of a response that is being sent.
    pub(super) struct CountedBody<B> {
        #[pin]
        body: B,
        running: Option<RequestCount>,
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
