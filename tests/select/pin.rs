use std::pin::Pin;

use futures::stream::{self, StreamExt};
use quintet::{block_on, pin, select};

use super::ready;

#[test]
fn variables_and_values_are_pinned() {
    block_on(async {
        let first = ready(1);
        let second = async { 2 };
        pin!(first, second);
        let first: Pin<&mut _> = first.as_mut();
        assert_eq!((first.await, second.await), (1, 2));

        pin! {
            let third = ready(3);
            let numbers = stream::iter([4, 5]).filter(|n| ready(n % 2 == 1));
        }
        assert_eq!((third.await, numbers.next().await), (3, Some(5)));
    });
}

#[test]
fn a_pinned_future_continues_after_a_select() {
    block_on(async {
        let job = async {
            for _ in 0..10 {
                quintet::task::yield_now().await;
            }
            "done"
        };
        pin!(job);
        let mut rounds = 0;
        let end = loop {
            select! {
                biased;
                end = &mut job => break end,
                () = quintet::task::yield_now() => rounds += 1,
            }
        };
        assert_eq!(end, "done");
        assert!(rounds > 0);
    });
}
