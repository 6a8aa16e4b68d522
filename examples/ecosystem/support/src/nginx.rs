//! An nginx of a test.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::is_there;

/// nginx takes listening sockets by the numbers of their descriptors, from another nginx that it
/// replaces. Thus the test can have the port chosen by the system.
const START: &str = "exec env NGINX='3;' \"$@\" 3<&0 0</dev/null";

/// An nginx that listens on a port of its own. It is ended when this is dropped.
#[derive(Debug)]
pub struct Nginx {
    addr: String,
    child: Child,
    directory: TempDir,
}

impl Nginx {
    /// Starts one with these directives for its server, and others for all of HTTP; `None` with a
    /// line that says so, if the machine lacks it.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(of_http: &str, of_server: &str) -> Option<Self> {
        if !is_there("nginx") {
            println!("skipped: there is no nginx");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address").to_string();
        let config = config(directory.path(), &addr, of_http, of_server);
        let path = directory.path().join("nginx.conf");
        fs::write(&path, config).expect("it is written");
        let child = Command::new("sh")
            .args(["-c", START, "sh", "nginx", "-e", "stderr", "-p"])
            .arg(directory.path())
            .arg("-c")
            .arg(path)
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .spawn()
            .expect("sh is there");
        Some(Nginx {
            addr,
            child,
            directory,
        })
    }

    /// Its host and port.
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// The directory whose files it can serve as `files`.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Ends it.
    pub fn end(mut self) {
        self.terminate().expect("it runs");
    }

    /// Its workers end with it, which they would not do if it were killed.
    fn terminate(&mut self) -> io::Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").arg(pid).status()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It fails if it has ended.
        let _gone = self.terminate();
    }
}

/// One worker, of the user of the test, with all that it writes in `directory`.
fn config(directory: &Path, addr: &str, of_http: &str, of_server: &str) -> String {
    // What this process makes belongs to its user; only root can be another one.
    let is_root = directory.metadata().is_ok_and(|made| made.uid() == 0);
    let user = if is_root { "user root;\n" } else { "" };
    let directory = directory.display();
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {directory}/{kind};\n"))
        .concat();
    format!(
        "daemon off;\nworker_processes 1;\n{user}pid {directory}/pid;\nerror_log stderr error;\n\
         events {{}}\nhttp {{\naccess_log off;\n{paths}{of_http}\n\
         server {{\nlisten {addr};\nroot {directory};\n{of_server}\n}}\n}}\n"
    )
}
