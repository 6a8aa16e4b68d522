//! Embeds the loop in a `poll(2)` loop: the host waits for the runtime's file descriptor together
//! with its own descriptors.
//!
//! ```text
//! cargo run --example embed_poll
//! ```
//!
//! The host reads standard input. The guest, which is the runtime, runs a TCP echo server, a client
//! that sends the input to it, and a heartbeat. Type some lines, and press Ctrl-D to finish. With
//! `echo hello | cargo run --example embed_poll` the program ends after the last heartbeat.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::{self, UnboundedReceiver, UnboundedSender};
use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::Runtime;
use quintet::time::{Instant, interval};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

const HEARTBEATS: u32 = 5;

fn main() -> io::Result<()> {
    let runtime = Runtime::new()?;
    let (sender, receiver) = mpsc::unbounded();
    // The runtime does not know that the host may send more input: the guard keeps it alive.
    let mut input = Some((sender, runtime.handle().keep_alive()));
    runtime.spawn(async {
        if let Err(error) = echo_all(receiver).await {
            eprintln!("guest: {error}");
        }
    });
    runtime.spawn(beat());

    // The host's loop: run one turn of the guest, then wait until the host or the guest has
    // something to do. The guest's timers make its descriptor readable as well, except where the OS
    // refuses a `timerfd`; the timeout is for that case.
    while runtime.turn(Some(Duration::ZERO)) {
        if is_input_ready(&runtime, input.is_some())?
            && let Some((guest, _)) = &input
            && !read_input(guest)?
        {
            input = None;
        }
    }
    Ok(())
}

/// Waits until the guest has something to do or, if `is_wanted`, standard input is readable.
/// Returns whether standard input is readable.
fn is_input_ready(runtime: &Runtime, is_wanted: bool) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut fds = vec![PollFd::new(runtime, PollFlags::IN)];
    if is_wanted {
        fds.push(PollFd::new(&stdin, PollFlags::IN));
    }
    let deadline = runtime.next_deadline();
    let timeout = deadline.and_then(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, so that the timer is due when `poll` returns.
        Timespec::try_from(left + Duration::from_millis(1)).ok()
    });
    match poll(&mut fds, timeout.as_ref()) {
        // On EINTR the guest runs one turn, and then the host waits again.
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(fds.get(1).is_some_and(|stdin| !stdin.revents().is_empty()))
}

/// Reads input and sends it to the guest. Returns false at the end of the input.
fn read_input(guest: &UnboundedSender<Vec<u8>>) -> io::Result<bool> {
    let mut buf = [0; 4096];
    let count = rustix::io::read(io::stdin(), &mut buf)?;
    if count > 0 {
        // This fails if the receiving task has ended with an error.
        let _failed = guest.unbounded_send(buf[..count].to_vec());
    }
    Ok(count > 0)
}

/// Sends the input to an echo server, and prints what comes back.
async fn echo_all(mut input: UnboundedReceiver<Vec<u8>>) -> io::Result<()> {
    let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await?);
    let addr = listener.local_addr()?;
    let server = quintet::spawn(async move { serve(&listener).await });
    let stream = TcpStream::connect(addr).await?;
    println!("guest: connected to {addr}");
    while let Some(text) = input.next().await {
        stream.write_all(&text).await?;
        let mut echo = vec![0; text.len()];
        stream.read_exact(&mut echo).await?;
        println!("echo: {}", String::from_utf8_lossy(&echo).trim_end());
    }
    server.abort();
    Ok(())
}

async fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        quintet::spawn(async move {
            let mut buf = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buf).await {
                stream.write_all(&buf[..count]).await?;
            }
            io::Result::Ok(())
        });
    }
}

async fn beat() {
    let mut beat = interval(Duration::from_millis(200));
    for number in 1..=HEARTBEATS {
        beat.tick().await;
        println!("guest: heartbeat {number} of {HEARTBEATS}");
    }
}
