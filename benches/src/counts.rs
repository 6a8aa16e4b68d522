//! The command `counts`: instructions and system calls per operation.
//!
//! These counts repeat exactly, even on a busy machine. `counts.toml` stores them, and CI fails if
//! a change increases one.
//!
//! A count is the difference between a run of 3 n operations and one of n, divided by 2 n. So
//! starting and ending the process and the runtime is not included.

mod file;
mod tools;
mod watched;

use std::fs;
use std::path::PathBuf;

use self::file::{Counts, Verdict};
use self::tools::Tool;
use crate::args::Args;
use crate::child::Run;
use crate::machine;
use crate::progress::Progress;
use crate::report::Table;
use crate::runtimes::{NAMES, QUINTET, QUINTET_GUEST, TOKIO, TOKIO_SYNC};
use crate::stacks;
use crate::workloads::{InProcess, Traffic, Work, find};

/// The workloads that are counted, with n for instructions and n for system calls; with n = 0 the
/// count is left out.
///
/// n is a multiple of the batch size where the workload has batches, and small, since the tools are
/// slow.
const COUNTED: &[(&str, u64, u64)] = &[
    ("spawn-join", 2000, 500),
    ("spawn-join-1000", 2000, 1000),
    ("self-wake-1", 5000, 500),
    ("yield-1", 5000, 500),
    ("ping-pong", 5000, 500),
    ("ring", 5000, 500),
    ("sleep-0", 2000, 500),
    ("timer-cancel", 2000, 500),
    ("oneshot", 2000, 0),
    ("mpsc", 3200, 0),
    ("watch-8", 500, 0),
    ("broadcast-8", 512, 0),
    ("mutex", 5120, 0),
    ("mutex-8", 2000, 0),
    ("rwlock-read", 5120, 0),
    ("semaphore", 5120, 0),
    ("semaphore-8", 2000, 0),
    ("notify", 2000, 0),
    ("waiters-1", 500, 200),
    ("waiters-8", 200, 200),
    ("waiters-64", 100, 100),
    ("echo-udp", 500, 200),
    ("echo-unix", 500, 200),
    ("unref-timers-10", 500, 0),
    ("unref-timers-1000", 500, 0),
    ("unref-timers-100k", 500, 0),
    ("echo-loop", 500, 200),
    ("churn-loop", 200, 100),
    ("http-1-loop", 400, 200),
    ("http-64-loop", 640, 320),
    ("http-1000-loop", 1000, 1000),
    ("http-churn-loop", 200, 100),
    ("http2-100-loop", 1000, 1000),
    ("echo-1-64", 500, 200),
    ("axum-hello-1", 400, 200),
    ("axum-json-10k-1", 100, 100),
    ("tonic-unary-1", 200, 200),
    ("tls-echo-1", 400, 200),
    ("websocket-echo-1", 400, 200),
    // As `read-4k` below.
    ("static-4k-1", 0, 200),
    ("static-1m-1", 0, 50),
    ("blocking-1", 500, 500),
    ("blocking-1000", 4000, 4000),
    ("cpu-1", 500, 500),
    ("cpu-1000", 4000, 4000),
    // valgrind does not know the calls by which the loop reads from the page cache.
    ("read-4k", 0, 200),
    ("read-4k-64", 0, 640),
    ("write-4k-64", 640, 640),
    ("copy-1g", 32, 64),
    ("walk-50k", 1000, 2000),
    ("children-1", 50, 50),
    ("children-64", 128, 128),
    ("idle", 0, 50),
];

/// Workloads that `--check` ignores. Their counts depend on the machine: where the file system
/// cannot read from its cache without blocking, a worker thread reads. And with worker threads it
/// depends on the moment which of them have to be woken.
const NOT_CHECKED: &[&str] = &[
    "static-4k-1",
    "static-1m-1",
    "blocking-1",
    "blocking-1000",
    "cpu-1",
    "cpu-1000",
    "read-4k",
    "read-4k-64",
    "write-4k-64",
    "copy-1g",
    "walk-50k",
    "children-1",
    "children-64",
];

