//! A shell: it runs the commands that are typed, connects them by pipes, and survives Ctrl-C.
//!
//! ```text
//! cargo run --example shell
//! $ ls src | grep -c rs
//! $ cd src
//! $ cat                # Ctrl-C ends `cat`, and the shell goes on
//! $ exit
//! ```
//!
//! It knows words, quotes, `|`, and the commands `cd` and `exit`.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus, Stdio};

use futures::FutureExt;
use quintet::process::{Child, Command};
use quintet::signal::unix::{Signal, SignalKind, signal};
use quintet::task::{JoinHandle, yield_now};
use quintet::{select, spawn_blocking};
use rustix::process::{Pid, kill_process_group};

/// The statuses of POSIX shells.
const CANNOT_RUN: u8 = 127;
const CANNOT_PARSE: u8 = 2;
const BY_SIGNAL: i32 = 128;

#[quintet::main]
async fn main() -> io::Result<ExitCode> {
    let mut shell = Shell {
        // From now on Ctrl-C does not end this process.
        interrupts: signal(SignalKind::interrupt())?,
        is_interactive: io::stdin().is_terminal(),
        status: 0,
    };
    shell.prompt()?;
    let mut line = read_line();
    loop {
        select! {
            read = &mut line => {
                let read = read.map_err(io::Error::other)??;
                if read.is_empty() || shell.execute(&read).await? == Next::Exit {
                    return Ok(ExitCode::from(shell.status));
                }
                shell.prompt()?;
                line = read_line();
            }
            // The terminal has dropped what was typed. The read goes on.
            _ = shell.interrupts.recv() => {
                println!();
                shell.prompt()?;
            }
        }
    }
}

/// Reads a line, with its end, on a worker. At the end of the input it is empty.
///
/// Byte by byte, because a child may read what follows: a buffer would take it away.
fn read_line() -> JoinHandle<io::Result<String>> {
    spawn_blocking(|| {
        let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\n") && input.read(&mut byte)? > 0 {
            line.extend(byte);
        }
        String::from_utf8(line).map_err(io::Error::other)
    })
}

/// What the shell does after a line.
#[derive(PartialEq)]
enum Next {
    Line,
    Exit,
}

struct Shell {
    interrupts: Signal,
    /// Whether it reads from a terminal.
    is_interactive: bool,
    /// The status of the last command.
    status: u8,
}

impl Shell {
    fn prompt(&self) -> io::Result<()> {
        if self.is_interactive {
            print!("$ ");
            io::stdout().flush()?;
        }
        Ok(())
    }

    /// Executes one line.
    async fn execute(&mut self, line: &str) -> io::Result<Next> {
        let commands = match parse(line) {
            Ok(commands) => commands,
            Err(error) => {
                eprintln!("{error}");
                self.status = CANNOT_PARSE;
                return Ok(Next::Line);
            }
        };
        match commands.as_slice() {
            [] => {}
            [words] if words[0] == "cd" => self.status = change_directory(words.get(1)),
            [words] if words[0] == "exit" => {
                if let Some(status) = words.get(1).and_then(|status| status.parse().ok()) {
                    self.status = status;
                }
                return Ok(Next::Exit);
            }
            pipeline => self.status = self.run(pipeline).await?,
        }
        Ok(Next::Line)
    }

    /// Runs commands, the output of each being the input of the next, and returns the status of the
    /// last one.
    async fn run(&mut self, pipeline: &[Vec<String>]) -> io::Result<u8> {
        let mut children: Vec<Child> = Vec::new();
        let mut group = None;
        let mut input = None;
        for (number, words) in pipeline.iter().enumerate() {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            if let Some(input) = input.take() {
                command.stdin::<Stdio>(input);
            }
            if number + 1 < pipeline.len() {
                command.stdout(Stdio::piped());
            }
            // A terminal sends Ctrl-C to all processes in the group of the shell, so the children
            // of an interactive shell stay in it.
            if !self.is_interactive {
                command.process_group(Pid::as_raw(group));
            }
            match command.spawn() {
                Ok(mut child) => {
                    group = group.or_else(|| child_group(&child, self.is_interactive));
                    input = child.stdout.take().map(Stdio::try_from).transpose()?;
                    children.push(child);
                }
                Err(error) => {
                    eprintln!("{error}");
                    // The commands before it find that nothing reads what they write.
                    drop(input);
                    self.wait_for(children, group).await?;
                    return Ok(CANNOT_RUN);
                }
            }
        }
        self.wait_for(children, group).await
    }

    /// Waits for all children, and returns the status of the last one. After a Ctrl-C the children
    /// get the signal, by the terminal or by this.
    async fn wait_for(&mut self, children: Vec<Child>, group: Option<Pid>) -> io::Result<u8> {
        let mut last = None;
        for mut child in children {
            last = loop {
                select! {
                    status = child.wait() => break Some(status?),
                    _ = self.interrupts.recv() => {
                        match group {
                            // It fails if all have ended.
                            Some(group) => drop(kill_process_group(group, rustix::process::Signal::INT)),
                            None => println!(),
                        }
                    }
                }
            };
        }
        // A Ctrl-C that has ended the children is not for the prompt.
        yield_now().await;
        while self.interrupts.recv().now_or_never().is_some() {}
        Ok(last.map_or(0, code))
    }
}

/// The group of a pipeline that `child` begins, unless it is that of the shell.
fn child_group(child: &Child, is_interactive: bool) -> Option<Pid> {
    let id = child.id().filter(|_| !is_interactive)?;
    Pid::from_raw(id.cast_signed())
}

fn code(status: ExitStatus) -> u8 {
    let by_signal = || status.signal().map(|signal| BY_SIGNAL + signal);
    let code = status.code().or_else(by_signal).unwrap_or(BY_SIGNAL);
    u8::try_from(code).unwrap_or(u8::MAX)
}

fn change_directory(to: Option<&String>) -> u8 {
    let home = || env::var("HOME").ok();
    let to = to.cloned().or_else(home).unwrap_or_else(|| "/".to_owned());
    match env::set_current_dir(&to) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("cd: {to}: {error}");
            1
        }
    }
}

/// Splits a line into commands, and each command into words.
fn parse(line: &str) -> Result<Vec<Vec<String>>, &'static str> {
    let mut commands = vec![Vec::new()];
    // `None` between words.
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.trim().chars().chain(['\n']) {
        match (quote, c) {
            (Some(_), '\n') => return Err("a quote is not closed"),
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '|') | (None, ' ' | '\t' | '\n') => {
                let words = commands.last_mut().expect("there is one");
                words.extend(word.take());
                if c == '|' {
                    commands.push(Vec::new());
                }
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    if commands == [Vec::<String>::new()] {
        return Ok(Vec::new());
    }
    if commands.iter().any(Vec::is_empty) {
        return Err("a command is missing beside a pipe");
    }
    Ok(commands)
}
