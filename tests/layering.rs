//! The layers of the crate: which module may name which, checked for every path in `src`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

#[path = "source/files.rs"]
mod files;

use files::{TextFile, code_only, files_in};

/// The top-level modules, from the bottom up. A module may name those of the layers below it.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "helpers",
        &[
            "assert_impl",
            "io_error",
            "numbered",
            "primitive",
            "scope_guard",
        ],
    ),
    (
        "the leaves",
        &[
            "blocked",
            "clock",
            "coop",
            "counts",
            "rng",
            "identity",
            "inbox",
            "page_cache",
            "panics",
            "pool",
            "ready",
            "report",
            "resolver",
            "slots",
            "trace",
            "vars",
            "waits",
        ],
    ),
    ("tasks", &["tasks"]),
    ("phases", &["phase"]),
    ("the loop", &["event_loop"]),
    ("where am I", &["context"]),
    (
        "what users await",
        &[
            "blocking", "fs", "io", "macros", "net", "process", "signal", "sync", "systemd",
            "task", "time", "tokio_io",
        ],
    ),
    ("runtimes", &["runtime"]),
    ("services", &["cluster", "compat", "hyper", "serve"]),
    ("for tests", &["testing"]),
    ("what macros expand to", &["__private"]),
    ("pages to read", &["guide", "order"]),
    ("the door", &["lib"]),
];

/// Modules of one layer of which the first may name the second, and why.
const SIDEWAYS: &[(&str, &str, &str)] = &[
    (
        "blocked",
        "clock",
        "what the kernel says about the time of a thread",
    ),
    (
        "blocked",
        "counts",
        "a watcher sees in which tick the loop is",
    ),
    (
        "blocked",
        "identity",
        "a watcher knows the names and spawn sites of tasks",
    ),
    ("blocked", "report", "a blocked loop is reported"),
    (
        "coop",
        "ready",
        "a task without budget is woken into the deferred list",
    ),
    (
        "pool",
        "panics",
        "users' closures are called and dropped on workers",
    ),
    (
        "panics",
        "blocked",
        "a watcher sees which destructor the loop calls",
    ),
    ("pool", "clock", "times of jobs are counted in nanoseconds"),
    ("pool", "identity", "jobs have names"),
    ("pool", "counts", "the times of jobs are histograms"),
    ("panics", "report", "the panic of a destructor is reported"),
    ("ready", "slots", "the queue is of keys"),
    (
        "report",
        "blocked",
        "a watcher sees which destructor the loop calls",
    ),
    ("report", "clock", "a dump says when timers are due"),
    ("report", "identity", "a report says which task it is about"),
    ("report", "pool", "a report says which jobs wait"),
    (
        "report",
        "panics",
        "the user's function is called where its panic is contained",
    ),
    ("report", "trace", "reports are events, too"),
    ("trace", "identity", "a span says which task it is of"),
    (
        "trace",
        "panics",
        "a subscriber is called where its panic is contained",
    ),
    (
        "vars",
        "panics",
        "the destructors of values that a job has set are called there",
    ),
    ("waits", "slots", "a task that waits is known by its key"),
    ("blocking", "task", "a job has a join handle"),
    (
        "task",
        "blocking",
        "tokio's path of `spawn_blocking`, for code that is ported",
    ),
    ("fs", "blocking", "file operations are jobs"),
    ("fs", "io", "a file is sent when the socket is writable"),
    ("fs", "net", "a file is sent over a socket"),
    (
        "fs",
        "task",
        "operations on a file take turns by awaiting each other's jobs",
    ),
    ("hyper", "serve", "the accept loop of the HTTP server"),
    (
        "cluster",
        "serve",
        "what is dealt to a loop is a listener for a server",
    ),
    ("fs", "time", "a lock that is not free is tried again later"),
    ("net", "blocking", "names are looked up by jobs"),
    ("net", "io", "a socket is a source"),
    ("net", "task", "a look-up that need not be `Send` is a task"),
    ("net", "time", "attempts to connect begin one after another"),
    ("io", "blocking", "plain files are read and written by jobs"),
    (
        "io",
        "signal",
        "a signal says that a window has another size",
    ),
    (
        "io",
        "sync",
        "streams in memory wait and wake as channels do",
    ),
    (
        "sync",
        "time",
        "a message is given up when there is no room in time",
    ),
    (
        "task",
        "sync",
        "tokens and trackers keep their waiters in the same kind of list",
    ),
    ("task", "time", "a drain has a deadline"),
    ("process", "io", "the exit of a child is a source"),
    (
        "process",
        "net",
        "the standard streams of a child are pipes",
    ),
    (
        "process",
        "signal",
        "signals are sent to children, and SIGCHLD says that one has ended",
    ),
    ("signal", "io", "the pipe of signals is a source"),
    ("systemd", "net", "sockets are inherited"),
    ("tokio_io", "fs", "tokio's traits for our files"),
    ("tokio_io", "io", "tokio's traits for streams in memory"),
    ("tokio_io", "net", "tokio's traits for our sockets"),
    (
        "tokio_io",
        "process",
        "tokio's traits for the standard streams of children",
    ),
];

