//! Spans of tasks and events, for subscribers of the crate [`tracing`].
//!
//! With the feature `tracing`, a runtime tells the subscriber what it does, in the words of tokio,
//! so that what shows tasks of tokio also shows those of quintet. Without the feature, and with it
//! as long as no subscriber wants these spans, nothing is sent. All of them have the level
//! [`TRACE`](::tracing::Level::TRACE).
//!
//! # Spans
//!
//! Each task has a span with the name `runtime.spawn`. It begins when the task is spawned, is
//! entered for each poll and for the drop of the future, and ends when the future has been dropped,
//! before the task that awaits it runs.
//!
//! | Target | Field | Value |
//! |---|---|---|
//! | `tokio::task` | `kind` | `task`; `immediate` for [`set_immediate`](crate::task::set_immediate); `block_on` for the future of [`block_on`](crate::Runtime::block_on) |
//! | | `task.name` | the [name](crate::task::Builder::name), or an empty string |
//! | | `task.id` | the [id](crate::task::Id) |
//! | | `size.bytes` | how much memory its future or its output takes |
//! | | `loc.file`, `loc.line`, `loc.col` | where it was spawned |
//! | `tokio::task::blocking` | the same | a [job](crate::blocking), with the kind `blocking`; its span is entered on the thread that runs it |
//! | | `fn` | the type of the closure |
//!
//! The jobs with which this crate itself reads files or looks up names are among the jobs. The
//! children of a [`scope`](crate::task::scope) have no spans: they are polled by the task of the
//! scope, in its span.
//!
//! # Wakes
//!
//! Events with the target `tokio::task::waker` have the fields `op` and `task.id`, which is here,
//! as in tokio, not the id of the task but that of its span. `op` is `waker.wake_by_ref` for each
//! wake, whether it comes from a [`Waker`](std::task::Waker), a timer, a socket or a join handle.
//! `waker.clone` is sent once when a task begins, and `waker.drop` when it ends, for the waker that
//! the loop has of each task. Other clones are not sent, so the number of wakers that tokio-console
//! shows is 1 for each task that lives.
//!
//! # Spans of your own
//!
//! What is begun in a task belongs to no span of the code that has spawned the task. To let a
//! future run in the current span, instrument it; to let all tasks and jobs of a runtime do so, set
//! [`Builder::inherit_spans`](crate::runtime::Builder::inherit_spans).
//!
//! ```
//! use tracing::{Instrument, info, info_span};
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = quintet::runtime::Builder::new().inherit_spans(true).build()?;
//! runtime.block_on(async {
//!     let request = async {
//!         // In the span `request`, because the runtime lets tasks inherit it.
//!         let task = quintet::spawn(async { info!("half of the work") });
//!         info!("the other half");
//!         task.await
//!     };
//!     request.instrument(info_span!("request", id = 7)).await
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! # Reports
//!
//! Each [`Report`](crate::runtime::Report) is an event, too, with the target `quintet::report`, its
//! text as the message, its kind as the field `report` (for example `blocked`), and `task.id` and
//! `task.name` if it is about one task. The level of panics is `ERROR`, that of a dump `INFO`, and
//! that of all others `WARN`. It is sent on the thread that makes the report. Reports are still
//! written to standard error, unless [`Builder::quiet`](crate::runtime::Builder::quiet) is set.
//!
//! # The subscriber
//!
//! It may use the runtime that calls it: spawn tasks, wake them, send messages. What it causes in
//! this way is not sent to it again. If it panics, the panic hook is called, and the runtime goes
//! on.
//!
//! # tokio-console
//!
//! Its subscriber, of the crate `console-subscriber`, brings a server with a tokio runtime on a
//! thread of its own. Its build asks for a `cfg`, because it expects tokio's tasks, which have
//! spans only in its unstable builds:
//!
//! ```sh
//! RUSTFLAGS='--cfg console_without_tokio_unstable' cargo run
//! ```
//!
//! Call `console_subscriber::init()` before the runtime is built, and run `tokio-console` in
//! another terminal.
