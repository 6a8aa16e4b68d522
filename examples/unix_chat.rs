//! A chat over a Unix socket. The first line of a client is its name; each further line goes to all
//! others. Joins and leaves are announced.
//!
//! ```text
//! cargo run --example unix_chat -- /tmp/chat
//! socat - UNIX-CONNECT:/tmp/chat        # in other terminals; or `nc -U /tmp/chat`
//! ```
//!
//! Ctrl-C ends it and removes the socket.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::rc::Rc;

use quintet::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use quintet::net::unix::OwnedWriteHalf;
use quintet::net::{UnixListener, UnixStream};
use quintet::sync::broadcast::{self, Receiver, Sender, error::RecvError};
use quintet::task::AbortOnDropHandle;
use quintet::time::{Duration, sleep};
use quintet::{fs, select, signal, spawn};

/// The most bytes of a line. A client that sends more is disconnected.
const LINE_MAX: u64 = 1024;

/// How many lines a slow client may be behind. It is told how many it has missed.
const LINES_BEHIND_MAX: usize = 256;

/// A line, and the name of the client that need not get it: its author.
#[derive(Clone)]
struct Line {
    author: Rc<str>,
    text: Rc<str>,
}

/// The names of those that have joined, and the channel to all of them.
struct Room {
    names: RefCell<BTreeSet<Rc<str>>>,
    lines: Sender<Line>,
}

impl Room {
    /// What a client reads of those that were there before.
    fn others(&self) -> String {
        let names: Vec<_> = self.names.borrow().iter().cloned().collect();
        match &*names {
            [] => "* you are the first\n".to_owned(),
            names => format!("* here are: {}\n", names.join(", ")),
        }
    }

    fn say(&self, author: &Rc<str>, text: String) {
        let line = Line {
            author: Rc::clone(author),
            text: text.into(),
        };
        // It fails only if no client is there to read it.
        let _alone = self.lines.send(line);
    }
}

/// A client in the room. When it is dropped, the client has left.
struct Member {
    room: Rc<Room>,
    name: Rc<str>,
}

impl Member {
    /// Enters the room, unless the name is taken.
    fn join(room: &Rc<Room>, name: &str) -> Option<Self> {
        let name: Rc<str> = name.into();
        if !room.names.borrow_mut().insert(Rc::clone(&name)) {
            return None;
        }
        room.say(&name, format!("* {name} joins\n"));
        Some(Member {
            room: Rc::clone(room),
            name,
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.room.names.borrow_mut().remove(&self.name);
        self.room
            .say(&self.name, format!("* {} leaves\n", self.name));
    }
}

#[quintet::main]
async fn main() -> io::Result<()> {
    let path = env::args().nth(1).unwrap_or("/tmp/chat".to_owned());
    let path = Path::new(&path);
    let listener = listen(path).await?;
    println!("listening on {}", path.display());
    let room = Rc::new(Room {
        names: RefCell::default(),
        lines: broadcast::channel(LINES_BEHIND_MAX).0,
    });
    select! {
        () = accept(listener, room) => {}
        result = signal::ctrl_c() => result?,
    }
    fs::remove_file(path).await
}

/// Binds the path. A socket there on which no process listens is removed first.
async fn listen(path: &Path) -> io::Result<UnixListener> {
    let is_left_over = match UnixStream::connect(path).await {
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
    };
    if is_left_over && is_socket(path).await? {
        fs::remove_file(path).await?;
    }
    UnixListener::bind(path)
}

async fn is_socket(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::FileTypeExt;
    Ok(fs::symlink_metadata(path).await?.file_type().is_socket())
}

async fn accept(listener: UnixListener, room: Rc<Room>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let room = Rc::clone(&room);
                spawn(async move {
                    if let Err(error) = serve(stream, room).await {
                        eprintln!("a client: {error}");
                    }
                });
            }
            // The process has no free descriptor: try again later.
            Err(error) => {
                eprintln!("{error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves one client until it leaves.
async fn serve(stream: UnixStream, room: Rc<Room>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut reader = BufReader::new(read);
    write.write_all(b"* your name?\n").await?;
    let (member, lines) = loop {
        let Some(name) = read_line(&mut reader).await? else {
            return Ok(());
        };
        // Before the client joins, so that it reads all that is said from then on.
        let lines = room.lines.subscribe();
        let others = room.others();
        if name.is_empty() {
            write.write_all(b"* your name?\n").await?;
        } else if let Some(member) = Member::join(&room, &name) {
            write.write_all(others.as_bytes()).await?;
            break (member, lines);
        } else {
            write.write_all(b"* that name is taken\n").await?;
        }
    };
    let name = Rc::clone(&member.name);
    let _writer = AbortOnDropHandle::new(spawn(async move {
        if let Err(error) = write_lines(write, lines, &name).await {
            eprintln!("{name}: {error}");
        }
    }));
    while let Some(line) = read_line(&mut reader).await? {
        room.say(&member.name, format!("{}: {line}\n", member.name));
    }
    Ok(())
}

/// Writes what others say.
async fn write_lines(
    mut write: OwnedWriteHalf,
    mut lines: Receiver<Line>,
    name: &str,
) -> io::Result<()> {
    loop {
        match lines.recv().await {
            Ok(line) if &*line.author == name => {}
            Ok(line) => write.write_all(line.text.as_bytes()).await?,
            Err(RecvError::Lagged(count)) => {
                let text = format!("* you have missed {count} lines\n");
                write.write_all(text.as_bytes()).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// Reads a line, without its end; `None` at the end of the stream.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let n = reader.take(LINE_MAX).read_until(b'\n', &mut line).await?;
    if n == 0 {
        return Ok(None);
    }
    if line.pop_if(|end| *end == b'\n').is_none() && n as u64 == LINE_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "a line is too long"));
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Some(text.trim().to_owned()))
}
