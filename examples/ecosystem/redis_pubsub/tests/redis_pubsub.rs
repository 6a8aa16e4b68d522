//! Listeners and speakers as children, with a Redis of the test.

use std::path::Path;
use std::process::Command;

use ecosystem_support::{Program, installed};

fn redis(directory: &Path) -> Program {
    let mut redis = Program::start(
        Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--unixsocket",
                "socket",
                "--save",
                "",
                "--dir",
            ])
            .arg(directory),
    );
    redis.line_after("eady to accept connections");
    redis
}

fn program(args: &[&str]) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_redis_pubsub")).args(args))
}

#[test]
fn subscriptions_outlive_a_restart() {
    if installed("redis-server", ["--version"]).is_none() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("socket");
    let socket = socket.to_str().expect("text");
    let mut redis = redis(directory.path());
    let mut both = program(&["listen", socket, "news", "sport"]);
    let mut sport = program(&["listen", socket, "sport"]);
    for round in 0..3 {
        for listener in [&mut both, &mut sport] {
            listener.line_after("subscribed");
        }
        for (channel, text, receivers) in [("news", "a b", "1"), ("sport", "2:1", "2")] {
            let mut speaker = program(&["say", socket, channel, text]);
            assert_eq!(
                speaker.line_after("received by "),
                receivers,
                "in round {round}"
            );
        }
        assert_eq!(both.line_after("news: "), "a b");
        assert_eq!(both.line_after("sport: "), "2:1");
        assert_eq!(sport.line_after("sport: "), "2:1");
        // The old one is killed only after the new one has begun to listen at the path.
        drop(std::mem::replace(&mut redis, self::redis(directory.path())));
    }
    assert_eq!(both.end().0, 0);
    assert_eq!(sport.end().0, 0);
}
