//! The command line.

use std::collections::VecDeque;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Compares quintet with other runtimes.

  compare              run each workload on each runtime and print a table
    --only TEXT          run only workloads whose name contains TEXT (repeatable)
    --runtime NAME       run only on this runtime (repeatable)
    --quick              fewer operations and fewer rounds
    --rounds N           run each workload N times on each runtime (default 5; 3 with --quick)
    --pin                run the server and the load generator on different CPUs
    --one-cpu            run all processes on one CPU
    --markdown           measure and print the tables of README.md, as Markdown
    --json FILE          write all results as JSON
    --svg FILE           write a bar chart
  list                 print the names of the workloads and runtimes
  counts               count instructions and system calls per operation
    --check              fail if a count is more than 10 % above counts.toml
    --write              write the counts to counts.toml
    --only TEXT          count and write only workloads whose name contains TEXT (repeatable)
  growth               measure the cost of an operation with more and more live tasks,
                       timers, connections and jobs
    --only TEXT, --runtime NAME, --quick, --rounds N, --one-cpu, --json FILE, --svg FILE
                         as above (default runtimes: quintet and tokio)
  soak                 run everything at once on one loop, and fail if anything grows
    --minutes N          how long (default 10)
    --svg FILE           write what the server holds over time, as charts
";

/// A parsed command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    /// The arguments that are not options, in order.
    pub(crate) words: VecDeque<String>,
    pub(crate) only: Vec<String>,
    pub(crate) runtimes: Vec<String>,
    pub(crate) quick: bool,
    pub(crate) pin: bool,
    pub(crate) one_cpu: bool,
    pub(crate) markdown: bool,
    pub(crate) check: bool,
    pub(crate) write: bool,
    pub(crate) help: bool,
    pub(crate) cold: bool,
    pub(crate) rounds: Option<u64>,
    pub(crate) operations: Option<u64>,
    pub(crate) live: Option<u64>,
    pub(crate) minutes: Option<u64>,
    pub(crate) json: Option<String>,
    pub(crate) svg: Option<String>,
}

impl Args {
    /// Parses a command line without the program's name.
    ///
    /// # Errors
    ///
    /// Returns a message if an option is unknown, lacks its value, has a value although it takes
    /// none, or needs a number and has none.
    pub(crate) fn parse(line: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut args = Args::default();
        let mut line = line.into_iter();
        while let Some(word) = line.next() {
            if !word.starts_with('-') {
                args.words.push_back(word);
                continue;
            }
            // Accepts both `--name value` and `--name=value`.
            let (name, given) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (&*word, None),
            };
            if let Some(flag) = args.flag(name) {
                if given.is_some() {
                    return Err(format!("{name} takes no value"));
                }
                *flag = true;
                continue;
            }
            let mut value = || {
                let value = given.clone().or_else(|| line.next());
                value.ok_or_else(|| format!("{name} needs a value"))
            };
            match name {
                "--only" => args.only.push(value()?),
                "--runtime" => args.runtimes.push(value()?),
                "--json" => args.json = Some(value()?),
                "--svg" => args.svg = Some(value()?),
                "--rounds" => args.rounds = Some(number(name, &value()?)?.max(1)),
                "--operations" => args.operations = Some(number(name, &value()?)?.max(1)),
                "--minutes" => args.minutes = Some(number(name, &value()?)?.max(1)),
                "--live" => args.live = Some(number(name, &value()?)?),
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(args)
    }

    fn flag(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "--quick" => &mut self.quick,
            "--pin" => &mut self.pin,
            "--one-cpu" => &mut self.one_cpu,
            "--markdown" => &mut self.markdown,
            "--check" => &mut self.check,
            "--write" => &mut self.write,
            "--cold" => &mut self.cold,
            "--help" | "-h" => &mut self.help,
            _ => return None,
        })
    }

    /// Returns whether `--only` selects the workload `id`.
    pub(crate) fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|text| id.contains(&**text))
    }
}

fn number(name: &str, value: &str) -> Result<u64, String> {
    let digits = value.replace('_', "");
    digits
        .parse()
        .map_err(|_| format!("{name} needs a number, not `{value}`"))
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_may_stand_anywhere_and_in_both_forms() {
        let args = parse("compare --only echo --rounds=3 --quick --only=http x").unwrap();

        assert_eq!(args.words, ["compare", "x"]);
        assert_eq!(args.only, ["echo", "http"]);
        assert_eq!(args.rounds, Some(3));
        assert!(args.quick);
        assert!(!args.pin);
        assert!(args.wants("echo-1-64"));
        assert!(args.wants("an-echo"));
        assert!(!args.wants("churn"));
    }

    #[test]
    fn all_workloads_are_selected_without_only() {
        assert!(parse("compare").unwrap().wants("churn"));
    }

    #[test]
    fn errors_name_the_option() {
        assert_eq!(parse("--fast").unwrap_err(), "unknown option --fast");
        assert_eq!(parse("--only").unwrap_err(), "--only needs a value");
        assert_eq!(parse("--quick=1").unwrap_err(), "--quick takes no value");
        assert!(parse("--rounds many").unwrap_err().contains("`many`"));
        assert_eq!(parse("--operations 1_000").unwrap().operations, Some(1000));
    }
}