/// Workloads that are to take at most as much as tokio's: primitives as tokio's `sync` on quintet's
/// loop, the others as tokio's runtime. Those of HTTP/2 vary by half a per cent from run to run,
/// and are as far apart.
const AT_MOST_TOKIO: &[&str] = &[
    "oneshot",
    "watch-8",
    "broadcast-8",
    "mutex",
    "echo-udp",
    "echo-unix",
    "echo-1-64",
    "http-1-loop",
    "http-64-loop",
    "http-1000-loop",
    "http-churn-loop",
];

/// Returns what a workload is counted beside, or `None` if it is counted on quintet alone: tokio's
/// `sync` on quintet's loop for a primitive, tokio's runtime for servers, sockets, files, jobs and
/// children.
fn beside(id: &str) -> Option<&'static str> {
    match find(id)?.work {
        Work::InProcess(InProcess::Primitive(_)) => Some(TOKIO_SYNC),
        Work::InProcess(
            InProcess::Echo { .. }
            | InProcess::Http(_)
            | InProcess::BlockingOne
            | InProcess::BlockingMany
            | InProcess::CpuOne
            | InProcess::CpuMany
            | InProcess::ReadSmall { .. }
            | InProcess::Files(_)
            | InProcess::Children { .. },
        )
        | Work::Server(_) => Some(TOKIO),
        _ => None,
    }
}

/// Returns whether a workload is counted on quintet as the guest of tokio, too.
fn has_guest(id: &str) -> bool {
    let is_hosted = |work| {
        matches!(
            work,
            Work::InProcess(InProcess::Echo { .. } | InProcess::Http(_)) | Work::Server(_)
        )
    };
    find(id).is_some_and(|workload| is_hosted(workload.work))
}

/// Returns the name of the row of what a workload is counted beside.
fn row_beside(id: &str) -> Option<String> {
    let suffix = match beside(id)? {
        TOKIO_SYNC => "tokio-sync",
        runtime => runtime,
    };
    Some(format!("{id}-{suffix}"))
}

/// Returns the name of the row of a guest.
fn row_of_guest(id: &str) -> Option<String> {
    has_guest(id).then(|| format!("{id}-guest"))
}

/// Returns whether this build cannot count `row`, and another one can.
fn needs_more(row: &str) -> bool {
    let is_it = |rows: Vec<(String, _)>| rows.iter().any(|(name, _)| name == row);
    COUNTED
        .iter()
        .any(|(id, ..)| is_it(all_rows(id)) && !is_it(rows(id)))
}

/// Returns the rows of a workload with the runtime of each: quintet, what it is counted beside, and
/// the guest.
fn all_rows(id: &str) -> Vec<(String, &'static str)> {
    let mut rows = vec![(id.to_owned(), QUINTET)];
    rows.extend(row_beside(id).zip(beside(id)));
    rows.extend(row_of_guest(id).map(|row| (row, QUINTET_GUEST)));
    rows
}

/// Returns those that are part of this build.
fn rows(id: &str) -> Vec<(String, &'static str)> {
    let is_stack = find(id)
        .is_some_and(|workload| matches!(workload.work, Work::Server(Traffic::Stack { .. })));
    let mut rows = all_rows(id);
    rows.retain(|(_, runtime)| NAMES.contains(runtime) && (!is_stack || stacks::ARE_BUILT));
    rows
}

/// Runs the command.
pub(crate) fn counts(args: &Args) -> Result<(), String> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/counts.toml"));
    let stored = match fs::read_to_string(&path) {
        Ok(text) => Counts::parse(&text)?,
        Err(_) => Counts::default(),
    };
    let measured = measure(args)?;
    let table = table(&stored, &measured);
    if !table.is_empty() {
        print!("{table}");
    }
    let beside_tokio = beside_tokio(&stored, &measured);
    if !beside_tokio.is_empty() {
        print!("\n{beside_tokio}");
    }
    if args.write {
        let text = to_write(&stored, &measured, !args.only.is_empty())?.to_string();
        return fs::write(&path, text)
            .map_err(|error| format!("cannot write counts.toml: {error}"));
    }
    if args.check {
        return check(&stored, &measured);
    }
    Ok(())
}

