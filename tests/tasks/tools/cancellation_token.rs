//! Tokens: which are cancelled together, which tasks are woken, and what is left behind.

use std::collections::HashSet;
use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;

use quintet::spawn;
use quintet::task::CancellationToken;

use super::{Count, Dropped, Hooks, on_a_loop, settle};
use crate::support::cases::{in_check, log, numbered, spend, take_log, units_left, watched};
use crate::support::strict::reported_in;
use crate::support::wakers::poll;

/// Deeper than any stack could be if something here called itself.
const DEEP: usize = 100_000;

#[test]
fn a_cancel_reaches_clones_and_descendants_and_no_other_token() {
    let root = CancellationToken::new();
    let clone = root.clone();
    let (child, sibling) = (root.child_token(), root.child_token());
    let grandchild = child.child_token();

    child.cancel();
    child.cancel();
    assert!(child.is_cancelled() && grandchild.is_cancelled());
    assert!(!root.is_cancelled() && !sibling.is_cancelled());
    assert!(child.child_token().is_cancelled(), "born cancelled");

    clone.cancel();
    assert!(root.is_cancelled() && sibling.is_cancelled());
}

#[test]
fn a_descendant_of_dropped_tokens_is_still_cancelled() {
    let root = CancellationToken::new();
    let mut token = root.child_token();
    for _ in 0..100 {
        token = token.child_token();
    }
    let siblings: Vec<_> = {
        let parent = root.child_token();
        (0..10).map(|_| parent.child_token()).collect()
    };
    root.cancel();
    assert!(token.is_cancelled());
    assert!(siblings.iter().all(CancellationToken::is_cancelled));
}

#[test]
fn a_child_outlives_its_parent() {
    let parent = CancellationToken::new();
    let child = parent.child_token();
    drop(parent);
    assert!(!child.is_cancelled());
    child.cancel();
    assert!(child.is_cancelled());
}

#[test]
fn waiting_tasks_are_woken_in_order_parents_first() {
    on_a_loop(async || {
        let root = CancellationToken::new();
        let child = root.child_token();
        let grandchild = child.child_token();
        let other = root.child_token();
        let wait = |token: &CancellationToken, name: &'static str| {
            let cancelled = token.clone().cancelled_owned();
            spawn(async move {
                cancelled.await;
                log(name);
            });
        };
        wait(&grandchild, "grandchild");
        wait(&other, "other");
        wait(&child, "child0");
        wait(&root, "root0");
        wait(&child, "child1");
        wait(&root, "root1");
        settle().await;
        root.cancel();
        settle().await;
        assert_eq!(
            take_log().join(" "),
            "root0 root1 child0 child1 other grandchild"
        );
    });
}

#[test]
fn a_wait_that_is_dropped_leaves_its_place_to_others() {
    on_a_loop(async || {
        let token = CancellationToken::new();
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let token = token.clone();
                spawn(async move {
                    token.cancelled().await;
                    log(format!("w{n}"));
                })
            })
            .collect();
        settle().await;
        tasks[3].abort();
        settle().await;
        token.cancel();
        settle().await;
        let expected = format!("{} {}", numbered("w", 0..3), numbered("w", 4..10));
        assert_eq!(take_log().join(" "), expected);
    });
}

#[test]
fn a_dropped_wait_drops_its_waker() {
    let token = CancellationToken::new();
    let dropped = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&dropped);
    let waker = Hooks::waker(|| (), move || tell.store(true, Ordering::SeqCst));
    let mut wait = Box::pin(token.cancelled());
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    assert!(!dropped.load(Ordering::SeqCst));
    drop(wait);
    assert!(dropped.load(Ordering::SeqCst));
}

#[test]
fn a_cancel_from_another_thread_arrives() {
    on_a_loop(async || {
        let token = CancellationToken::new();
        let child = token.child_token();
        let task = spawn(async move { child.cancelled().await });
        settle().await;
        let other = thread::spawn(move || token.cancel());
        task.await.unwrap();
        other.join().unwrap();
    });
}

#[test]
fn children_that_are_made_during_a_cancel_are_cancelled_too() {
    watched(|| {
        for _ in 0..50 {
            let root = CancellationToken::new();
            let make = |root: CancellationToken| {
                thread::spawn(move || {
                    let mut tokens = vec![root];
                    for n in 0..200 {
                        tokens.push(tokens[n / 2].child_token());
                        drop(tokens[n / 3].child_token());
                    }
                    tokens
                })
            };
            let threads = [make(root.clone()), make(root.clone())];
            root.cancel();
            assert!(root.is_cancelled());
            for thread in threads {
                let tokens = thread.join().unwrap();
                assert!(tokens.iter().all(CancellationToken::is_cancelled));
            }
        }
    });
}

#[test]
fn a_second_call_of_cancel_finds_everything_cancelled_too() {
    watched(|| {
        for _ in 0..200 {
            let root = CancellationToken::new();
            let leaf = root.child_token().child_token();
            let cancel = |root: CancellationToken, leaf: CancellationToken| {
                thread::spawn(move || {
                    root.cancel();
                    leaf.is_cancelled()
                })
            };
            let threads = [0, 1].map(|_| cancel(root.clone(), leaf.clone()));
            for thread in threads {
                assert!(thread.join().unwrap());
            }
        }
    });
}

/// Runs `test` on a small stack, with a chain of tokens, each the child of the one before.
fn with_a_deep_chain(test: impl FnOnce(Vec<CancellationToken>) + Send + 'static) {
    watched(|| {
        let small = thread::Builder::new().stack_size(128 * 1024);
        let thread = small.spawn(|| {
            let mut chain = vec![CancellationToken::new()];
            for n in 0..DEEP {
                chain.push(chain[n].child_token());
            }
            test(chain);
        });
        thread.unwrap().join().unwrap();
    });
}