#[test]
fn modules_name_only_what_lies_below_them() {
    let mut complaints = Vec::new();
    for file in source_files() {
        for (line, path) in file.paths() {
            let Some(target) = path.first() else { continue };
            // What is no module is an item of the crate's root.
            let target = if layer_of(target).is_some() {
                target
            } else {
                "lib"
            };
            if !may_name(file.top_level(), target) {
                complaints.push(Complaint::layers(&file, line, &path, target));
            }
        }
    }

    assert!(complaints.is_empty(), "{}", listed(&complaints));
}

#[test]
fn phases_do_not_know_each_other() {
    let shared = ["candidates", "ticket_queue"];
    let mut complaints = Vec::new();
    for file in source_files() {
        let [parent, phase, ..] = &*file.module else {
            continue;
        };
        if parent != "phase" || shared.contains(&&**phase) {
            continue;
        }
        for (line, path) in file.paths() {
            if let [parent, other, ..] = &*path
                && parent == "phase"
                && file.is_submodule_of_phase(other)
                && other != phase
                && !shared.contains(&&**other)
            {
                let reason = format!("the phase `{phase}` must not know the phase `{other}`");
                complaints.push(Complaint::new(&file, line, &path, reason));
            }
        }
    }

    assert!(complaints.is_empty(), "{}", listed(&complaints));
}

#[test]
fn every_module_has_its_layer_and_every_permission_is_used() {
    let files = source_files();
    let modules: BTreeSet<&str> = files.iter().map(SourceFile::top_level).collect();
    let placed: BTreeSet<&str> = LAYERS
        .iter()
        .flat_map(|(_, modules)| *modules)
        .copied()
        .collect();
    let mut used = BTreeSet::new();
    for file in &files {
        used.extend(file.paths().into_iter().filter_map(|(_, path)| {
            let target = path.into_iter().next()?;
            Some((file.top_level().to_owned(), target))
        }));
    }

    let unplaced: Vec<_> = modules.difference(&placed).collect();
    assert!(
        unplaced.is_empty(),
        "give these a place in `LAYERS`: {unplaced:?}"
    );
    let gone: Vec<_> = placed.difference(&modules).collect();
    assert!(gone.is_empty(), "these modules no longer exist: {gone:?}");
    for &(module, other, _) in SIDEWAYS {
        assert_eq!(
            layer_of(module),
            layer_of(other),
            "`{module}` and `{other}`"
        );
        let edge = (module.to_owned(), other.to_owned());
        assert!(used.contains(&edge), "`{module}` no longer names `{other}`");
    }
}

