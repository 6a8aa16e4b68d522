//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

pub(crate) const USAGE: &str = "\
Serves a directory over HTTP/1.1.

Usage: file_server [OPTIONS]

  --dir DIR          directory to serve [default: the demo site of this example]
  --host HOST        address or name to listen on [default: 127.0.0.1]
  --port N           port to listen on, 0 for any free port [default: 8080]
  --grace SECONDS    how long to wait for running requests after Ctrl-C
                     [default: 5]
  --patience SECONDS how long to wait for a request [default: 30], and for a
                     client to read; the latter is at least 90 seconds, and
                     up to 600 for a client that has read much
  --connections N    maximum number of open connections [default: 500]
  --hidden           serve files and directories that begin with a dot
  --metrics          serve the runtime's numbers at /metrics, as text that
                     Prometheus reads; a file of that name is not served then
  --quiet            do not log requests
  -h, --help         print this help
";

/// The directory of the demo site.
const WWW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/www");

/// A connection uses one file descriptor, and a second one while it sends a file. The usual limit
/// of a process is 1024.
const CONNECTIONS_DEFAULT: usize = 500;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A parsed command line.
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
    /// How long to wait for running requests after Ctrl-C.
    pub(crate) grace: Duration,
    /// How long to wait for a request, and for a client to read its response.
    pub(crate) patience: Duration,
    /// The maximum number of open connections.
    pub(crate) connections: usize,
    /// Whether to serve files and directories whose names begin with a dot.
    pub(crate) shows_hidden: bool,
    /// Whether to serve the runtime's numbers at `/metrics`.
    pub(crate) shows_metrics: bool,
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
            shows_hidden: false,
            shows_metrics: false,
            is_quiet: false,
        }
    }
}

/// Parses the arguments, which do not include the program's name.
///
/// # Errors
///
/// Returns an error with a message for the user if an argument is invalid.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = Parser::from_args(args);
    let mut options = Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("dir") => options.dir = parser.value()?.into(),
            Arg::Long("host") => options.host = parser.value()?.string()?,
            Arg::Long("port") => options.port = value(&mut parser, "--port")?,
            Arg::Long("grace") => options.grace = seconds(&mut parser, "--grace")?,
            Arg::Long("patience") => options.patience = seconds(&mut parser, "--patience")?,
            Arg::Long("connections") => {
                options.connections = value(&mut parser, "--connections")?;
            }
            Arg::Long("hidden") => options.shows_hidden = true,
            Arg::Long("metrics") => options.shows_metrics = true,
            Arg::Long("quiet") => options.is_quiet = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
            _ => return Err(arg.unexpected()),
        }
    }
    if options.connections == 0 {
        return Err("--connections must be at least 1".into());
    }
    Ok(Command::Serve(options))
}

/// Parses the value of the option `name`, which the parser has just returned.
fn value<T: FromStr<Err: Display>>(parser: &mut Parser, name: &str) -> Result<T, lexopt::Error> {
    let value = parser.value()?;
    if value.is_empty() {
        return Err(format!("{name} needs a value").into());
    }
    let parsed = value.to_string_lossy().parse();
    parsed.map_err(|error| format!("{name} cannot be {}: {error}", value.display()).into())
}

fn seconds(parser: &mut Parser, name: &str) -> Result<Duration, lexopt::Error> {
    let seconds: f64 = value(parser, name)?;
    match Duration::try_from_secs_f64(seconds) {
        // It is added to an `Instant`, which must not overflow.
        Ok(duration) if duration <= YEAR => Ok(duration),
        _ => Err(format!("{name} must be between 0 and a year, not {seconds}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let args = line.split_whitespace().map(OsString::from);
        parse(args).map_err(|error| error.to_string())
    }

    #[test]
    fn options_override_the_defaults() {
        for line in [
            "--dir /tmp --port 0 --grace 0.5 --quiet --hidden --metrics",
            "--metrics --quiet --hidden --grace=0.5 --port=0 --dir=/tmp",
        ] {
            let Ok(Command::Serve(options)) = parsed(line) else {
                panic!("the arguments are valid");
            };
            assert_eq!(options.dir, Path::new("/tmp"));
            assert_eq!(options.port, 0);
            assert_eq!(options.grace, Duration::from_millis(500));
            assert!(options.is_quiet && options.shows_hidden && options.shows_metrics);
            assert_eq!(options.host, "127.0.0.1");
        }
    }

    #[test]
    fn errors_name_the_option() {
        for (line, message) in [
            ("--port", "missing argument for option '--port'"),
            ("--port=", "--port needs a value"),
            ("--quiet=yes", "unexpected argument for option '--quiet'"),
            ("--port 70000", "--port cannot be 70000"),
            ("--port x", "--port cannot be x"),
            ("--grace -1", "--grace must be between"),
            ("--grace NaN", "--grace must be between"),
            ("--grace inf", "--grace must be between"),
            ("--patience 1e300", "--patience must be between"),
            ("--connections 0", "--connections must be at least 1"),
            ("--color", "invalid option '--color'"),
            ("-p", "invalid option '-p'"),
            ("/tmp", "unexpected argument \"/tmp\""),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.starts_with(message), "{line}: {error}");
        }
    }
}
