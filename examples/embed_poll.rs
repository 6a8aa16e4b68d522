//! The loop as a guest: the host has a `poll(2)` loop of its own, and waits for the runtime's
//! descriptor in it.
//!
//! ```text
//! cargo run --example embed_poll
//! ```
//!
//! The host reads standard input; the guest is a TCP echo server, a client that sends the input to
//! it, and a heart that beats. Type some lines, and end with Ctrl-D. With
//! `echo hello | cargo run --example embed_poll` it ends by itself, when the heart stops.

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
    // The guest cannot see that something may come: its end waits for the guard.
    let mut input = Some((sender, runtime.handle().keep_alive()));
    runtime.spawn(async {
        if let Err(error) = echo_all(receiver).await {
            eprintln!("guest: {error}");
        }
    });
    runtime.spawn(beat());

    // The host's loop: one turn of the guest, then wait until one of them has something to do. The
    // guest's timers make its descriptor readable, too, except where the OS refuses a `timerfd`; the
    // timeout is for that case.
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

/// Waits until the guest or, if that is wanted, standard input has something to do; returns whether
/// the input has.
fn is_input_ready(runtime: &Runtime, is_wanted: bool) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut fds = vec![PollFd::new(runtime, PollFlags::IN)];
    if is_wanted {
        fds.push(PollFd::new(&stdin, PollFlags::IN));
    }
    let deadline = runtime.next_deadline();
    let timeout = deadline.and_then(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, so that the timer is due then.
        Timespec::try_from(left + Duration::from_millis(1)).ok()
    });
    match poll(&mut fds, timeout.as_ref()) {
        // After a signal the guest has its turn, and then comes another wait.
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(fds.get(1).is_some_and(|stdin| !stdin.revents().is_empty()))
}

/// Reads what has been typed and passes it on; false at the end.
fn read_input(guest: &UnboundedSender<Vec<u8>>) -> io::Result<bool> {
    let mut buf = [0; 4096];
    let count = rustix::io::read(io::stdin(), &mut buf)?;
    if count > 0 {
        // A guest that has failed takes nothing more.
        let _failed = guest.unbounded_send(buf[..count].to_vec());
    }
    Ok(count > 0)
}

/// Sends everything to an echo server and prints what comes back.
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
