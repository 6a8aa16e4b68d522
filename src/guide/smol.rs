//! Coming from smol.
//!
//! Quintet has one executor on each thread, the loop, and no global one. There is no background
//! thread that drives I/O: sockets and timers work where a loop runs.
//!
//! ```
//! use futures::io::{AsyncReadExt, AsyncWriteExt};
//! use quintet::net::{TcpListener, TcpStream};
//!
//! fn main() -> std::io::Result<()> {
//!     quintet::block_on(async {
//!         let listener = TcpListener::bind("127.0.0.1:0").await?;
//!         let addr = listener.local_addr()?;
//!         let server = quintet::spawn(async move {
//!             let (mut stream, _) = listener.accept().await?;
//!             AsyncWriteExt::write_all(&mut stream, b"hello").await
//!         });
//!
//!         let mut stream = TcpStream::connect(addr).await?;
//!         let mut text = String::new();
//!         AsyncReadExt::read_to_string(&mut stream, &mut text).await?;
//!         server.await??;
//!         assert_eq!(text, "hello");
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # Names
//!
//! | smol | quintet |
//! |---|---|
//! | `smol::block_on` | [`block_on`](crate::block_on), which makes a runtime for the call |
//! | `smol::spawn`, `LocalExecutor::spawn` | [`spawn`](crate::spawn) |
//! | `Task`, which cancels when it is dropped | [`AbortOnDropHandle`](crate::task::AbortOnDropHandle) |
//! | `Task::detach` | drop the [`JoinHandle`](crate::task::JoinHandle) |
//! | `Task::cancel().await` | [`abort`](crate::task::JoinHandle::abort), then await the handle |
//! | `smol::unblock` | [`spawn_blocking`](crate::spawn_blocking), [`spawn_cpu`](crate::spawn_cpu) |
//! | `Timer::after`, `Timer::interval` | [`sleep`](crate::time::sleep), [`interval`](crate::time::interval) |
//! | `async-net` | [`net`](crate::net) |
//! | `Async<T>` | [`io::unix::AsyncFd`](crate::io::unix::AsyncFd) |
//! | `async-fs` | [`fs`](crate::fs) |
//! | `async-channel`, `async-lock` | they work as they are; [`sync`](crate::sync) has tokio's types |
//! | `async-process` | [`process`](crate::process); the names are those of tokio: `wait` for `status` of a child, `wait_with_output` for `output` |
//! | `futures-lite` | it works as it is; the I/O traits are those of `futures` |
//! | `async-signal`, `async-ctrlc` | [`signal`](crate::signal) |
//!
//! # Differences at run time
//!
//! **A dropped handle detaches.** In smol it cancels the task.
//!
//! **Nested `block_on`.** A second `block_on` on a thread whose loop runs panics; smol allows it.
//! Await the future, or run it in a job with
//! [`Handle::block_on`](crate::runtime::Handle::block_on).
//!
//! **Handles after the runtime.** A handle that is awaited after its runtime has ended resolves to
//! a cancelled [`JoinError`](crate::task::JoinError).
//!
//! **Output.** `JoinHandle` resolves to a `Result`: a panic of the task is its error and does not
//! propagate by itself.
//!
//! **Order.** smol runs tasks in any order. Here it is specified, see [`order`](crate::order), and
//! a task that never waits is interrupted at its budget, so it cannot keep the loop from timers and
//! sockets.
//!
//! **Timers and sockets belong to a loop.** A future with a timer or a socket panics, or returns an
//! error, on an executor of another kind or on another loop. `futures` combinators, channels and
//! locks work everywhere.
