//! A Postgres of a test, in a directory of its own.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::Program;

/// Where distributions keep the programs that they do not put into `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The ids of a user and a group without rights, since Postgres does not run as root.
const UNPRIVILEGED: u32 = 65534;

/// A Postgres that listens at a Unix socket. It is ended when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    directory: TempDir,
    programs: PathBuf,
    /// Whether the tests run as root.
    is_root: bool,
    server: Option<Program>,
}

impl Postgres {
    /// Makes a database and starts a server; `None` with a line that says so, if the machine lacks
    /// Postgres.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: there is no PostgreSQL");
            return None;
        };
        let directory = tempfile::tempdir().expect("a directory");
        // What this process makes belongs to its user.
        let is_root = directory.path().metadata().expect("it is there").uid() == 0;
        if is_root {
            chown(directory.path(), Some(UNPRIVILEGED), Some(UNPRIVILEGED)).expect("root may");
        }
        let mut postgres = Postgres {
            directory,
            programs,
            is_root,
            server: None,
        };
        let made = postgres
            .command("initdb")
            .args(["--auth=trust", "--username=test", "--no-sync", "--pgdata"])
            .arg(postgres.data())
            .output()
            .expect("initdb is there");
        let errors = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb: {errors}");
        postgres.resume();
        Some(postgres)
    }

    /// The directory of the socket.
    pub fn directory(&self) -> &str {
        self.directory.path().to_str().expect("text")
    }

    /// How to connect to it, as `libpq` has it.
    pub fn config(&self) -> String {
        format!("host={} user=test dbname=postgres", self.directory())
    }

    /// Sends a signal, by its name: `INT` for a fast end, `QUIT` for one as by a crash, and waits
    /// for the end.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn stop(&mut self, signal: &str) {
        let server = self.server.take().expect("it runs");
        server.signal(signal);
        server.wait();
    }

    /// Starts it again, and returns when it accepts connections.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn resume(&mut self) {
        let mut server = self.command("postgres");
        server.arg("-D").arg(self.data());
        server.arg("-k").arg(self.directory.path());
        server.args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        let mut server = Program::start(&mut server);
        server.line_after("database system is ready to accept connections");
        self.server = Some(server);
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A command with its errors where its output is, by a user other than root.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 2>&1", "sh"]);
        if self.is_root {
            let id = UNPRIVILEGED.to_string();
            command.args(["setpriv", "--clear-groups", "--reuid", &id, "--regid", &id]);
        }
        command.arg(self.programs.join(name));
        command.current_dir(self.directory.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its other processes end with it, which SIGKILL would not do at once.
        if self.server.is_some() {
            self.stop("QUIT");
        }
    }
}

/// The directory of Postgres's programs: of `PATH`, or the newest of Debian's.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let has_both = |directory: &PathBuf| {
        directory.join("initdb").exists() && directory.join("postgres").exists()
    };
    let in_path = env::split_paths(&path).find(has_both);
    in_path.or_else(|| {
        let versions = fs::read_dir(DEBIAN).ok()?;
        let bin = |version: fs::DirEntry| version.path().join("bin");
        let found = versions.filter_map(Result::ok).map(bin);
        found.filter(has_both).max()
    })
}
