//! The page, in a browser.

use std::process::Command;

use ecosystem_support::Program;
use ecosystem_support::browser::Page;

#[test]
fn browsers_talk_to_each_other() {
    let mut server = Program::start(Command::new(env!("CARGO_BIN_EXE_chat")).arg("127.0.0.1:0"));
    let addr = server.line_after("http://");
    let url = format!("http://{addr}/");
    let (Some(mut ann), Some(mut bob)) = (Page::open(&url), Page::open(&url)) else {
        return;
    };
    for page in [&mut ann, &mut bob] {
        page.wait_for_text("log", "you are in");
    }
    let say = "document.getElementById('text').value = 'it works';
        document.getElementById('form').requestSubmit()";
    ann.evaluate(say);
    for page in [&mut ann, &mut bob] {
        page.wait_for_text("log", "it works");
    }
    // One that goes without a word.
    drop(ann);
    let (code, text) = server.end();
    assert_eq!((code, &*text), (0, "ended, all closed: true\n"));
    bob.wait_for_text("log", "the connection has ended");
}
