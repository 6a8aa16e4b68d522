//! A server as a process of its own: how one is started and asked, and what it does.
//!
//! The server prints `port=` once it listens. For each line on its standard input it prints what
//! CPU time it has used and how much memory it has; at the end of its input it ends.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{self, Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use crate::measure::{field, nanos, process_cpu, resident_bytes, thread_cpu};
use crate::{child, runtimes};

/// What a server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Sends back what comes, through a buffer of that size for each connection.
    Echo { size: usize },
    /// Answers every request with a greeting, by hyper where there is a way.
    Http,
}

impl Service {
    /// As the command line has it.
    pub(crate) fn arguments(self) -> [String; 2] {
        match self {
            Service::Echo { size } => ["echo".to_owned(), size.to_string()],
            Service::Http => ["http".to_owned(), "0".to_owned()],
        }
    }

    pub(crate) fn parse(name: &str, size: &str) -> Option<Self> {
        match name {
            "echo" => Some(Service::Echo {
                size: size.parse().ok()?,
            }),
            "http" => Some(Service::Http),
            _ => None,
        }
    }
}

/// What a server has used up to a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) cpu_ns: u64,
    pub(crate) resident: u64,
}

/// A server's process. It ends when this is dropped.
pub(crate) struct ServerProcess {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    addr: SocketAddr,
}

impl ServerProcess {
    /// Starts a server and waits until it listens. `None` if the runtime has no such server.
    pub(crate) fn start(runtime: &str, service: Service, pin: bool) -> io::Result<Option<Self>> {
        let mut command = if runtime == runtimes::NODE {
            child::node("serve.js")
        } else {
            let mut command = Command::new(env::current_exe()?);
            command.args(["serve", runtime]);
            command
        };
        command.args(service.arguments());
        if pin {
            command.arg("--pin");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the server has no pipes"));
        };
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line)?;
        if line.trim() == child::UNSUPPORTED {
            child.wait()?;
            return Ok(None);
        }
        let port = field(&line, "port")
            .and_then(|port| u16::try_from(port).ok())
            .ok_or_else(|| io::Error::other("the server did not start"))?;
        Ok(Some(ServerProcess {
            child,
            input,
            output,
            addr: (Ipv4Addr::LOCALHOST, port).into(),
        }))
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it has used so far.
    pub(crate) fn usage(&mut self) -> io::Result<Usage> {
        self.input.write_all(b"\n")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let usage = || {
            Some(Usage {
                cpu_ns: field(&line, "cpu")?,
                resident: field(&line, "resident")?,
            })
        };
        usage().ok_or_else(|| io::Error::other("the server has ended"))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A listening socket on a free port, told to whoever started this process.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    announce(listener.local_addr()?)?;
    Ok(listener)
}

/// Tells whoever started this process where it listens, and answers from now on.
pub(crate) fn announce(addr: SocketAddr) -> io::Result<()> {
    // A thread, since it is the same for all runtimes. It sleeps while there is load.
    thread::Builder::new().spawn(answer)?;
    let mut output = io::stdout().lock();
    writeln!(output, "port={}", addr.port())?;
    output.flush()
}

/// Answers each line with what this process has used, and ends the process at the end.
fn answer() {
    for line in io::stdin().lines() {
        // Without what this thread takes to answer.
        let cpu = nanos(process_cpu().saturating_sub(thread_cpu()));
        let resident = resident_bytes();
        let mut output = io::stdout().lock();
        let told = line.and_then(|_| {
            writeln!(output, "cpu={cpu} resident={resident}")?;
            output.flush()
        });
        if told.is_err() {
            break;
        }
    }
    process::exit(0);
}

#[cfg(test)]
mod tests {
    use super::Service;

    #[test]
    fn arguments_bring_a_service_back() {
        for service in [Service::Echo { size: 64 }, Service::Http] {
            let [name, size] = service.arguments();

            assert_eq!(Service::parse(&name, &size), Some(service));
        }
        assert_eq!(Service::parse("echo", "much"), None);
        assert_eq!(Service::parse("smtp", "0"), None);
    }
}
