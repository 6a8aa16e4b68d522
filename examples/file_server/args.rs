//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
Serves a directory over HTTP/1.1.

Usage: file_server [OPTIONS]

  --dir DIR          what to serve [default: the demo site beside the example]
  --host HOST        address or name to listen on [default: 127.0.0.1]
  --port N           port to listen on, 0 for any free one [default: 8080]
  --grace SECONDS    how long requests may go on after Ctrl-C [default: 5]
  --patience SECONDS how long a client may say nothing [default: 30], and how long
                     it may read nothing, which is at least 90
  --connections N    how many connections are open at most [default: 500]
  --quiet            log no requests
  --help             print this
";

/// The demo site.
const WWW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/www");

/// A connection needs a descriptor, and one more while it sends a file; 1024 is the usual limit.
const CONNECTIONS_DEFAULT: usize = 500;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Serve(Options),
    Help,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// How long requests may go on after Ctrl-C.
    pub(crate) grace: Duration,
    /// How long a client may be silent, or read nothing of what is sent to it.
    pub(crate) patience: Duration,
    /// How many connections are open at most.
    pub(crate) connections: usize,
    pub(crate) is_quiet: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            dir: Path::new(WWW).to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 8080,
            grace: Duration::from_secs(5),
            patience: Duration::from_secs(30),
            connections: CONNECTIONS_DEFAULT,
            is_quiet: false,
        }
    }
}

/// Reads the arguments, without the program's name; an error is a line for the user.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut args = args.into_iter();
    let mut options = Options::default();
    while let Some(name) = args.next() {
        let name = name.to_string_lossy();
        let mut value = || {
            args.next()
                .ok_or_else(|| format!("{name} needs a value after it"))
        };
        match &*name {
            "--dir" => options.dir = value()?.into(),
            "--host" => options.host = number_or_text(&name, value()?)?,
            "--port" => options.port = number_or_text(&name, value()?)?,
            "--grace" => options.grace = seconds(&name, value()?)?,
            "--patience" => options.patience = seconds(&name, value()?)?,
            "--connections" => options.connections = number_or_text(&name, value()?)?,
            "--quiet" => options.is_quiet = true,
            "--help" | "-h" => return Ok(Command::Help),
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    if options.connections == 0 {
        return Err("--connections must be at least 1".to_owned());
    }
    Ok(Command::Serve(options))
}

fn number_or_text<T: FromStr>(name: &str, value: OsString) -> Result<T, String> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| format!("{name} cannot be {}", value.display()))
}

fn seconds(name: &str, value: OsString) -> Result<Duration, String> {
    let seconds: f64 = number_or_text(name, value)?;
    match Duration::try_from_secs_f64(seconds) {
        // Somewhere it is added to the time of day, which must not overflow.
        Ok(duration) if duration <= YEAR => Ok(duration),
        _ => Err(format!(
            "{name} must be between 0 and a year, not {seconds}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_override_the_defaults() {
        let line = "--dir /tmp --port 0 --grace 0.5 --quiet";
        let Ok(Command::Serve(options)) = parsed(line) else {
            panic!("the line is good");
        };
        assert_eq!(options.dir, Path::new("/tmp"));
        assert_eq!(options.port, 0);
        assert_eq!(options.grace, Duration::from_millis(500));
        assert!(options.is_quiet);
        assert_eq!(options.host, "127.0.0.1");
    }

    #[test]
    fn mistakes_are_named() {
        for (line, message) in [
            ("--port", "--port needs a value after it"),
            ("--port 70000", "--port cannot be 70000"),
            ("--port x", "--port cannot be x"),
            ("--grace -1", "--grace must be between"),
            ("--grace NaN", "--grace must be between"),
            ("--grace inf", "--grace must be between"),
            ("--patience 1e300", "--patience must be between"),
            ("--connections 0", "--connections must be at least 1"),
            ("--color", "unknown argument --color"),
            ("/tmp", "unknown argument /tmp"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.starts_with(message), "{line}: {error}");
        }
    }
}
