//! A headless Chromium, by the pipe of its debugger.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{is_there, wait_until};

const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "chromium-headless-shell",
    "google-chrome",
];

/// The debugger's commands come by descriptor 3, and its replies go by 4.
const START: &str = "exec \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null";

/// A page of a browser of its own, which ends when this is dropped.
#[derive(Debug)]
pub struct Page {
    child: Child,
    commands: ChildStdin,
    replies: BufReader<ChildStdout>,
    session: Value,
    /// The number of the last command.
    last: u64,
    _profile: TempDir,
}

impl Page {
    /// Opens `url`; `None` with a line that says so, if the machine lacks a browser.
    ///
    /// # Panics
    ///
    /// If the browser does not do what it is told.
    pub fn open(url: &str) -> Option<Self> {
        let Some(name) = NAMES.into_iter().find(|name| is_there(name)) else {
            println!("skipped: there is no Chromium");
            return None;
        };
        let profile = tempfile::tempdir().expect("a directory");
        let mut child = Command::new("sh")
            .args(["-c", START, "sh", name])
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it is there");
        let mut page = Page {
            commands: child.stdin.take().expect("a pipe"),
            replies: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
            session: Value::Null,
            last: 0,
            _profile: profile,
        };
        let target = page.command("Target.createTarget", &json!({"url": url}));
        let attach = json!({"targetId": target["result"]["targetId"], "flatten": true});
        let attached = page.command("Target.attachToTarget", &attach);
        page.session = attached["result"]["sessionId"].clone();
        assert!(page.session.is_string(), "{attached}");
        Some(page)
    }

    /// Sends a command, and returns the reply to it.
    fn command(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut command = json!({"id": self.last, "method": method, "params": params});
        if self.session.is_string() {
            command["sessionId"] = self.session.clone();
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).expect("it reads");
        loop {
            let mut reply = Vec::new();
            let n = self.replies.read_until(0, &mut reply).expect("a pipe");
            assert!(n > 0, "the browser has ended");
            reply.pop();
            let reply: Value = serde_json::from_slice(&reply).expect("JSON");
            // The others are events.
            if reply["id"] == self.last {
                return reply;
            }
        }
    }

    /// Evaluates an expression of JavaScript in the page; null, if it throws an error.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        let mut reply = self.command("Runtime.evaluate", &params);
        reply["result"]["result"]["value"].take()
    }

    /// Waits until the element with this id has `text` in its text.
    ///
    /// # Panics
    ///
    /// If it never has.
    pub fn wait_for_text(&mut self, id: &str, text: &str) {
        let expression = format!("document.getElementById({:?}).textContent", id);
        wait_until(|| {
            let found = self.evaluate(&expression);
            found.as_str().is_some_and(|found| found.contains(text))
        });
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It fails if the browser has ended.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
