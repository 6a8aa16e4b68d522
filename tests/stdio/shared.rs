//! Several tasks, loops and readers of one standard input.

use std::sync::Arc;
use std::sync::Barrier;
use std::thread;

use futures::StreamExt;
use quintet::io::stdin;
use quintet::spawn;
use quintet::task::yield_now;

use crate::streams::{LIVE, Live, Process, in_two_processes, live, say};
use crate::support::strict;

#[test]
fn two_tasks_take_turns() {
    let body = || {
        strict::block_on(async {
            let tasks = ["a", "b"].map(|name| {
                spawn(async move {
                    let mut lines = stdin().lines();
                    while let Some(line) = lines.next_line().await.unwrap() {
                        // When this task waits again: the next line comes after that.
                        spawn(async move {
                            yield_now().await;
                            say(format_args!("{name}{line}"));
                        });
                    }
                })
            });
            yield_now().await;
            say("both wait");
            for task in tasks {
                task.await.unwrap();
            }
        });
    };
    in_two_processes(body, || {
        for kind in LIVE {
            let (mut feed, input) = live(kind);
            let mut process = Process::start("shared::two_tasks_take_turns", input);
            process.says("both wait");
            feed.write("0\n");
            let mut said = vec![process.next().unwrap()];
            for number in 1..6 {
                feed.write(&format!("{number}\n"));
                said.push(process.next().unwrap());
            }
            let expected = if said[0] == "a0" {
                ["a0", "b1", "a2", "b3", "a4", "b5"]
            } else {
                ["b0", "a1", "b2", "a3", "b4", "a5"]
            };
            assert_eq!(said, expected, "{kind:?}");
            let feed = feed.end();
            // In a terminal, each task has an end of its own.
            if kind == Live::Terminal {
                let _ended = feed.end();
            }
            process.ends_with(&[]);
        }
    });
}

#[test]
fn lines_of_one_read_go_to_all_that_wait() {
    let body = || {
        strict::block_on(async {
            let tasks = ["a", "b", "c"].map(|name| {
                spawn(async move {
                    let line = stdin().lines().next_line().await.unwrap();
                    (name, line.unwrap())
                })
            });
            say("waits");
            for task in tasks {
                let (name, line) = task.await.unwrap();
                say(format_args!("{name}{line}"));
            }
        });
    };
    in_two_processes(body, || {
        for kind in LIVE {
            let (mut feed, input) = live(kind);
            let name = "shared::lines_of_one_read_go_to_all_that_wait";
            let mut process = Process::start(name, input);
            process.says("waits");
            feed.write("1\n2\n3\n");
            process.ends_with(&["a1", "b2", "c3"]);
        }
    });
}

#[test]
fn the_loops_of_several_threads_lose_no_line() {
    const LINES: usize = 2000;
    let body = || {
        let begin = Arc::new(Barrier::new(3));
        let threads = [0, 1, 2].map(|_| {
            let begin = Arc::clone(&begin);
            thread::spawn(move || {
                strict::block_on(async {
                    begin.wait();
                    let read = async {
                        let mut own = Vec::new();
                        let mut lines = stdin().lines();
                        while let Some(line) = lines.next().await {
                            own.push(line.unwrap().parse::<usize>().unwrap());
                        }
                        own
                    };
                    let others = spawn(async { stdin().lines().collect::<Vec<_>>().await });
                    let mut own = read.await;
                    let others = others.await.unwrap().into_iter();
                    own.extend(others.map(|line| line.unwrap().parse::<usize>().unwrap()));
                    own
                })
            })
        });
        let lines = threads.map(|thread| thread.join().unwrap());
        let mut all = lines.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..LINES));
        say("all");
    };
    in_two_processes(body, || {
        for kind in [Live::Pipe, Live::Fifo, Live::Socket] {
            let (mut feed, input) = live(kind);
            let name = "shared::the_loops_of_several_threads_lose_no_line";
            let process = Process::start(name, input);
            let mut number = 0;
            // Pieces of several sizes, so that lines are torn and several are read at once.
            for size in [1, 7, 50, 3, 400, 2].into_iter().cycle() {
                let piece: String = (number..LINES.min(number + size))
                    .map(|number| format!("{number}\n"))
                    .collect();
                number += size;
                let (first, second) = piece.split_at(piece.len() / 2);
                feed.write(first);
                feed.write(second);
                if number >= LINES {
                    break;
                }
            }
            let _ended = feed.end();
            process.ends_with(&["all"]);
        }
    });
}

#[test]
fn a_handle_may_be_used_on_one_loop_after_another() {
    let body = || {
        let mut lines = stdin().lines();
        for _ in 0..3 {
            // The handle is left when a loop ends.
            let line = quintet::block_on(async { lines.next_line().await });
            say(line.unwrap().unwrap());
        }
    };
    in_two_processes(body, || {
        for kind in LIVE {
            let (mut feed, input) = live(kind);
            let name = "shared::a_handle_may_be_used_on_one_loop_after_another";
            let mut process = Process::start(name, input);
            for line in ["1", "2", "3"] {
                feed.write(&format!("{line}\n"));
                process.says(line);
            }
            process.ends_with(&[]);
        }
    });
}
