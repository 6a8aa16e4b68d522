//! The page, in a browser.

use std::process::Command;

use ecosystem_support::Program;
use ecosystem_support::browser::Page;

#[test]
fn a_browser_shows_the_events_and_connects_again() {
    let path = env!("CARGO_BIN_EXE_events");
    let mut server = Program::start(Command::new(path).args(["127.0.0.1:0", "20"]));
    let addr = server.line_after("http://");
    let Some(mut page) = Page::open(&format!("http://{addr}/")) else {
        return;
    };
    page.wait_for_text("tick", "tick ");
    // The server is started again at its address; the page is told nothing of it.
    assert_eq!(server.end().0, 0);
    page.evaluate("document.getElementById('tick').textContent = 'the old ones'");
    let mut server = Program::start(Command::new(path).args([&*addr, "20"]));
    server.line_after("http://");
    page.wait_for_text("tick", "tick ");
}
