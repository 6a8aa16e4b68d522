//! A prompt beside timers: what is typed and what is due are handled by one thread, and neither
//! waits for the other.
//!
//! ```text
//! cargo run --example repl
//! > after 2 tea
//! > every 0.5 tick
//! 1: every 0.5 s: tick
//! tick
//! tick
//! tick
//! tea
//! > stop 1
//! > quit             # or Ctrl-D
//! ```
//!
//! It reads a script from a pipe or file as well. At the end of the input it waits for what is due
//! once, and stops what repeats. In a terminal it also says when the window gets another size.

use std::time::Duration;

use quintet::io::{self, WindowChanges, WindowSize, stdin, stdout, window_changes};
use quintet::select;
use quintet::task::{AbortHandle, JoinSet};
use quintet::time::{interval, sleep};

const USAGE: &str = "after SECONDS TEXT | every SECONDS TEXT | stop NUMBER | quit\n";

#[quintet::main]
async fn main() -> io::Result<()> {
    let mut lines = stdin().lines();
    let is_interactive = lines.get_ref().is_terminal();
    let mut window = is_interactive
        .then(|| window_changes(stdin()))
        .transpose()?;
    let prompt = if is_interactive { "> " } else { "" };
    let mut timers = Timers::default();

    print(prompt).await?;
    loop {
        select! {
            line = lines.next_line() => {
                let Some(line) = line? else { break };
                if timers.execute(&line).await? == Next::Quit {
                    return Ok(());
                }
                print(prompt).await?;
            }
            Some(ended) = timers.tasks.join_next() => check(ended)?,
            size = changed(&mut window) => {
                let WindowSize { columns, rows, .. } = size?;
                print(&format!("{columns} columns, {rows} rows\n{prompt}")).await?;
            }
        }
    }
    for repeated in &timers.repeated {
        repeated.abort();
    }
    while let Some(ended) = timers.tasks.join_next().await {
        check(ended)?;
    }
    Ok(())
}

async fn print(text: &str) -> io::Result<()> {
    stdout().write_all(text.as_bytes()).await
}

/// Waits for a change of the window, if there is one.
async fn changed(window: &mut Option<WindowChanges>) -> io::Result<WindowSize> {
    match window {
        Some(window) => window.changed().await,
        None => std::future::pending().await,
    }
}

/// Returns the error with which a timer has ended; to be stopped is none.
fn check(ended: Result<io::Result<()>, quintet::task::JoinError>) -> io::Result<()> {
    match ended {
        Err(error) if error.is_cancelled() => Ok(()),
        ended => ended?,
    }
}

/// What follows a line.
#[derive(PartialEq)]
enum Next {
    Line,
    Quit,
}

#[derive(Default)]
struct Timers {
    tasks: JoinSet<io::Result<()>>,
    /// Those that repeat; the first has the number 1.
    repeated: Vec<AbortHandle>,
}

impl Timers {
    async fn execute(&mut self, line: &str) -> io::Result<Next> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.first().copied(), words.get(1).copied()) {
            (None, _) => {}
            (Some("quit"), _) => return Ok(Next::Quit),
            (Some("stop"), Some(number)) => self.stop(number).await?,
            (Some(command @ ("after" | "every")), Some(seconds)) => {
                let text = words[2..].join(" ") + "\n";
                match duration(seconds) {
                    None => print(USAGE).await?,
                    Some(time) if command == "after" => self.after(time, text),
                    Some(time) => {
                        let number = self.every(time, text.clone());
                        print(&format!("{number}: every {seconds} s: {text}")).await?;
                    }
                }
            }
            _ => print(USAGE).await?,
        }
        Ok(Next::Line)
    }

    fn after(&mut self, time: Duration, text: String) {
        self.tasks.spawn(async move {
            sleep(time).await;
            print(&text).await
        });
    }

    /// Returns the number of the timer.
    fn every(&mut self, time: Duration, text: String) -> usize {
        let task = self.tasks.spawn(async move {
            let mut ticks = interval(time);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                print(&text).await?;
            }
        });
        self.repeated.push(task);
        self.repeated.len()
    }

    async fn stop(&mut self, number: &str) -> io::Result<()> {
        let number = number.parse::<usize>().ok();
        let index = number.and_then(|number| number.checked_sub(1));
        match index.and_then(|index| self.repeated.get(index)) {
            Some(timer) => timer.abort(),
            None => print("there is no such timer\n").await?,
        }
        Ok(())
    }
}

/// Returns the time of a timer. One of zero could not repeat.
fn duration(seconds: &str) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    (!time.is_zero()).then_some(time)
}
