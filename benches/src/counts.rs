//! The command `counts`: instructions and system calls per operation.
//!
//! These counts repeat exactly, even on a busy machine. `counts.toml` stores them, and CI fails if
//! a change increases one.
//!
//! A count is the difference between a run of 3 n operations and one of n, divided by 2 n. So
//! starting and ending the process and the runtime is not included.

mod file;
mod tools;

use std::fs;
use std::path::PathBuf;

use self::file::{Counts, Verdict};
use self::tools::Tool;
use crate::args::Args;
use crate::machine;
use crate::progress::Progress;
use crate::report::Table;
use crate::runtimes::{QUINTET, TOKIO_SYNC};
use crate::workloads::{InProcess, Work, find};

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
    ("unref-timers-10", 500, 0),
    ("unref-timers-1000", 500, 0),
    ("unref-timers-100k", 500, 0),
    ("echo-loop", 500, 200),
    ("churn-loop", 200, 100),
    ("read-4k", 0, 200),
    ("idle", 0, 50),
];

/// Workloads that `--check` ignores. Their counts depend on the machine: where the file system
/// cannot read from its cache without blocking, a worker thread reads.
const NOT_CHECKED: &[&str] = &["read-4k"];

/// Primitives that are to take at most as many instructions as tokio's `sync` on quintet's loop.
const AT_MOST_TOKIO: &[&str] = &["oneshot", "watch-8", "broadcast-8", "mutex"];

/// Returns the name of the row for tokio's `sync` on quintet's loop.
fn by_tokio_sync(id: &str) -> String {
    format!("{id}-tokio-sync")
}

/// Returns the rows of a workload with the runtime of each: quintet, and for a primitive also
/// tokio's `sync` on quintet's loop.
fn rows(id: &str) -> Vec<(String, &'static str)> {
    let is_primitive = find(id)
        .is_some_and(|workload| matches!(workload.work, Work::InProcess(InProcess::Primitive(_))));
    let mut rows = vec![(id.to_owned(), QUINTET)];
    if is_primitive {
        rows.push((by_tokio_sync(id), TOKIO_SYNC));
    }
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
    let beside_tokio = beside_tokio(&measured);
    if !beside_tokio.is_empty() {
        print!("\n{beside_tokio}");
    }
    if args.write {
        if !args.only.is_empty() {
            return Err("--write replaces all counts, so it cannot be used with --only".to_owned());
        }
        let text = measured.to_string();
        return fs::write(&path, text)
            .map_err(|error| format!("cannot write counts.toml: {error}"));
    }
    if args.check {
        return check(&stored, &measured);
    }
    Ok(())
}

/// Returns an error that names the counts that exceed those of `counts.toml`, and the primitives
/// that exceed tokio's although they did not in `counts.toml`. Prints all other findings.
fn check(stored: &Counts, measured: &Counts) -> Result<(), String> {
    let print = |finding: &str, counts: Vec<String>| {
        if !counts.is_empty() {
            println!("\n{finding}: {}", counts.join(", "));
        }
    };
    print(
        "more instructions than tokio's `sync` on the same loop",
        above_tokio(measured, |_| true),
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
    let held = |id: &str| both(stored, id).is_some_and(|(ours, theirs)| ours <= theirs);
    let lost = above_tokio(measured, held);
    if !lost.is_empty() {
        failures.push(format!(
            "now more instructions than tokio's `sync`: {}",
            lost.join(", ")
        ));
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
    let of_tokio: Vec<_> = COUNTED.iter().map(|(id, ..)| by_tokio_sync(id)).collect();
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
    let wanted: Vec<_> = COUNTED.iter().filter(|(id, ..)| args.wants(id)).collect();
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
            for (row, runtime) in rows(id) {
                let few = tool.count(id, runtime, operations)?;
                let many = tool.count(id, runtime, 3 * operations)?;
                measured.insert(tool, &row, per_operation(few, many, operations));
            }
        }
    }
    Ok(measured)
}

fn per_operation(few: u64, many: u64, operations: u64) -> f64 {
    many.saturating_sub(few) as f64 / (2 * operations) as f64
}

/// Returns a table of the primitives: quintet's instructions beside those of tokio's `sync`.
fn beside_tokio(measured: &Counts) -> Table {
    let mut table = Table::new(["instructions per operation"]);
    for column in ["quintet", "tokio's sync", "ratio"] {
        table.column(column);
    }
    for (id, ..) in COUNTED {
        if let Some((ours, theirs)) = both(measured, id) {
            table.row(vec![
                (*id).to_owned(),
                Tool::Callgrind.shown(ours),
                Tool::Callgrind.shown(theirs),
                format!("{:.2}", ours / theirs),
            ]);
        }
    }
    table
}

/// Returns those primitives of [`AT_MOST_TOKIO`] that `is_wanted` selects and that take more
/// instructions than tokio's, with both counts.
fn above_tokio(measured: &Counts, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let above = |id: &&str| {
        let (ours, theirs) = both(measured, id)?;
        (ours > theirs).then(|| format!("{id} ({ours:.0} : {theirs:.0})"))
    };
    let wanted = AT_MOST_TOKIO.iter().filter(|id| is_wanted(id));
    wanted.filter_map(above).collect()
}

/// Returns the instructions of quintet's primitive and of tokio's, if both were counted.
fn both(measured: &Counts, id: &str) -> Option<(f64, f64)> {
    let ours = measured.get(Tool::Callgrind, id)?;
    let theirs = measured.get(Tool::Callgrind, &by_tokio_sync(id))?;
    Some((ours, theirs))
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
        AT_MOST_TOKIO, COUNTED, Counts, Tool, above_tokio, by_tokio_sync, check, find,
        per_operation, rows,
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
    fn each_primitive_is_counted_with_both_libraries() {
        assert_eq!(rows("oneshot").len(), 2);
        assert_eq!(rows("ring").len(), 1);
        for id in AT_MOST_TOKIO {
            assert_eq!(rows(id).len(), 2, "{id}");
            assert!(COUNTED.iter().any(|(counted, ..)| counted == id), "{id}");
        }
    }

    /// Our instructions of `oneshot` and those of tokio.
    fn oneshot(ours: f64, theirs: f64) -> Counts {
        let mut counts = Counts::of("rustc 1");
        counts.insert(Tool::Callgrind, "oneshot", ours);
        counts.insert(Tool::Callgrind, &by_tokio_sync("oneshot"), theirs);
        counts
    }

    #[test]
    fn a_primitive_above_tokio_is_listed() {
        assert!(above_tokio(&oneshot(800.0, 800.0), |_| true).is_empty());
        assert!(above_tokio(&oneshot(801.0, 800.0), |_| false).is_empty());
        assert_eq!(
            above_tokio(&oneshot(801.0, 800.0), |_| true),
            ["oneshot (801 : 800)"]
        );
    }

    #[test]
    fn a_primitive_fails_if_it_rises_above_tokio() {
        let failure = check(&oneshot(800.0, 800.0), &oneshot(801.0, 800.0)).unwrap_err();

        assert!(failure.contains("oneshot (801 : 800)"), "{failure}");
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
            counts.insert(Tool::Callgrind, &by_tokio_sync("oneshot"), value);
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
