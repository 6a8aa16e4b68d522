//! The command `growth`: the cost of an operation with more and more unrelated tasks, timers,
//! connections or jobs.

use crate::args::Args;
use crate::child::{Outcome, Run};
use crate::compare::{Rounds, chosen_runtimes, write};
use crate::progress::Progress;
use crate::report::{Panel, Series, Table, growth_json, number, plot};
use crate::run::pin;
use crate::runtimes::{QUINTET, TOKIO};
use crate::workloads::{InProcess, Metric, Traffic, Work, Workload};

const ROUNDS: u64 = 5;
const ROUNDS_QUICK: u64 = 2;

/// Makes a workload for the list below.
const fn growing(
    id: &'static str,
    title: &'static str,
    work: Work,
    (operations, quick): (u64, u64),
) -> Workload {
    Workload {
        id,
        title,
        work,
        operations,
        quick,
        metrics: &[Metric::Cpu],
    }
}

/// The workloads of the command.
pub(crate) const ALL: &[Workload] = &[
    growing(
        "growth-tasks",
        "spawn and join, by live tasks",
        Work::InProcess(InProcess::SpawnOne),
        (200_000, 50_000),
    ),
    growing(
        "growth-timers",
        "timer set and cancelled, by live timers",
        Work::InProcess(InProcess::Cancel),
        (200_000, 50_000),
    ),
    growing(
        "growth-unref-timers",
        "echo on one loop, by unreferenced timers",
        Work::InProcess(InProcess::UnreferencedTimers { timers: 0 }),
        (100_000, 20_000),
    ),
    growing(
        "growth-connections",
        "echo, by idle connections",
        Work::Server(Traffic::EchoAmong),
        (10_000, 3_000),
    ),
    growing(
        JOBS,
        "spawn_blocking, by queued jobs",
        Work::InProcess(InProcess::BlockingQueued),
        (0, 0),
    ),
];

/// The workload in which the operations themselves are what grows.
const JOBS: &str = "growth-jobs";

/// The numbers of live tasks, timers, connections or jobs.
const STEPS: &[u64] = &[10, 100, 1000, 10_000, 100_000, 1_000_000];
/// Each connection takes a file descriptor in the server and one in this process.
const CONNECTIONS_MAX: u64 = 10_000;

/// Runs the command.
pub(crate) fn growth(args: &Args) -> Result<(), String> {
    let runtimes = chosen_runtimes(args, &[QUINTET, TOKIO])?;
    let workloads: Vec<_> = ALL.iter().filter(|one| args.wants(one.id)).collect();
    if args.one_cpu {
        pin(0)?;
    }
    let rounds = args
        .rounds
        .unwrap_or(if args.quick { ROUNDS_QUICK } else { ROUNDS });
    let total: usize = workloads.iter().map(|one| steps(one).count()).sum();
    let mut progress = Progress::new(total * runtimes.len());
    let mut panels = Vec::new();
    for workload in workloads {
        panels.push(measure(args, workload, &runtimes, rounds, &mut progress));
    }
    drop(progress);
    for panel in &panels {
        println!("{}: ns CPU per operation\n\n{}", panel.title, table(panel));
    }
    write(args.json.as_deref(), || growth_json(&panels))?;
    write(args.svg.as_deref(), || plot(&panels))
}

/// Measures a workload at each step, on each runtime.
fn measure(
    args: &Args,
    workload: &Workload,
    runtimes: &[&'static str],
    rounds: u64,
    progress: &mut Progress,
) -> Panel {
    let series = runtimes
        .iter()
        .map(|runtime| Series {
            name: (*runtime).to_owned(),
            points: Vec::new(),
        })
        .collect();
    let mut panel = Panel {
        title: workload.title.to_owned(),
        series,
    };
    for live in steps(workload) {
        let mut cells = vec![Rounds::default(); runtimes.len()];
        for round in 0..rounds {
            for (cell, runtime) in cells.iter_mut().zip(runtimes) {
                if round == 0 {
                    progress.next(&format!("{} ({live}) on {runtime}", workload.title));
                }
                let run = growing_run(args, workload, runtime, live);
                if let Outcome::Measured(sample) = run.outcome() {
                    cell.samples.push(sample);
                }
            }
        }
        for (series, cell) in panel.series.iter_mut().zip(&cells) {
            if let Some(value) = cell.figure(Metric::Cpu) {
                series.points.push((amount(live), value));
            }
        }
    }
    // A runtime that does not support the workload.
    panel.series.retain(|series| !series.points.is_empty());
    panel
}

fn steps(workload: &Workload) -> impl Iterator<Item = u64> {
    let limit = match workload.work {
        Work::Server(_) => CONNECTIONS_MAX,
        Work::InProcess(_) => u64::MAX,
    };
    STEPS.iter().copied().filter(move |live| *live <= limit)
}

fn growing_run<'a>(args: &Args, workload: &'a Workload, runtime: &'a str, live: u64) -> Run<'a> {
    let operations = if args.quick {
        workload.quick
    } else {
        workload.operations
    };
    let (operations, live) = if workload.id == JOBS {
        (live, None)
    } else {
        (operations, Some(live))
    };
    Run {
        runtime,
        workload,
        operations,
        live,
        pin: args.pin,
    }
}

fn table(panel: &Panel) -> Table {
    let mut table = Table::new([]);
    table.column("live");
    for series in &panel.series {
        table.column(&series.name);
    }
    for live in STEPS {
        let live = amount(*live);
        let cells: Vec<_> = panel
            .series
            .iter()
            .map(|series| {
                let point = series
                    .points
                    .iter()
                    .find(|(x, _)| x.total_cmp(&live).is_eq());
                point.map_or("–".to_owned(), |(_, y)| number(*y))
            })
            .collect();
        if cells.iter().any(|cell| cell != "–") {
            let mut row = vec![number(live)];
            row.extend(cells);
            table.row(row);
        }
    }
    table
}

fn amount(live: u64) -> f64 {
    live as f64
}

#[cfg(test)]
mod tests {
    use super::{ALL, JOBS, growing_run, steps, table};
    use crate::args::Args;
    use crate::report::{Panel, Series};
    use crate::workloads::find;

    #[test]
    fn connections_stop_at_their_maximum() {
        let last = |id: &str| steps(find(id).unwrap()).last();

        assert_eq!(last("growth-connections"), Some(10_000));
        assert_eq!(last("growth-tasks"), Some(1_000_000));
    }

    #[test]
    fn queued_jobs_are_the_operations() {
        let args = Args::default();

        let jobs = growing_run(&args, find(JOBS).unwrap(), "quintet", 100);
        let tasks = growing_run(&args, &ALL[0], "quintet", 100);

        assert_eq!((jobs.operations, jobs.live), (100, None));
        assert_eq!((tasks.operations, tasks.live), (200_000, Some(100)));
    }

    #[test]
    fn the_table_has_a_row_for_each_measured_step() {
        let panel = Panel {
            title: String::new(),
            series: vec![
                Series {
                    name: "a".to_owned(),
                    points: vec![(10.0, 5.0), (100.0, 6.0)],
                },
                Series {
                    name: "b".to_owned(),
                    points: vec![(10.0, 7.0)],
                },
            ],
        };

        let table = table(&panel).to_string();

        assert_eq!(table.lines().count(), 4);
        assert!(table.contains("|  100 | 6.0 |   – |"), "{table}");
    }
}