#[test]
fn a_deep_chain_is_cancelled_and_dropped_without_recursion() {
    with_a_deep_chain(|chain| {
        let (count, waker) = Count::new();
        let last = chain[DEEP].clone();
        let mut wait = pin!(last.cancelled());
        assert!(
            wait.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        chain[0].cancel();
        assert_eq!(count.get(), 1);
        assert!(chain.iter().all(CancellationToken::is_cancelled));
    });
}

#[test]
fn a_deep_chain_is_dropped_from_either_end() {
    with_a_deep_chain(drop);
    with_a_deep_chain(|mut chain| while chain.pop().is_some() {});
    with_a_deep_chain(|mut chain| {
        // Every other one first: what is between is linked anew.
        let mut index = 0;
        chain.retain(|_| {
            index += 1;
            index % 2 == 1
        });
        chain[0].cancel();
        assert!(chain.iter().all(CancellationToken::is_cancelled));
    });
}

#[test]
fn a_wide_token_is_cancelled_and_dropped() {
    watched(|| {
        let root = CancellationToken::new();
        let children: Vec<_> = (0..DEEP).map(|_| root.child_token()).collect();
        root.cancel();
        assert!(children.iter().all(CancellationToken::is_cancelled));

        let root = CancellationToken::new();
        let children: Vec<_> = (0..DEEP).map(|_| root.child_token()).collect();
        drop(root);
        assert!(!children.iter().any(CancellationToken::is_cancelled));
    });
}

#[test]
fn wakers_may_use_the_tokens() {
    let root = CancellationToken::new();
    let child = root.child_token();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (on_wake, told) = (root.clone(), Arc::clone(&seen));
    let (of_child, on_drop) = (child.clone(), child.clone());
    let waker = Hooks::waker(
        move || {
            on_wake.cancel();
            let both = (
                on_wake.child_token().is_cancelled(),
                of_child.is_cancelled(),
            );
            told.lock().unwrap().push(both);
            panic!("on purpose");
        },
        move || drop(on_drop.child_token()),
    );
    let (count, counted) = Count::new();
    let mut wait = pin!(root.cancelled());
    let mut other = pin!(child.cancelled());
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert!(
        other
            .as_mut()
            .poll(&mut Context::from_waker(&counted))
            .is_pending()
    );
    drop(waker);
    let reports = reported_in(|| root.cancel());
    assert_eq!(reports, ["a waker panicked: on purpose"]);
    assert_eq!(*seen.lock().unwrap(), [(true, true)]);
    assert_eq!(count.get(), 1, "a panic keeps no other task asleep");
}

#[test]
fn guards_cancel_unless_they_are_disarmed() {
    let token = CancellationToken::new();
    let kept = token.clone().drop_guard().disarm();
    assert!(!token.drop_guard_ref().disarm().is_cancelled());
    assert!(!kept.is_cancelled());
    drop(token.drop_guard_ref());
    assert!(kept.is_cancelled());

    let token = CancellationToken::new();
    drop(token.child_token().drop_guard());
    assert!(!token.is_cancelled());
    drop(token.clone().drop_guard());
    assert!(token.is_cancelled());
}

#[test]
fn a_run_ends_with_its_future_or_with_the_cancel() {
    on_a_loop(async || {
        let token = CancellationToken::new();
        assert_eq!(token.run_until_cancelled(async { 5 }).await, Some(5));
        let run = spawn({
            let (token, future) = (token.child_token(), Dropped("future"));
            token.run_until_cancelled_owned(async move {
                let _future = future;
                pending::<()>().await;
            })
        });
        settle().await;
        token.cancel();
        assert_eq!(run.await.unwrap(), None);
        assert_eq!(take_log(), ["drop-future"]);
        let unpolled = token.run_until_cancelled(async { log("polled") });
        assert_eq!(unpolled.await, None);
        assert_eq!(take_log(), [""; 0]);
    });
}

#[test]
fn a_run_notices_a_cancel_without_budget() {
    on_a_loop(async || {
        let token = CancellationToken::new();
        in_check().await;
        let mut run = pin!(token.run_until_cancelled(pending::<()>()));
        assert!(poll!(&mut run).is_pending());
        assert_eq!(units_left().await, 128);
        token.cancel();
        assert_eq!(poll!(&mut run), Poll::Ready(None));
    });
}

#[test]
fn a_run_with_a_cancelled_token_is_refused_once() {
    on_a_loop(async || {
        let token = CancellationToken::new();
        token.cancel();
        in_check().await;
        spend(128).await;
        let mut run = pin!(token.run_until_cancelled(pending::<()>()));
        assert_eq!(poll!(&mut run), Poll::Pending);
        assert_eq!(poll!(&mut run), Poll::Ready(None));
    });
}

#[test]
fn a_wait_is_an_operation() {
    on_a_loop(async || {
        let token = CancellationToken::new();
        token.cancel();
        in_check().await;
        token.cancelled().await;
        assert_eq!(units_left().await, 127);
        let mut refused = pin!(token.cancelled());
        assert!(poll!(&mut refused).is_pending());
        refused.await;
        spend(1).await;
    });
}

#[test]
#[allow(
    clippy::mutable_key_type,
    reason = "the hash is of the token's identity"
)]
fn clones_are_equal_and_other_tokens_are_not() {
    let token = CancellationToken::new();
    let tokens = HashSet::from([token.clone(), token.clone(), token.child_token()]);
    assert_eq!(tokens.len(), 2);
    assert!(tokens.contains(&token));
    token.cancel();
    assert!(tokens.contains(&token));
    assert_ne!(token, CancellationToken::new());
}