/// Returns the new contents of `counts.toml`. Those rows stay that this run has not counted: with
/// `is_part` all others, otherwise those that this build cannot count.
fn to_write(stored: &Counts, measured: &Counts, is_part: bool) -> Result<Counts, String> {
    if is_part && stored.rustc != measured.rustc {
        return Err(format!(
            "counts.toml was made with {}, and this is {}: write all counts, without --only",
            stored.rustc, measured.rustc
        ));
    }
    let mut counts = measured.clone();
    for (tool, row, value) in stored.all() {
        let stays = is_part || needs_more(row);
        if stays && measured.get(tool, row).is_none() {
            counts.insert(tool, row, value);
        }
    }
    Ok(counts)
}

/// Returns an error that names the counts that exceed those of `counts.toml`, and the workloads
/// that exceed tokio's although they did not in `counts.toml`. Prints all other findings.
fn check(stored: &Counts, measured: &Counts) -> Result<(), String> {
    let print = |finding: &str, counts: Vec<String>| {
        if !counts.is_empty() {
            println!("\n{finding}: {}", counts.join(", "));
        }
    };
    print(
        "more than tokio's",
        above_tokio(stored, measured, |_, _| true),
    );
    print(
        "lower than in counts.toml, update it with `counts --write`",
        with_verdict(Verdict::Fewer, stored, measured),
    );
    print(
        "not in counts.toml, update it with `counts --write`",
        with_verdict(Verdict::New, stored, measured),
    );
    let mut failures = Vec::new();
    let more = with_verdict(Verdict::More, stored, measured);
    if !more.is_empty() {
        failures.push(format!(
            "more than 10 % above counts.toml: {}",
            more.join(", ")
        ));
    }
    let costly = watched::too_costly(measured);
    if !costly.is_empty() {
        failures.push(format!(
            "too much above the same loop without a watcher: {}",
            costly.join(", ")
        ));
    }
    let held = |tool: Tool, id: &str| {
        both(tool, stored, stored, id).is_some_and(|both| !is_above(tool, both))
    };
    let lost = above_tokio(stored, measured, held);
    if !lost.is_empty() {
        failures.push(format!("now more than tokio's: {}", lost.join(", ")));
    }
    if failures.is_empty() {
        return Ok(());
    }
    let message = format!("\n{}", failures.join("\n"));
    if stored.rustc != measured.rustc {
        println!(
            "{message}\nThis is not an error: counts.toml was made with {}, and this is {}.",
            stored.rustc, measured.rustc
        );
        return Ok(());
    }
    Err(message)
}

/// Describes the counts that have the verdict `wanted`. Leaves out those that are not checked.
fn with_verdict(wanted: Verdict, stored: &Counts, measured: &Counts) -> Vec<String> {
    let of_tokio: Vec<_> = COUNTED
        .iter()
        .filter_map(|(id, ..)| row_beside(id))
        .collect();
    file::compare(stored, measured)
        .into_iter()
        .filter(|(_, id, verdict)| {
            *verdict == wanted && !NOT_CHECKED.contains(&&**id) && !of_tokio.contains(id)
        })
        .map(|(tool, id, _)| {
            let figure = |counts: &Counts| {
                let value = counts.get(tool, &id);
                value.map_or("–".to_owned(), |value| tool.shown(value))
            };
            format!(
                "{} of {id} ({} in counts.toml, {} now)",
                tool.unit(),
                figure(stored),
                figure(measured)
            )
        })
        .collect()
}

