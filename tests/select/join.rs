use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use quintet::sync::mpsc;
use quintet::task::coop::consume_budget;
use quintet::time::sleep;
use quintet::{block_on, join};

use crate::support::wakers::block_on_by_parking;

use super::ready;

#[test]
fn all_outputs_come_in_the_order_of_the_futures() {
    block_on(async {
        let outputs = join!(
            async {
                sleep(Duration::from_millis(2)).await;
                "late"
            },
            ready(1),
            ready('c'),
        );
        assert_eq!(outputs, ("late", 1, 'c'));
        assert_eq!(join!(ready(1)), (1,));
        assert_eq!(join!(biased; ready(1), ready(2)), (1, 2));
        join!();
        join!(biased;);
    });
    assert_eq!(
        block_on_by_parking(async { join!(ready(1), ready(2)) }),
        (1, 2)
    );
}

#[test]
fn the_futures_run_concurrently_and_may_borrow() {
    block_on(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let log = RefCell::new(Vec::new());
        join!(
            async {
                for n in 0..3 {
                    sender.send(n).await.unwrap();
                }
                drop(sender);
            },
            async {
                while let Some(n) = receiver.recv().await {
                    log.borrow_mut().push(n);
                }
            },
        );
        assert_eq!(*log.borrow(), [0, 1, 2]);
    });
}

/// The order in which three futures that never complete are polled.
fn orders(is_biased: bool) -> Vec<char> {
    let log = RefCell::new(Vec::new());
    let note = |name| {
        let log = &log;
        poll_fn(move |_| {
            log.borrow_mut().push(name);
            Poll::<()>::Pending
        })
    };
    let poll_thrice = |future: std::pin::Pin<&mut dyn Future<Output = ()>>| {
        let mut future = future;
        for _ in 0..3 {
            assert!(
                future
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
        }
    };
    if is_biased {
        poll_thrice(pin!(async {
            join!(biased; note('a'), note('b'), note('c'));
        }));
    } else {
        poll_thrice(pin!(async {
            join!(note('a'), note('b'), note('c'));
        }));
    }
    log.take()
}

#[test]
fn each_future_is_polled_first_in_its_turn_unless_biased() {
    assert_eq!(orders(false), ['a', 'b', 'c', 'b', 'c', 'a', 'c', 'a', 'b']);
    assert_eq!(orders(true), ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c']);
}

#[test]
fn no_future_takes_the_whole_budget_from_the_others() {
    block_on(async {
        let operations = Cell::new(0);
        let greedy = async {
            for _ in 0..100_000 {
                if operations.get() == 300 {
                    return;
                }
                consume_budget().await;
            }
            panic!("the other one has done {} operations", operations.get());
        };
        let limited = async {
            for _ in 0..300 {
                consume_budget().await;
                operations.set(operations.get() + 1);
            }
        };
        join!(greedy, limited);
    });
}

#[test]
fn a_future_is_not_polled_again_after_it_has_completed() {
    block_on(async {
        let mut polls = 0;
        join!(
            poll_fn(|_| {
                polls += 1;
                Poll::Ready(())
            }),
            sleep(Duration::from_millis(1)),
        );
        assert_eq!(polls, 1);
    });
    drop(async { join!(pending::<()>(), ready(1)) });
}

#[test]
fn sixty_four_futures_are_allowed() {
    macro_rules! with {
        ($($n:literal)*) => {
            block_on(async {
                #[allow(clippy::type_complexity, reason = "a tuple of 64")]
                let _outputs = join!($( ready($n) ),*);
            })
        };
    }
    with!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
}
