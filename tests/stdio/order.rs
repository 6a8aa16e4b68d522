//! The order in which lines and timers are handled, under seeds.

use quintet::io::stdin;
use quintet::runtime::Builder;
use quintet::spawn;
use quintet::time::{Duration, sleep};

use crate::streams::{Live, Process, file, in_two_processes, live, say};
use crate::support::log::Log;

/// Lines and timers beside each other, in paused time: the log is the same for each seed.
fn log_of(seed: u64) -> (Vec<String>, u64) {
    let runtime = Builder::new()
        .start_paused(true)
        .seed(seed)
        .build()
        .unwrap();
    let log = Log::default();
    let hash = runtime.block_on(async {
        let tasks = ["a", "b"].map(|name| {
            let log = log.clone();
            spawn(async move {
                for _ in 0..3 {
                    let line = stdin().lines().next_line().await.unwrap().unwrap();
                    log.add(format!("{name}{line}"));
                    sleep(Duration::from_millis(10)).await;
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        quintet::runtime::Handle::current().order_hash()
    });
    (log.lines(), hash.unwrap())
}

#[test]
fn what_is_read_is_in_order_under_each_seed() {
    let body = || {
        for seed in 0..3 {
            let (lines, _) = log_of(seed);
            let numbers: Vec<&str> = lines.iter().map(|line| &line[1..]).collect();
            say(numbers.concat());
        }
    };
    in_two_processes(body, || {
        let name = "order::what_is_read_is_in_order_under_each_seed";
        let numbers: Vec<String> = (0..18).map(|number| (number % 6).to_string()).collect();
        let text = numbers.join("\n") + "\n";
        let expected = ["012345"; 3];
        Process::start(name, file(&text)).ends_with(&expected);
        for kind in [Live::Pipe, Live::Fifo, Live::Socket, Live::Terminal] {
            let (mut feed, input) = live(kind);
            feed.write(&text);
            Process::start(name, input).ends_with(&expected);
        }
    });
}

#[test]
fn the_same_input_has_the_same_order_in_each_run() {
    let body = || {
        let (lines, hash) = log_of(7);
        say(format_args!("{} {hash}", lines.join(" ")));
    };
    in_two_processes(body, || {
        let name = "order::the_same_input_has_the_same_order_in_each_run";
        let text = "0\n1\n2\n3\n4\n5\n";
        let run = || Process::start(name, file(text)).next().unwrap();
        let first = run();
        for _ in 0..3 {
            assert_eq!(run(), first);
        }
    });
}