#[test]
fn every_file_says_at_its_top_what_it_is_for() {
    let silent: Vec<_> = source_files()
        .into_iter()
        .filter(|file| !file.file.text.starts_with("//!"))
        .map(|file| file.file.path)
        .collect();

    assert!(
        silent.is_empty(),
        "these do not begin with `//!`: {silent:?}"
    );
}

#[test]
fn modules_stand_in_files_of_their_own_name() {
    let named_mod: Vec<_> = source_files()
        .into_iter()
        .map(|file| file.file.path)
        .filter(|path| path.ends_with("/mod.rs"))
        .collect();

    assert!(named_mod.is_empty(), "{named_mod:?}");
}

#[test]
fn the_tasks_of_another_crate_are_known_to_the_pool_alone() {
    let complaints: Vec<_> = source_files()
        .into_iter()
        .filter(|file| file.top_level() != "pool" && file.code().contains("async_task"))
        .map(|file| file.file.path)
        .collect();

    assert!(
        complaints.is_empty(),
        "`async_task` is named in {complaints:?}"
    );
}

#[test]
fn paths_are_found_however_they_are_written() {
    let file = SourceFile::new(TextFile {
        path: "src/phase/poll/sources.rs".to_owned(),
        text: "\
//! See [`x`](crate::in_a_doc).
use crate::slots::{Key, Slots};
use crate::{clock, tasks::{Header, Message}, phase::{check::Check, close}};
use super::super::line::Line;
use super::{alarm, Poll};
fn f() -> crate::coop::Budget { $crate::in_a_macro!(); mycrate::no() } // crate::in_a_comment
mod inside {
    use super::alarm::Alarm as Clock;
}
#[cfg(test)]
mod tests {
    use crate::runtime::Runtime;
}
"
        .to_owned(),
    });

    let found = file
        .paths()
        .into_iter()
        .map(|(line, path)| (line, path.join("::")));
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            (2, "slots::Key"),
            (2, "slots::Slots"),
            (3, "clock"),
            (3, "tasks::Header"),
            (3, "tasks::Message"),
            (3, "phase::check::Check"),
            (3, "phase::close"),
            (4, "phase::line::Line"),
            (5, "phase::poll::alarm"),
            (5, "phase::poll::Poll"),
            (6, "coop::Budget"),
            (8, "phase::poll::sources::alarm::Alarm"),
        ]
        .map(|(line, path)| (line, path.to_owned()))
    );
}

/// The place of a module in `LAYERS`.
fn layer_of(module: &str) -> Option<usize> {
    LAYERS
        .iter()
        .position(|(_, modules)| modules.contains(&module))
}

fn name_of_layer(module: &str) -> &'static str {
    layer_of(module).map_or("no layer", |layer| LAYERS[layer].0)
}

fn may_name(module: &str, target: &str) -> bool {
    module == target
        || layer_of(target) < layer_of(module)
        || SIDEWAYS
            .iter()
            .any(|&(from, to, _)| (from, to) == (module, target))
}

/// What is wrong with one path.
struct Complaint(String);

impl Complaint {
    fn new(file: &SourceFile, line: usize, path: &[String], reason: impl fmt::Display) -> Self {
        let (file, path) = (&file.file.path, path.join("::"));
        Complaint(format!("{file}:{line}: `{path}`: {reason}"))
    }

    fn layers(file: &SourceFile, line: usize, path: &[String], target: &str) -> Self {
        let module = file.top_level();
        let (own, other) = (name_of_layer(module), name_of_layer(target));
        let reason = format!("`{module}` ({own}) must not know `{target}` ({other})");
        Complaint::new(file, line, path, reason)
    }
}

fn listed(complaints: &[Complaint]) -> String {
    let lines = complaints
        .iter()
        .map(|Complaint(text)| format!("\n  {text}"));
    lines.collect()
}

/// A file of `src`.
struct SourceFile {
    file: TextFile,
    /// The module's path within the crate; `["lib"]` for the root.
    module: Vec<String>,
}

