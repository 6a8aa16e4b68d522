//! A server in a separate process: both sides of starting it and querying its usage.
//!
//! The server prints `port=` once it listens. For each line on its standard input it prints its CPU
//! time and its resident memory. It exits when its standard input is closed.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{self, Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;

use crate::measure::{field, nanos, process_cpu, resident_bytes, thread_cpu};
use crate::stacks::Stack;
use crate::{child, runtimes};

/// The service that a server provides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Echoes, with a buffer of `size` bytes for each connection.
    Echo { size: usize },
    /// Responds to each request with a greeting, on so many threads. By hyper, Node excepted. With
    /// limits by the server of the runtime, or by what its users write.
    Http { threads: usize, has_limits: bool },
}

/// What a server process serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    Service(Service),
    /// By crates that people use.
    Stack(Stack),
}

impl Served {
    fn arguments(self) -> [String; 2] {
        match self {
            Served::Service(service) => service.arguments(),
            Served::Stack(stack) => ["stack".to_owned(), stack.name().to_owned()],
        }
    }

    pub(crate) fn parse(name: &str, argument: &str) -> Option<Self> {
        match name {
            "stack" => Stack::named(argument).map(Served::Stack),
            _ => Service::parse(name, argument).map(Served::Service),
        }
    }
}

impl Service {
    /// Returns the arguments on the command line.
    fn arguments(self) -> [String; 2] {
        match self {
            Service::Echo { size } => ["echo".to_owned(), size.to_string()],
            Service::Http {
                threads,
                has_limits,
            } => {
                let name = if has_limits { "http-server" } else { "http" };
                [name.to_owned(), threads.to_string()]
            }
        }
    }

    fn parse(name: &str, number: &str) -> Option<Self> {
        let number = number.parse().ok()?;
        match name {
            "echo" => Some(Service::Echo { size: number }),
            "http" | "http-server" => Some(Service::Http {
                threads: number,
                has_limits: name == "http-server",
            }),
            _ => None,
        }
    }
}

/// The CPU time that a server has used so far, and its resident memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) cpu_ns: u64,
    pub(crate) resident: u64,
}

/// The process of a server. Dropping this kills it.
pub(crate) struct ServerProcess {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    addr: SocketAddr,
}

impl ServerProcess {
    /// Starts a server and waits until it listens. Returns `None` if the runtime does not support
    /// the service.
    pub(crate) fn start(runtime: &str, served: Served, pin: bool) -> io::Result<Option<Self>> {
        let mut command = Self::command(runtime, served)?;
        if pin {
            command.arg("--pin");
        }
        Self::start_by(command)
    }

    /// Returns the command line of a server.
    pub(crate) fn command(runtime: &str, served: Served) -> io::Result<Command> {
        let mut command = if runtime == runtimes::NODE {
            child::node("serve.js")
        } else {
            let mut command = Command::new(env::current_exe()?);
            command.args(["serve", runtime]);
            command
        };
        command.args(served.arguments());
        Ok(command)
    }

    /// The same as [`start`](Self::start) by a command.
    pub(crate) fn start_by(mut command: Command) -> io::Result<Option<Self>> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the pipes of the server are missing"));
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
            input: Some(input),
            output,
            addr: (Ipv4Addr::LOCALHOST, port).into(),
        }))
    }

    /// Returns the address that the server listens on.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Queries what the server has used so far.
    pub(crate) fn usage(&mut self) -> io::Result<Usage> {
        if let Some(input) = &mut self.input {
            input.write_all(b"\n")?;
        }
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let usage = || {
            Some(Usage {
                cpu_ns: field(&line, "cpu")?,
                resident: field(&line, "resident")?,
            })
        };
        usage().ok_or_else(|| io::Error::other("the server has exited"))
    }

    /// Lets the server exit, and waits for it.
    pub(crate) fn end(mut self) -> io::Result<ExitStatus> {
        self.input = None;
        self.child.wait()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The process may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Binds a listener to a free port and announces it.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    announce(listener.local_addr()?)?;
    Ok(listener)
}

/// Prints the port for the parent process and starts to report the usage on request.
pub(crate) fn announce(addr: SocketAddr) -> io::Result<()> {
    // A thread, so that this is the same for all runtimes. It sleeps while there is load.
    thread::Builder::new().spawn(report_usage)?;
    let mut output = io::stdout().lock();
    writeln!(output, "port={}", addr.port())?;
    output.flush()
}

/// Prints the usage of this process for each line of input, and exits at the end of the input.
fn report_usage() {
    for line in io::stdin().lines() {
        // Excludes the CPU time of this thread.
        let cpu = nanos(process_cpu().saturating_sub(thread_cpu()));
        let resident = resident_bytes();
        let mut output = io::stdout().lock();
        let written = line.and_then(|_| {
            writeln!(output, "cpu={cpu} resident={resident}")?;
            output.flush()
        });
        if written.is_err() {
            break;
        }
    }
    process::exit(0);
}

#[cfg(test)]
mod tests {
    use super::{Served, Service};
    use crate::stacks::Stack;

    #[test]
    fn formatting_and_parsing_preserve_a_service() {
        for service in [
            Service::Echo { size: 64 },
            Service::Http {
                threads: 2,
                has_limits: false,
            },
            Service::Http {
                threads: 1,
                has_limits: true,
            },
        ] {
            let served = Served::Service(service);
            let [name, number] = served.arguments();

            assert_eq!(Served::parse(&name, &number), Some(served));
        }
        let served = Served::Stack(Stack::TlsEcho);
        let [name, argument] = served.arguments();
        assert_eq!(Served::parse(&name, &argument), Some(served));
        assert_eq!(Served::parse("echo", "much"), None);
        assert_eq!(Served::parse("smtp", "0"), None);
        assert_eq!(Served::parse("stack", "smtp"), None);
    }
}
