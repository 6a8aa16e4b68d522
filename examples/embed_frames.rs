//! Runs the loop in a program that draws frames: each frame gives the loop a few milliseconds.
//!
//! ```text
//! cargo run --example embed_frames
//! ```
//!
//! Draws 60 frames per second for two seconds. Meanwhile the tasks sleep and use worker threads.
//! The host draws a progress bar and statistics, and never waits for a task.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use quintet::runtime::Runtime;
use quintet::time::{Instant, sleep};

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 60);
const FRAMES: u32 = 120;

/// The longest time per frame that the loop may run. The rest is for drawing.
const BUDGET: Duration = Duration::from_millis(8);

const TASKS: u32 = 40;
const STEPS: u32 = 6;

fn main() -> io::Result<()> {
    let runtime = Runtime::new()?;
    let done = Rc::new(Cell::new(0));
    for number in 0..TASKS {
        runtime.spawn(work(number, Rc::clone(&done)));
    }

    let mut next_frame = Instant::now();
    let mut stats = Stats::default();
    for frame in 1..=FRAMES {
        next_frame += FRAME;
        run_guest(&runtime, next_frame, &mut stats);
        draw(frame, done.get(), &stats)?;
    }
    if io::stdout().is_terminal() {
        println!();
    }
    Ok(())
}

#[derive(Default)]
struct Stats {
    turns: u32,
    /// The longest time that the loop ran in one frame.
    longest: Duration,
}

/// Runs the loop until the end of the frame, and sleeps while the loop has nothing to do.
fn run_guest(runtime: &Runtime, frame_end: Instant, stats: &mut Stats) {
    let mut used = Duration::ZERO;
    while Instant::now() < frame_end {
        let begin = Instant::now();
        runtime.turn(Some(Duration::ZERO));
        stats.turns += 1;
        used += begin.elapsed();
        // Sleep until the next timer, or until the end of the frame if the budget is used up.
        // Events of sockets and workers wait for the next turn.
        let next = match runtime.next_deadline() {
            Some(next) if used < BUDGET => next.min(frame_end),
            _ => frame_end,
        };
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    stats.longest = stats.longest.max(used);
}

/// Redraws one line on a terminal; elsewhere, prints a line every 20 frames.
fn draw(frame: u32, done: u32, stats: &Stats) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let is_terminal = out.is_terminal();
    if !is_terminal && !frame.is_multiple_of(20) {
        return Ok(());
    }
    let all = TASKS * STEPS;
    let bar = "#".repeat((done * 40 / all) as usize);
    write!(
        out,
        "{}[{bar:.<40}] {:>3} %  frame {frame:>3}, {:>4} turns, at most {:.1?} per frame{}",
        if is_terminal { "\r" } else { "" },
        done * 100 / all,
        stats.turns,
        stats.longest,
        if is_terminal { "   " } else { "\n" },
    )?;
    out.flush()
}

/// Alternates between sleeping and computing on a worker thread.
async fn work(number: u32, done: Rc<Cell<u32>>) {
    for step in 0..STEPS {
        sleep(Duration::from_millis(u64::from(50 + number * 5 + step))).await;
        let sum = quintet::spawn_blocking(move || (0..50_000 * u64::from(step)).sum::<u64>());
        if let Err(error) = sum.await {
            eprintln!("task {number}: {error}");
        }
        done.set(done.get() + 1);
    }
}