impl SourceFile {
    fn new(file: TextFile) -> Self {
        let path = file.path.trim_end_matches(".rs").split('/');
        let module = path.skip(1).map(str::to_owned).collect();
        SourceFile { file, module }
    }

    fn top_level(&self) -> &str {
        &self.module[0]
    }

    /// Whether `name` is a module in `src/phase`.
    fn is_submodule_of_phase(&self, name: &str) -> bool {
        let phases = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/phase");
        phases.join(name).with_extension("rs").exists()
    }

    /// The code without the unit tests, which may name any module.
    fn code(&self) -> String {
        if self.file.is_of_unit_tests() {
            return String::new();
        }
        code_only(self.file.without_unit_tests())
    }

    /// All paths that begin with `crate` or `super`, from the crate's root, and their lines.
    fn paths(&self) -> Vec<(usize, Vec<String>)> {
        let code = self.code();
        let mut found = Vec::new();
        for keyword in ["crate::", "super::"] {
            for (start, _) in code.match_indices(keyword) {
                let before = code[..start].chars().next_back();
                let is_whole = !before.is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c));
                if is_whole {
                    let line = code[..start].lines().count().max(1);
                    let line = line + usize::from(code[..start].ends_with('\n'));
                    let module = self.module_at(&code, start);
                    let mut leaves = Vec::new();
                    expand(&code[start..], &mut Vec::new(), &mut leaves);
                    let resolved = leaves.into_iter().map(|leaf| from_root(&module, leaf));
                    found.extend(resolved.map(|path| (line, path)));
                }
            }
        }
        found.sort_by_key(|&(line, _)| line);
        found
    }

    /// The path of the module that the code at `position` belongs to.
    fn module_at(&self, code: &str, position: usize) -> Vec<String> {
        let mut module = self.module.clone();
        if module == ["lib"] {
            module.clear();
        }
        // What of the code before is still open, and under which name.
        let mut open: Vec<Option<&str>> = Vec::new();
        for (at, brace) in code[..position].match_indices(['{', '}']) {
            if brace == "}" {
                open.pop();
                continue;
            }
            let mut words = code[..at].split_whitespace().rev();
            let name = words.next();
            open.push(name.filter(|_| words.next() == Some("mod")));
        }
        module.extend(open.into_iter().flatten().map(str::to_owned));
        module
    }
}

/// Resolves `crate` and `super` at the beginning of a path in `module`.
fn from_root(module: &[String], path: Vec<String>) -> Vec<String> {
    let mut base = module.to_vec();
    let mut rest = path.into_iter().peekable();
    while let Some(step) = rest.next_if(|step| step == "crate" || step == "super") {
        if step == "crate" {
            base.clear();
        } else {
            base.pop();
        }
    }
    base.extend(rest);
    base
}

/// Adds the paths that `text` begins with, one for each leaf of its groups, behind `prefix`.
/// Returns what follows.
fn expand<'a>(text: &'a str, prefix: &mut Vec<String>, leaves: &mut Vec<Vec<String>>) -> &'a str {
    let depth = prefix.len();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            rest = group;
            while !rest.trim_start().starts_with('}') {
                rest = expand(rest, prefix, leaves).trim_start();
                rest = rest.strip_prefix(',').unwrap_or(rest);
            }
            rest = &rest.trim_start()[1..];
            break;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*');
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        prefix.push(name.to_owned());
        rest = after;
        match after.strip_prefix("::") {
            Some(next) if !next.starts_with('<') => rest = next,
            _ => {
                leaves.push(prefix.clone());
                break;
            }
        }
    }
    prefix.truncate(depth);
    // A new name for it.
    match rest.trim_start().strip_prefix("as ") {
        Some(renamed) => renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
        None => rest,
    }
}

/// Returns all files of `src`.
fn source_files() -> Vec<SourceFile> {
    let files: Vec<_> = files_in("src", &["rs"])
        .into_iter()
        .map(SourceFile::new)
        .collect();
    assert!(files.len() > 20, "the source is not found");
    files
}
