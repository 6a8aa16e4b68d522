//! No runtime: only the necessary system calls. No runtime that makes the same calls can be faster.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};

use crate::server::{Service, listen};

/// Echoes by edge-triggered epoll.
pub(crate) fn serve(service: Service) -> Option<io::Result<()>> {
    match service {
        Service::Echo { size } => Some(echo(size)),
        Service::Http { .. } => None,
    }
}

/// The token of the listening socket.
const LISTENER: u64 = u64::MAX;

fn echo(size: usize) -> io::Result<()> {
    let listener = listen()?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let data = EventData::new_u64(LISTENER);
    epoll::add(&epoll, &listener, data, EventFlags::IN | EventFlags::ET)?;
    let mut connections: Vec<Option<EchoConnection>> = Vec::new();
    let mut events = Vec::with_capacity(256);
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in &events {
            let data = event.data;
            let token = data.u64();
            if token == LISTENER {
                accept(&listener, &epoll, &mut connections, size)?;
                continue;
            }
            let index = usize::try_from(token).expect("an index fits");
            if connections[index]
                .as_mut()
                .is_some_and(EchoConnection::is_over)
            {
                // Closing removes the socket from epoll.
                connections[index] = None;
            }
        }
    }
}

struct EchoConnection {
    stream: TcpStream,
    /// This is larger than a message.
    buffer: Vec<u8>,
}

impl EchoConnection {
    /// Echoes what has arrived. Returns whether the connection has ended.
    fn is_over(&mut self) -> bool {
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return true,
                Ok(count) => {
                    if self.send(count).is_err() {
                        return true;
                    }
                    // A read that does not fill the buffer has emptied the socket.
                    return false;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Sends the first `count` bytes of the buffer. Fails if the socket is full, which drops a
    /// client that does not read.
    fn send(&mut self, count: usize) -> io::Result<()> {
        self.stream.write_all(&self.buffer[..count])
    }
}

fn accept(
    listener: &TcpListener,
    epoll: &rustix::fd::OwnedFd,
    connections: &mut Vec<Option<EchoConnection>>,
    size: usize,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let index = connections
            .iter()
            .position(Option::is_none)
            .unwrap_or(connections.len());
        let data = EventData::new_u64(index as u64);
        epoll::add(epoll, &stream, data, EventFlags::IN | EventFlags::ET)?;
        let connection = Some(EchoConnection {
            stream,
            buffer: vec![0; size],
        });
        if index == connections.len() {
            connections.push(connection);
        } else {
            connections[index] = connection;
        }
    }
}