fn measure(args: &Args) -> Result<Counts, String> {
    let mut measured = Counts::of(&machine::version_of("rustc").unwrap_or_default());
    let wanted: Vec<_> = COUNTED
        .iter()
        .filter(|(id, ..)| args.wants(id) && !rows(id).is_empty())
        .collect();
    if wanted.is_empty() {
        let names: Vec<_> = COUNTED.iter().map(|(id, ..)| *id).collect();
        return Err(format!(
            "no counted workload matches; there are: {}",
            names.join(" ")
        ));
    }
    let mut progress = Progress::new(2 * wanted.len());
    for tool in [Tool::Callgrind, Tool::Strace] {
        if let Err(why) = tool.probe() {
            println!("{} are NOT COUNTED: {why}", tool.unit());
            continue;
        }
        for (id, instructions, system_calls) in &wanted {
            let operations = match tool {
                Tool::Callgrind => *instructions,
                Tool::Strace => *system_calls,
            };
            progress.next(&format!("{} of {id}", tool.unit()));
            if operations == 0 {
                continue;
            }
            keep_files(id, operations);
            for (row, runtime) in rows(id) {
                let few = tool.count(id, runtime, operations)?;
                let many = tool.count(id, runtime, 3 * operations)?;
                measured.insert(tool, &row, per_operation(few, many, operations));
            }
            if let Some(row) = watched::row(id).filter(|_| tool == Tool::Callgrind) {
                let few = tools::count_watched(id, QUINTET, operations)?;
                let many = tools::count_watched(id, QUINTET, 3 * operations)?;
                measured.insert(tool, &row, per_operation(few, many, operations));
            }
        }
    }
    Ok(measured)
}

/// Lets a workload make the files that it keeps for later runs, so that no counted run does.
fn keep_files(id: &str, operations: u64) {
    let Some(workload) = find(id) else { return };
    let Work::InProcess(InProcess::Files(_) | InProcess::ReadSmall { .. }) = workload.work else {
        return;
    };
    for operations in [operations, 3 * operations] {
        let run = Run {
            runtime: QUINTET,
            workload,
            operations,
            live: None,
            pin: false,
        };
        // If it fails, so do the counted runs.
        let _outcome = run.outcome();
    }
}

fn per_operation(few: u64, many: u64, operations: u64) -> f64 {
    many.saturating_sub(few) as f64 / (2 * operations) as f64
}

/// Returns a table of the workloads that are counted beside tokio's.
fn beside_tokio(stored: &Counts, measured: &Counts) -> Table {
    let mut table = Table::new(["beside tokio", "per operation"]);
    for column in ["quintet", "tokio", "ratio", "guest", "ratio"] {
        table.column(column);
    }
    for tool in [Tool::Callgrind, Tool::Strace] {
        for (id, ..) in COUNTED {
            if let Some((ours, theirs)) = both(tool, stored, measured, id) {
                let guest = row_of_guest(id).and_then(|row| measured.get(tool, &row));
                let or_none = |text: Option<String>| text.unwrap_or_default();
                table.row(vec![
                    (*id).to_owned(),
                    tool.unit().to_owned(),
                    tool.shown(ours),
                    tool.shown(theirs),
                    format!("{:.2}", ours / theirs),
                    or_none(guest.map(|guest| tool.shown(guest))),
                    or_none(guest.map(|guest| format!("{:.2}", guest / theirs))),
                ]);
            }
        }
    }
    table
}

/// Returns those workloads of [`AT_MOST_TOKIO`] that `is_wanted` selects and that take more than
/// tokio's, with both counts.
fn above_tokio(
    stored: &Counts,
    measured: &Counts,
    is_wanted: impl Fn(Tool, &str) -> bool,
) -> Vec<String> {
    let mut above = Vec::new();
    for tool in [Tool::Callgrind, Tool::Strace] {
        for id in AT_MOST_TOKIO.iter().filter(|id| is_wanted(tool, id)) {
            if let Some((ours, theirs)) = both(tool, stored, measured, id)
                && is_above(tool, (ours, theirs))
            {
                let (ours, theirs) = (tool.shown(ours), tool.shown(theirs));
                above.push(format!("{} of {id} ({ours} : {theirs})", tool.unit()));
            }
        }
    }
    above
}

