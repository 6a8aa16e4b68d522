//! How long a connection may wait, and for what.
//!
//! A connection has one timer. A request does not move it: when it fires, the connection compares
//! how long it has waited with how long it may, and sets it again if the time has not come. So a
//! request costs a reading of the clock, and no timer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::activity::Activity;
use super::stop::Stop;
use crate::task::WaitForCancellationFutureOwned;
use crate::time::{Instant, Sleep, sleep_until};

/// How long a connection may wait; `None` is for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) header: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) write: Option<Duration>,
    pub(super) quiet: Duration,
}

/// A connection that can be told to end.
pub(super) trait Drive: Future {
    /// Whether requests have no head that could be waited for, and the end is a frame.
    const IS_HTTP2: bool = false;

    /// Makes it end when what it does is done.
    fn graceful_shutdown(self: Pin<&mut Self>);
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The head of the first request, or the rest of another one's.
    Head,
    /// A request.
    Idle,
    /// A request that was sent before the client could know that the server stops.
    Quiet,
    /// The end, after it has been told.
    End,
}

/// What to do with a connection.
enum Expired {
    Close,
    TimedOut(&'static str),
}

/// Watches over one connection.
pub(super) struct Deadlines {
    activity: Arc<Activity>,
    limits: Rc<Limits>,
    stop: Stop,
    stop_begun: WaitForCancellationFutureOwned,
    /// Whether `stop_begun` has been polled. That is done once, because the task of a connection
    /// has one waker.
    is_registered: bool,
    is_http2: bool,
    is_told: bool,
    /// What it waits for, and since when.
    waits: Option<(Wait, Instant)>,
    /// [`Activity::requests`] when that began. A request that is handled at once is not seen as
    /// [`Activity::is_busy`].
    requests: u32,
    timer: Option<Sleep>,
}

impl Deadlines {
    pub(super) fn new(activity: Arc<Activity>, limits: Rc<Limits>, stop: Stop) -> Self {
        Deadlines {
            activity,
            limits,
            stop_begun: stop.begun(),
            stop,
            is_registered: false,
            is_http2: false,
            is_told: false,
            waits: None,
            requests: 0,
            timer: None,
        }
    }

    /// Runs `connection` to its end.
    ///
    /// # Errors
    ///
    /// Returns `TimedOut` if it has waited for too long.
    pub(super) async fn run<F: Drive>(
        &mut self,
        mut connection: Pin<&mut F>,
    ) -> io::Result<F::Output> {
        self.is_http2 = F::IS_HTTP2;
        poll_fn(|cx| {
            self.activity.note_poll();
            loop {
                if let Poll::Ready(output) = connection.as_mut().poll(cx) {
                    return Poll::Ready(Ok(output));
                }
                match ready!(self.poll(cx)) {
                    Expired::Close => connection.as_mut().graceful_shutdown(),
                    Expired::TimedOut(what) => {
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)));
                    }
                }
            }
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        if !self.is_registered {
            self.is_registered = true;
            // What it says is read from `stop`.
            let _ = Pin::new(&mut self.stop_begun).poll(cx);
        }
        let is_stopping = self.stop.is_stopping();
        if is_stopping && self.is_http2 && !self.is_told {
            self.is_told = true;
            return Poll::Ready(Expired::Close);
        }
        if self.activity.is_busy() {
            self.waits = None;
            return Poll::Pending;
        }
        let wait = self.wait(is_stopping);
        let since = match self.waits {
            Some((before, since))
                if before == wait && self.requests == self.activity.requests() =>
            {
                since
            }
            _ => self.begin(wait),
        };
        let Some(limit) = self.limit(wait) else {
            return Poll::Pending;
        };
        ready!(self.poll_timer(cx, since + limit));
        self.waits = None;
        Poll::Ready(match wait {
            Wait::Head => {
                Expired::TimedOut("the client has not sent the head of a request in time")
            }
            Wait::End => Expired::TimedOut("the client has not closed the connection in time"),
            Wait::Idle | Wait::Quiet => {
                self.is_told = true;
                Expired::Close
            }
        })
    }

    fn wait(&self, is_stopping: bool) -> Wait {
        if self.is_told {
            Wait::End
        } else if self.is_http2 {
            Wait::Idle
        } else if self.activity.has_read() {
            Wait::Head
        } else if is_stopping {
            Wait::Quiet
        } else if self.activity.is_new() {
            Wait::Head
        } else {
            Wait::Idle
        }
    }

    fn begin(&mut self, wait: Wait) -> Instant {
        let now = Instant::now();
        self.waits = Some((wait, now));
        self.requests = self.activity.requests();
        now
    }

    fn limit(&self, wait: Wait) -> Option<Duration> {
        match wait {
            Wait::Head | Wait::End => self.limits.header,
            Wait::Idle => self.limits.idle,
            Wait::Quiet => Some(self.limits.quiet),
        }
    }

    /// Waits until `deadline`, with a timer that may fire before.
    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| sleep_until(deadline));
        if timer.deadline() > deadline {
            Pin::new(&mut *timer).reset(deadline);
        }
        while Pin::new(&mut *timer).poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                self.timer = None;
                return Poll::Ready(());
            }
            Pin::new(&mut *timer).reset(deadline);
        }
        Poll::Pending
    }
}
