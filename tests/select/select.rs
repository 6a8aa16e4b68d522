use std::cell::{Cell, RefCell};
use std::future::{IntoFuture, Ready, pending};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use quintet::runtime::Builder;
use quintet::sync::{mpsc, oneshot};
use quintet::time::{sleep, timeout};
use quintet::{block_on, select, spawn};

use crate::support::wakers::block_on_by_parking;

use super::{NotesDrop, ready};

#[test]
fn the_value_is_that_of_the_branch_that_completes() {
    block_on(async {
        let value = select! {
            () = pending() => "never",
            value = ready("done") => value,
        };
        assert_eq!(value, "done");
    });
}

#[test]
fn handlers_are_blocks_or_expressions_with_or_without_commas() {
    block_on(async {
        for (left, right) in [(true, false), (false, true)] {
            let which = select! {
                () = ready(()), if left => { "left" }
                () = ready(()), if right => { "right" },
                else => "none",
            };
            assert_eq!(which, if left { "left" } else { "right" });
            let which = select! {
                () = ready(()), if left => "left",
                () = ready(()), if right => "right"
            };
            assert_eq!(which, if left { "left" } else { "right" });
        }
        let list = select! { n = ready(2) => Vec::<(u8, u8)>::from([(n, n)]) };
        assert_eq!(list, [(2, 2)]);
    });
}

#[test]
fn one_branch_and_one_else_are_enough() {
    block_on(async {
        assert_eq!(select! { n = ready(1) => n }, 1);
        assert_eq!(select! { n = ready(1) => n, }, 1);
        assert_eq!(select! { n = ready(1) => { n } }, 1);
        assert_eq!(select! { biased; n = ready(1) => n }, 1);
        assert_eq!(select! { else => 2 }, 2);
        assert_eq!(select! { biased; else => { 2 } }, 2);
    });
}

#[test]
fn a_branch_whose_pattern_does_not_match_is_disabled() {
    block_on(async {
        let (sender, receiver) = oneshot::channel();
        spawn(async move { sender.send(7).unwrap() });
        let value = select! {
            Some(n) = ready(None::<i32>) => n,
            Ok(n) = receiver => n,
        };
        assert_eq!(value, 7);
        let value = select! {
            Some(n) = ready(None::<i32>) => n,
            Err(n) = ready(Ok::<i32, i32>(1)) => n,
            else => -1,
        };
        assert_eq!(value, -1);
    });
}

#[test]
fn a_future_is_not_polled_again_after_it_has_completed() {
    block_on(async {
        let mut is_done = false;
        let once = std::future::poll_fn(|_| {
            assert!(!is_done, "polled after completion");
            is_done = true;
            Poll::Ready(None::<()>)
        });
        select! {
            Some(()) = once => unreachable!(),
            () = sleep(Duration::from_millis(1)) => {}
        }
    });
}

#[test]
fn any_pattern_can_be_used() {
    const FOUR: u8 = 4;
    #[derive(Debug)]
    struct Point {
        x: String,
        y: u8,
    }
    block_on(async {
        let mut text = "a".to_owned();
        select! {
            Some(mut owned) = ready(Some(text.clone())) => {
                owned.push('b');
                text = owned;
            }
        }
        assert_eq!(text, "ab");
        let y = select! {
            Point { x, y: y @ 1..=5 } = ready(Point { x: text.clone(), y: 5 }) => y + x.len() as u8,
        };
        assert_eq!(y, 7);
        let n = select! { 1 | 2 | FOUR = ready(4) => "small", _ = pending::<()>() => "never" };
        assert_eq!(n, "small");
        let length = select! { ref list = ready(vec![1, 2]) => list.len() };
        assert_eq!(length, 2);
        let mut number = 1;
        select! { &mut ref mut n = ready(&mut number) => *n += 1 }
        assert_eq!(number, 2);
        let is_abc = select! { "abc" = ready("abc") => true, else => false };
        assert!(is_abc);
        let first = select! { [first, .., (_, None)] = ready([(1, Some(())), (2, None)]) => first };
        assert_eq!(first, (1, Some(())));
    });
}

#[test]
fn preconditions_disable_branches_but_their_futures_are_made() {
    block_on(async {
        let made = Cell::new(0);
        let make = |n| {
            made.set(made.get() + 1);
            ready(n)
        };
        let off = false;
        let value = select! {
            n = make(1), if off => n,
            n = make(2), if !off && made.get() == 0 => n,
        };
        assert_eq!((value, made.get()), (2, 2));
    });
}

#[test]
fn all_disabled_without_else_panics() {
    block_on(async {
        let future = async {
            select! { () = ready(()), if false => {} }
        };
        let payload = AssertUnwindSafe(future).catch_unwind().await.unwrap_err();
        let message = payload.downcast_ref::<&str>().unwrap();
        assert_eq!(
            *message,
            "all branches of `select!` are disabled, and there is no `else`"
        );
    });
}

#[test]
fn handlers_may_leave_the_loop_or_the_function_around() {
    async fn first_even(numbers: &mut mpsc::Receiver<u32>) -> Result<u32, &'static str> {
        loop {
            select! {
                number = numbers.recv() => {
                    let number = number.ok_or("no even number")?;
                    if number % 2 == 1 {
                        continue;
                    }
                    break Ok(number);
                }
                () = sleep(Duration::from_secs(60)) => return Err("too late"),
            }
        }
    }
    block_on(async {
        let (sender, mut receiver) = mpsc::channel(8);
        for number in [1, 3, 4, 5] {
            sender.send(number).await.unwrap();
        }
        drop(sender);
        assert_eq!(first_even(&mut receiver).await, Ok(4));
        assert_eq!(first_even(&mut receiver).await, Err("no even number"));
    });
}