/// Returns whether the first count is above the second. A few stray system calls are none.
fn is_above(tool: Tool, (ours, theirs): (f64, f64)) -> bool {
    let slack = match tool {
        Tool::Callgrind => 0.0,
        Tool::Strace => tool.slack(),
    };
    ours > theirs + slack
}

/// Returns the count of a workload and that of tokio's. A build without the peers takes the latter
/// from `counts.toml`.
fn both(tool: Tool, stored: &Counts, measured: &Counts, id: &str) -> Option<(f64, f64)> {
    let ours = measured.get(tool, id)?;
    let row = row_beside(id)?;
    let theirs = measured.get(tool, &row).or_else(|| stored.get(tool, &row));
    Some((ours, theirs?))
}

fn table(stored: &Counts, measured: &Counts) -> Table {
    let mut table = Table::new(["workload", "per operation"]);
    for column in ["counts.toml", "measured", "ratio"] {
        table.column(column);
    }
    for (tool, id, value) in measured.all() {
        let before = stored.get(tool, id);
        table.row(vec![
            id.to_owned(),
            tool.unit().to_owned(),
            before.map_or("–".to_owned(), |before| tool.shown(before)),
            tool.shown(value),
            match before {
                Some(before) if before > 0.0 => format!("{:.3}", value / before),
                _ => "–".to_owned(),
            },
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{
        AT_MOST_TOKIO, COUNTED, Counts, NAMES, QUINTET_GUEST, TOKIO, Tool, above_tokio, check,
        find, per_operation, row_beside, rows, to_write,
    };

    fn counts_of(rustc: &str, value: f64) -> Counts {
        let mut counts = Counts::of(rustc);
        counts.insert(Tool::Callgrind, "ring", value);
        counts
    }

    #[test]
    fn each_counted_workload_exists() {
        for (id, ..) in COUNTED {
            assert!(find(id).is_some(), "{id}");
        }
    }

    #[test]
    fn starting_and_ending_are_not_included() {
        assert!((per_operation(1_000_100, 1_000_300, 10) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_higher_count_fails_unless_the_compiler_differs() {
        let stored = counts_of("rustc 1", 100.0);

        let failure = check(&stored, &counts_of("rustc 1", 111.0)).unwrap_err();

        assert!(
            failure.contains("instructions of ring (100 in counts.toml, 111 now)"),
            "{failure}"
        );
        assert_eq!(check(&stored, &counts_of("rustc 1", 109.0)), Ok(()));
        assert_eq!(check(&stored, &counts_of("rustc 2", 200.0)), Ok(()));
        assert_eq!(check(&stored, &counts_of("rustc 1", 50.0)), Ok(()));
    }

    #[test]
    fn each_workload_that_is_compared_has_a_row_of_tokio() {
        assert_eq!(rows("oneshot").len(), 2);
        assert_eq!(rows("ring").len(), 1);
        let with_peers = NAMES.contains(&TOKIO);
        let with_guest = NAMES.contains(&QUINTET_GUEST);
        let others = usize::from(with_peers) + usize::from(with_guest);
        assert_eq!(rows("echo-udp").len(), 1 + others);
        assert_eq!(rows("axum-hello-1").len(), if with_guest { 3 } else { 0 });
        for id in AT_MOST_TOKIO {
            assert!(row_beside(id).is_some(), "{id}");
            assert!(COUNTED.iter().any(|(counted, ..)| counted == id), "{id}");
        }
    }

    /// Our instructions of `oneshot` and those of tokio.
    fn oneshot(ours: f64, theirs: f64) -> Counts {
        let mut counts = Counts::of("rustc 1");
        counts.insert(Tool::Callgrind, "oneshot", ours);
        counts.insert(Tool::Callgrind, "oneshot-tokio-sync", theirs);
        counts
    }

    /// The counts of a file in which the system calls of `echo-udp` are these.
    fn echo(ours: f64, theirs: Option<f64>) -> Counts {
        let mut counts = Counts::of("rustc 1");
        counts.insert(Tool::Strace, "echo-udp", ours);
        if let Some(theirs) = theirs {
            counts.insert(Tool::Strace, "echo-udp-tokio", theirs);
        }
        counts
    }

    #[test]
    fn a_primitive_above_tokio_is_listed() {
        let none = Counts::default();
        assert!(above_tokio(&none, &oneshot(800.0, 800.0), |_, _| true).is_empty());
        assert!(above_tokio(&none, &oneshot(801.0, 800.0), |_, _| false).is_empty());
        assert_eq!(
            above_tokio(&none, &oneshot(801.0, 800.0), |_, _| true),
            ["instructions of oneshot (801 : 800)"]
        );
    }

    #[test]
    fn an_echo_fails_if_it_rises_above_the_stored_count_of_tokio() {
        let stored = echo(8.0, Some(8.0));

        let failure = check(&stored, &echo(8.5, None)).unwrap_err();

        assert!(
            failure.contains("system calls of echo-udp (8.50 : 8.00)"),
            "{failure}"
        );
        assert_eq!(check(&stored, &echo(8.01, None)), Ok(()));
        // The count of this build is taken before the stored one.
        assert_eq!(check(&stored, &echo(8.5, Some(8.5))), Ok(()));
    }

    #[test]
    fn writing_a_part_keeps_the_other_rows() {
        let mut stored = counts_of("rustc 1", 100.0);
        stored.insert(Tool::Strace, "echo-udp", 9.0);

        let written = to_write(&stored, &echo(8.0, None), true).unwrap();

        assert_eq!(written.get(Tool::Callgrind, "ring"), Some(100.0));
        assert_eq!(written.get(Tool::Strace, "echo-udp"), Some(8.0));
        assert!(to_write(&stored, &counts_of("rustc 2", 100.0), true).is_err());
    }

    #[test]
    fn writing_all_keeps_the_rows_that_need_the_peers() {
        let mut stored = echo(9.0, Some(9.0));
        stored.insert(Tool::Callgrind, "removed", 1.0);

        let written = to_write(&stored, &echo(8.0, None), false).unwrap();

        assert_eq!(written.get(Tool::Strace, "echo-udp"), Some(8.0));
        assert_eq!(written.get(Tool::Callgrind, "removed"), None);
        let kept = (!NAMES.contains(&TOKIO)).then_some(9.0);
        assert_eq!(written.get(Tool::Strace, "echo-udp-tokio"), kept);
    }

    #[test]
    fn a_primitive_fails_if_it_rises_above_tokio() {
        let failure = check(&oneshot(800.0, 800.0), &oneshot(801.0, 800.0)).unwrap_err();

        assert!(
            failure.contains("instructions of oneshot (801 : 800)"),
            "{failure}"
        );
        // It was above before.
        assert_eq!(
            check(&oneshot(850.0, 800.0), &oneshot(840.0, 800.0)),
            Ok(())
        );
    }

    #[test]
    fn counts_of_tokio_do_not_fail() {
        let tokio = |value| {
            let mut counts = Counts::of("rustc 1");
            counts.insert(Tool::Callgrind, "oneshot-tokio-sync", value);
            counts
        };

        assert_eq!(check(&tokio(800.0), &tokio(1600.0)), Ok(()));
    }

    #[test]
    fn counts_that_depend_on_the_machine_do_not_fail() {
        let reads = |value| {
            let mut counts = Counts::of("rustc 1");
            counts.insert(Tool::Strace, "read-4k", value);
            counts
        };

        assert_eq!(check(&reads(4.0), &reads(9.0)), Ok(()));
    }
}