#[test]
fn handlers_may_borrow_what_the_futures_have_borrowed() {
    async fn push(list: &mut Vec<u8>, n: u8) {
        list.push(n);
    }
    block_on(async {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        select! {
            biased;
            () = push(&mut left, 1) => {
                left.push(2);
                right.push(3);
            }
            () = push(&mut right, 4) => left.push(5),
        }
        assert_eq!((left, right), (vec![1, 2], vec![3]));
    });
}

#[test]
fn the_other_futures_are_dropped_before_the_handler_runs() {
    block_on(async {
        let was_dropped = Rc::new(Cell::new(false));
        let note = NotesDrop(Rc::clone(&was_dropped));
        select! {
            biased;
            () = async { let _note = note; pending().await } => {}
            () = ready(()) => assert!(was_dropped.get()),
        }
    });
}

#[test]
fn a_handler_may_await() {
    block_on(async {
        let n = select! {
            n = ready(1) => n + select! { n = ready(2) => n + ready(3).await },
        };
        assert_eq!(n, 6);
    });
}

#[test]
fn temporaries_of_a_future_expression_live_long_enough() {
    block_on(async {
        let n = select! {
            n = &mut Box::pin(async { 5 }) => n,
            n = std::pin::pin!(pending::<i32>()) => n,
        };
        assert_eq!(n, 5);
    });
}

#[test]
fn what_turns_into_a_future_is_accepted() {
    struct Number;
    impl IntoFuture for Number {
        type Output = i32;
        type IntoFuture = Ready<i32>;
        fn into_future(self) -> Ready<i32> {
            std::future::ready(42)
        }
    }
    block_on(async {
        assert_eq!(select! { n = Number => n }, 42);
    });
}

#[test]
fn with_biased_the_first_ready_branch_completes() {
    block_on(async {
        for _ in 0..20 {
            select! {
                biased;
                () = pending() => unreachable!(),
                () = ready(()) => {}
                () = ready(()) => unreachable!("the branch above is ready"),
            }
        }
    });
}

/// Which of four ready branches completes, in many rounds.
async fn rounds() -> Vec<u8> {
    let mut log = Vec::new();
    for _ in 0..400 {
        log.push(select! {
            () = ready(()) => 0,
            () = ready(()) => 1,
            () = ready(()) => 2,
            () = ready(()) => 3,
        });
    }
    log
}

fn counts(log: &[u8]) -> [usize; 4] {
    [0, 1, 2, 3].map(|branch| log.iter().filter(|&&n| n == branch).count())
}

#[test]
fn every_branch_has_its_share_and_each_run_is_the_same() {
    let first = block_on(rounds());
    assert!(
        counts(&first).iter().all(|&n| n > 60),
        "{:?}",
        counts(&first)
    );
    assert_eq!(block_on(rounds()), first);

    let elsewhere = block_on_by_parking(rounds());
    assert!(counts(&elsewhere).iter().all(|&n| n > 60));
}

#[test]
fn two_that_take_turns_do_not_see_the_same_branch_always() {
    block_on(async {
        let mut seen = [[0; 2]; 2];
        for round in 0..400 {
            let branch = select! { () = ready(()) => 0, () = ready(()) => 1 };
            seen[round % 2][branch] += 1;
        }
        assert!(seen.iter().flatten().all(|&n| n > 60), "{seen:?}");
    });
}

#[test]
fn a_seed_decides_the_branches() {
    let run = |seed| {
        let runtime = Builder::new().seed(seed).build().unwrap();
        runtime.block_on(rounds())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_branch_that_is_always_ready_starves_nothing() {
    block_on(async {
        let spin = async {
            loop {
                select! {
                    () = ready(()) => {}
                    () = pending() => {}
                }
            }
        };
        let end: Result<(), _> = timeout(Duration::from_millis(5), spin).await;
        assert!(end.is_err());
    });
}

#[test]
fn futures_are_woken_by_any_branch() {
    block_on(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let log = Rc::new(RefCell::new(Vec::new()));
        let task = spawn({
            let log = Rc::clone(&log);
            async move {
                let slow = sleep(Duration::from_millis(20));
                quintet::pin!(slow);
                loop {
                    select! {
                        () = &mut slow => break,
                        message = receiver.recv() => log.borrow_mut().push(message),
                    }
                    if log.borrow().last() == Some(&None) {
                        slow.await;
                        break;
                    }
                }
            }
        });
        sender.send(1).await.unwrap();
        sender.send(2).await.unwrap();
        drop(sender);
        task.await.unwrap();
        assert_eq!(*log.borrow(), [Some(1), Some(2), None]);
    });
}

#[test]
fn it_is_send_if_its_futures_are_whatever_the_outputs() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let future = send(async {
        select! {
            // Made and consumed within one poll.
            rc = std::future::poll_fn(|_| Poll::Ready(Rc::new(1))) => *rc,
            () = sleep(Duration::from_secs(1)) => 2,
        }
    });
    assert_eq!(block_on(future), 1);
}

#[test]
fn sixty_four_branches_are_allowed() {
    macro_rules! with {
        ($($n:literal)*) => {
            block_on(async {
                let mut seen = [false; 64];
                while seen.iter().any(|seen| !seen) {
                    select! { $( () = ready(()), if !seen[$n] => seen[$n] = true, )* }
                }
            })
        };
    }
    with!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
}

#[test]
fn names_of_the_caller_are_not_touched() {
    block_on(async {
        let (cx, enabled, index, start, output, value) = (1, 2, 3, 4, 5, 6);
        let sum = select! {
            n = async { cx + enabled + index + start + output + value } => n + cx + value,
        };
        assert_eq!(sum, 28);
    });
}
