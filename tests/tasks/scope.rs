//! Scopes: children that borrow, whose turn it is, and how a scope ends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, panic_any};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::channel::oneshot;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use quintet::runtime::Handle;
use quintet::spawn;
use quintet::task::coop::consume_budget;
use quintet::task::{
    JoinSet, Scope, ScopedJoinHandle, TryScope, scope, try_scope, unconstrained, yield_now,
};
use quintet::time::{Duration, sleep, timeout};

use crate::support::drops::{OnDrop, PanicsWhenDropped};
use crate::support::log::Log;
use crate::support::panics::panic_message;
use crate::support::strict::assert_reported;
use crate::support::turns::on_a_loop;
use crate::support::wakers::poll;
use crate::support::wakers::{CountingWaker, hooked_waker, poll_with};

// ---- Borrowing -------------------------------------------------------------------------------

#[test]
fn children_borrow_from_the_caller() {
    on_a_loop(async || {
        let words = [String::from("a"), String::from("bc"), String::from("def")];
        let seen = RefCell::new(Vec::new());

        let lengths = scope(async |s| {
            let handles: Vec<_> = words
                .iter()
                .map(|word| {
                    let seen = &seen;
                    s.spawn(async move {
                        yield_now().await;
                        seen.borrow_mut().push(word.as_str());
                        word.len()
                    })
                })
                .collect();
            let mut lengths = Vec::new();
            for handle in handles {
                lengths.push(handle.await.unwrap());
            }
            lengths
        })
        .await;

        assert_eq!(lengths, [1, 2, 3]);
        assert_eq!(seen.into_inner(), ["a", "bc", "def"]);
    });
}

#[test]
fn children_share_out_what_is_borrowed_mutably() {
    on_a_loop(async || {
        let mut numbers = [1, 2, 3, 4];
        let (left, right) = numbers.split_at_mut(2);

        scope(async |s| {
            s.spawn(async {
                yield_now().await;
                left.reverse();
            });
            s.spawn(async { right.reverse() });
        })
        .await;

        assert_eq!(numbers, [2, 1, 4, 3]);
    });
}

#[test]
fn a_handle_gives_what_borrows_from_the_caller() {
    on_a_loop(async || {
        let text = String::from("first second");

        let second = scope(async |s| {
            let words = s.spawn(async { text.split(' ').collect::<Vec<&str>>() });
            words.await.unwrap()[1]
        })
        .await;

        assert_eq!(second, "second");
    });
}

#[test]
fn scopes_nest_and_the_inner_one_borrows_from_the_outer_child() {
    on_a_loop(async || {
        let base = 10;
        let sum = scope(async |outer| {
            let child = outer.spawn(async {
                let local = base + 1;
                scope(async |inner| {
                    let first = inner.spawn(async { local + base });
                    let second = inner.spawn(async {
                        yield_now().await;
                        local
                    });
                    first.await.unwrap() + second.await.unwrap()
                })
                .await
            });
            child.await.unwrap()
        });

        assert_eq!(sum.await, 32);
    });
}

/// Sorts by scopes within scopes.
async fn quicksort(numbers: &mut [u32]) {
    if numbers.len() < 2 {
        return;
    }
    let last = numbers.len() - 1;
    let pivot = numbers[last];
    let mut middle = 0;
    for i in 0..last {
        if numbers[i] < pivot {
            numbers.swap(i, middle);
            middle += 1;
        }
    }
    numbers.swap(middle, last);
    yield_now().await;
    let (left, right) = numbers.split_at_mut(middle);
    scope(async |s| {
        s.spawn(quicksort(left));
        s.spawn(quicksort(&mut right[1..]));
    })
    .await;
}

#[test]
fn a_function_calls_itself_through_scopes() {
    on_a_loop(async || {
        let mut numbers: Vec<u32> = (0..300).map(|n| n * 7919 % 1009).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();

        quicksort(&mut numbers).await;

        assert_eq!(numbers, sorted);
    });
}

/// Notes all numbers that are reached from `from`, each by a child of the one scope.
async fn visit<'env>(
    s: Scope<'env>,
    from: u32,
    edges: &'env BTreeMap<u32, Vec<u32>>,
    seen: &'env RefCell<Vec<u32>>,
) -> u32 {
    seen.borrow_mut().push(from);
    let next = edges.get(&from).into_iter().flatten();
    let children: Vec<_> = next
        .map(|&to| s.spawn(visit(s.clone(), to, edges, seen)))
        .collect();
    let mut sum = from;
    for child in children {
        sum += child.await.expect("it is not cancelled");
    }
    sum
}

#[test]
fn children_spawn_children_through_a_clone() {
    on_a_loop(async || {
        let edges = BTreeMap::from([(1, vec![2, 3]), (2, vec![4, 5]), (3, vec![6])]);
        let seen = RefCell::new(Vec::new());

        let sum = scope(async |s| visit(s, 1, &edges, &seen).await).await;

        assert_eq!(sum, 21);
        assert_eq!(seen.into_inner(), [1, 2, 3, 4, 5, 6], "by their levels");
    });
}

// ---- Whose turn it is ------------------------------------------------------------------------

#[test]
fn no_child_is_polled_inside_spawn_and_the_first_polls_are_in_order() {
    on_a_loop(async || {
        let log = Log::default();

        scope(async |s| {
            for i in 0..3 {
                let log = &log;
                s.spawn(async move { log.add(format!("child {i}")) });
            }
            log.add("body".to_owned());
        })
        .await;

        assert_eq!(log.lines(), ["body", "child 0", "child 1", "child 2"]);
    });
}

#[test]
fn children_and_body_are_polled_in_the_order_of_their_wakes() {
    on_a_loop(async || {
        let log = Log::default();
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..4).map(|_| oneshot::channel::<()>()).unzip();
        let mut senders: Vec<_> = senders.into_iter().map(Some).collect();

        scope(async |s| {
            let mut receivers = receivers.into_iter();
            let own = receivers.next().unwrap();
            for (i, receiver) in receivers.enumerate() {
                let log = &log;
                s.spawn(async move {
                    receiver.await.unwrap();
                    log.add(format!("child {i}"));
                });
            }
            s.spawn(async {
                for i in [3, 0, 1, 2] {
                    senders[i].take().unwrap().send(()).unwrap();
                }
            });
            own.await.unwrap();
            log.add("body".to_owned());
        })
        .await;

        assert_eq!(log.lines(), ["child 2", "body", "child 0", "child 1"]);
    });
}

#[test]
fn only_the_child_that_was_woken_is_polled() {
    on_a_loop(async || {
        let idle_polls = Cell::new(0);
        let body_polls = Cell::new(0);

        scope(async |s| {
            let idle = s.spawn(poll_fn(|_| {
                idle_polls.set(idle_polls.get() + 1);
                Poll::<()>::Pending
            }));
            let mut busy = s.spawn(async {
                for _ in 0..10 {
                    yield_now().await;
                }
            });
            poll_fn(|cx| {
                body_polls.set(body_polls.get() + 1);
                busy.poll_unpin(cx)
            })
            .await
            .unwrap();
            idle.abort();
        })
        .await;

        assert_eq!((idle_polls.get(), body_polls.get()), (1, 2));
    });
}

/// Wakes the other one in each poll, for ever.
async fn ping_pong(
    own: &RefCell<Option<Waker>>,
    other: &RefCell<Option<Waker>>,
    polls: &Cell<u64>,
) {
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        own.replace(Some(cx.waker().clone()));
        let waker = other.take();
        if let Some(waker) = waker {
            waker.wake();
        }
        Poll::<()>::Pending
    })
    .await;
}

#[test]
fn children_that_wake_each_other_for_ever_starve_no_task() {
    on_a_loop(async || {
        let polls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&polls);
        let noise = spawn(async move {
            let wakers = [RefCell::new(None), RefCell::new(None)];
            scope(async |outer| {
                // A scope in a scope is no way around the bound.
                outer.spawn(scope(async |s| {
                    s.spawn(ping_pong(&wakers[0], &wakers[1], &counted));
                    s.spawn(ping_pong(&wakers[1], &wakers[0], &counted));
                }));
            })
            .await;
        });

        sleep(Duration::from_millis(1)).await;
        let before = polls.get();
        yield_now().await;
        yield_now().await;

        assert!(polls.get() > before, "they go on");
        assert!(polls.get() - before <= 4 * 128, "a bounded number per tick");
        noise.abort();
        assert!(noise.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn children_that_wake_each_other_for_ever_give_way_to_the_body() {
    on_a_loop(async || {
        let polls = Cell::new(0);
        let wakers = [RefCell::new(None), RefCell::new(None)];

        scope(async |s| {
            s.spawn(ping_pong(&wakers[0], &wakers[1], &polls));
            s.spawn(ping_pong(&wakers[1], &wakers[0], &polls));
            sleep(Duration::from_millis(1)).await;
            s.cancel();
        })
        .await;

        assert!(polls.get() > 0);
    });
}

type Nest = Pin<Box<dyn Future<Output = u32>>>;

/// How deep nests are: each poll of a task could give a turn to far fewer levels.
const DEEP: u32 = 1000;

/// Runs a test with room for a deep nest: each level has its frames.
fn with_room(test: impl AsyncFnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 << 20);
    let thread = thread.spawn(|| on_a_loop(test));
    let end = thread.expect("there is memory for a stack").join();
    end.expect("the test went well");
}

/// Scopes in scopes, of which the innermost waits.
fn scopes(levels: u32) -> Nest {
    Box::pin(async move {
        if levels == 0 {
            yield_now().await;
            return 0;
        }
        scope(async |s| {
            s.spawn(scopes(levels - 1))
                .await
                .map_or(0, |depth| depth + 1)
        })
        .await
    })
}

#[test]
fn the_innermost_of_many_scopes_gets_its_turn() {
    with_room(async || assert_eq!(scopes(DEEP).await, DEEP));
}

#[test]
fn the_innermost_gets_its_turn_whatever_stands_between() {
    /// Each level is another kind of thing than the next.
    fn nest(levels: u32) -> Nest {
        let inner = move || nest(levels - 1);
        Box::pin(async move {
            if levels == 0 {
                yield_now().await;
                return 0;
            }
            1 + match levels % 7 {
                0 => scope(async |s| s.spawn(inner()).await.unwrap()).await,
                1 => try_scope(async |s| {
                    let child = s.spawn(async { Ok::<_, ()>(inner().await) });
                    Ok(child.await.unwrap())
                })
                .await
                .unwrap(),
                // The body has it.
                2 => scope(async |_| inner().await).await,
                3 => unconstrained(inner()).await,
                4 => {
                    let mut futures = FuturesUnordered::from_iter([inner()]);
                    futures.next().await.unwrap()
                }
                5 => spawn(inner()).await.unwrap(),
                _ => {
                    let mut set = JoinSet::new();
                    set.spawn(inner());
                    set.join_next().await.unwrap().unwrap()
                }
            }
        })
    }
    with_room(async || assert_eq!(nest(DEEP).await, DEEP));
}

#[test]
fn the_innermost_gets_its_turn_beside_those_that_always_want_one() {
    fn nest(levels: u32) -> Nest {
        Box::pin(async move {
            if levels == 0 {
                yield_now().await;
                return 0;
            }
            scope(async |s| {
                s.spawn(consume_for_ever());
                s.spawn(poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    Poll::<()>::Pending
                }));
                let outcome = s.spawn(nest(levels - 1)).await.unwrap() + 1;
                s.cancel();
                outcome
            })
            .await
        })
    }
    on_a_loop(async || assert_eq!(nest(5).await, 5));
}

/// Is always ready.
async fn consume_for_ever() {
    loop {
        consume_budget().await;
    }
}

#[test]
fn a_deep_nest_whose_leaves_always_want_a_turn_holds_up_no_task() {
    fn nest(levels: u32, polls: Rc<Cell<u32>>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            if levels == 0 {
                poll_fn(|cx| {
                    polls.set(polls.get() + 1);
                    cx.waker().wake_by_ref();
                    Poll::<()>::Pending
                })
                .await;
            }
            scope(async |s| drop(s.spawn(nest(levels - 1, polls)))).await;
        })
    }
    on_a_loop(async || {
        let polls = Rc::new(Cell::new(0));
        let noise = spawn(nest(50, Rc::clone(&polls)));
        sleep(Duration::from_millis(1)).await;
        let before = polls.get();
        assert!(before > 0);
        for _ in 0..10 {
            yield_now().await;
        }
        let later = polls.get() - before;
        assert!(
            (1..=20 * 128).contains(&later),
            "{later} polls in ten ticks"
        );
        noise.abort();
    });
}

#[test]
fn a_child_that_wakes_itself_does_not_hold_up_a_foreign_executor() {
    let polls = Cell::new(0);
    let (counter, waker) = CountingWaker::new();
    let mut running = pin!(scope(async |s| {
        s.spawn(poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
    }));

    assert!(poll_with(&mut running, &waker).is_pending());
    assert!((100..=128).contains(&polls.get()), "{}", polls.get());
    assert_eq!(counter.wakes(), 1, "it wants to be polled again");

    assert!(poll_with(&mut running, &waker).is_pending());
    assert_eq!((polls.get() > 128, counter.wakes()), (true, 2));
}

#[test]
fn ten_thousand_children_are_polled_as_often_as_they_are_woken() {
    const CHILDREN: usize = 10_000;
    on_a_loop(async || {
        let polls = Cell::new(0);
        let alive = Rc::new(());
        let senders = RefCell::new(Vec::new());

        scope(async |s| {
            for _ in 0..CHILDREN {
                let (sender, mut receiver) = oneshot::channel::<()>();
                senders.borrow_mut().push(sender);
                let (polls, guard) = (&polls, Rc::clone(&alive));
                s.spawn(poll_fn(move |cx| {
                    let _in_the_future = &guard;
                    polls.set(polls.get() + 1);
                    receiver.poll_unpin(cx).map(|sent| sent.unwrap())
                }));
            }
            while polls.get() < CHILDREN {
                yield_now().await;
            }
            // One by one: the scope is polled anew for each.
            let half = senders.borrow_mut().split_off(CHILDREN / 2);
            for (i, sender) in half.into_iter().enumerate() {
                sender.send(()).unwrap();
                if i % 16 == 0 {
                    yield_now().await;
                }
            }
            yield_now().await;
            while polls.get() < CHILDREN + CHILDREN / 2 {
                yield_now().await;
            }
            assert_eq!(Rc::strong_count(&alive), 1 + CHILDREN / 2, "freed at once");
            for sender in senders.take() {
                sender.send(()).unwrap();
            }
        })
        .await;

        assert_eq!(polls.get(), 2 * CHILDREN);
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

// ---- Wakers ----------------------------------------------------------------------------------

#[test]
fn the_last_waker_that_polled_is_woken() {
    let (sender, receiver) = oneshot::channel::<u32>();
    let (first, first_waker) = CountingWaker::new();
    let (second, second_waker) = CountingWaker::new();
    let mut running = pin!(scope(async |s| s.spawn(receiver).await.unwrap().unwrap()));
    assert!(poll_with(&mut running, &first_waker).is_pending());
    assert!(poll_with(&mut running, &second_waker).is_pending());

    sender.send(5).unwrap();

    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert_eq!(poll_with(&mut running, &first_waker), Poll::Ready(5));
}

#[test]
fn many_wakes_between_two_polls_wake_the_parent_once() {
    let (counter, waker) = CountingWaker::new();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..5).map(|_| oneshot::channel::<()>()).unzip();
    let mut running = pin!(scope(async |s| {
        for receiver in receivers {
            s.spawn(receiver);
        }
    }));
    assert!(poll_with(&mut running, &waker).is_pending());
    assert_eq!(counter.wakes(), 0, "no task was woken from outside");

    for sender in senders {
        sender.send(()).unwrap();
    }

    assert_eq!(counter.wakes(), 1);
    assert!(poll_with(&mut running, &waker).is_ready());
    assert_eq!(counter.wakes(), 1);
}

#[test]
fn a_wake_within_the_poll_does_not_wake_the_parent() {
    let (counter, waker) = CountingWaker::new();
    let mut running = pin!(scope(async |s| {
        let (sender, receiver) = oneshot::channel::<()>();
        s.spawn(receiver);
        s.spawn(async { sender.send(()).unwrap() });
        pending::<()>().await;
    }));

    assert!(poll_with(&mut running, &waker).is_pending());

    assert_eq!(counter.wakes(), 0);
}

#[test]
fn a_waker_that_outlives_its_child_or_its_scope_does_nothing() {
    let (counter, waker) = CountingWaker::new();
    let kept = RefCell::new(Vec::new());
    let keep = |cx: &mut Context<'_>| kept.borrow_mut().push(cx.waker().clone());
    let mut running = Box::pin(scope(async |s| {
        s.spawn(poll_fn(|cx| {
            keep(cx);
            Poll::Ready(())
        }));
        s.spawn(poll_fn(|cx| {
            keep(cx);
            Poll::<()>::Pending
        }));
    }));
    assert!(poll_with(&mut running.as_mut(), &waker).is_pending());

    kept.borrow()[0].wake_by_ref();
    assert_eq!(counter.wakes(), 0, "the child has ended");
    drop(running);
    kept.borrow()[1].wake_by_ref();
    assert_eq!(counter.wakes(), 0, "the scope has ended");
    assert_eq!(
        Arc::strong_count(&counter),
        2,
        "and it has let go of the waker"
    );
}

#[test]
fn children_are_woken_from_other_threads() {
    on_a_loop(async || {
        // The loop is not idle, however long the other threads take.
        let _awaited = Handle::current().keep_alive();
        let sum = scope(async |s| {
            let mut children = Vec::new();
            for i in 0..50 {
                let (sender, receiver) = oneshot::channel();
                children.push(s.spawn(receiver));
                thread::spawn(move || sender.send(i).unwrap());
            }
            let mut sum = 0;
            for child in children {
                sum += child.await.unwrap().unwrap();
            }
            sum
        });

        assert_eq!(sum.await, (0..50).sum::<i32>());
    });
}

#[test]
fn no_wake_is_lost_between_two_threads() {
    on_a_loop(async || {
        // The loop is not idle, however long the other threads take.
        let _awaited = Handle::current().keep_alive();
        let (requests, on_thread) = mpsc::channel::<oneshot::Sender<u32>>();
        let thread = thread::spawn(move || {
            let served = on_thread
                .into_iter()
                .map(|request| request.send(1).unwrap());
            served.count()
        });

        let requests_of_one = |requests: mpsc::Sender<_>| async move {
            for _ in 0..2_000 {
                let (sender, receiver) = oneshot::channel();
                requests.send(sender).unwrap();
                assert_eq!(receiver.await, Ok(1));
            }
        };
        scope(async |s| {
            for _ in 0..4 {
                s.spawn(requests_of_one(requests.clone()));
            }
        })
        .await;
        drop(requests);

        assert_eq!(thread.join().unwrap(), 8_000);
    });
}

#[test]
fn dropping_the_parents_waker_may_wake_a_child() {
    let childs = &RefCell::new(None);
    let noise = Arc::new(Mutex::new(None));
    let capricious = hooked_waker(|| (), {
        let noise = Arc::clone(&noise);
        move || {
            let noise = noise.lock().expect("no thread panics with it").take();
            if let Some(noise) = noise {
                Waker::wake(noise);
            }
        }
    });
    let (_, other) = CountingWaker::new();
    let mut running = pin!(scope(async |s| {
        let mut is_first = true;
        s.spawn(poll_fn(move |cx| {
            childs.replace(Some(cx.waker().clone()));
            if mem::replace(&mut is_first, false) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        }));
    }));
    assert!(poll_with(&mut running, &capricious).is_pending());
    *noise.lock().unwrap() = childs.take();
    // Now the scope has the last one, and drops it in this poll.
    drop(capricious);

    assert!(poll_with(&mut running, &other).is_ready());
}

// ---- Handles ---------------------------------------------------------------------------------

#[test]
fn a_detached_child_goes_on_until_it_ends() {
    on_a_loop(async || {
        let done = Cell::new(false);

        scope(async |s| {
            drop(s.spawn(async {
                sleep(Duration::from_millis(1)).await;
                done.set(true);
            }));
        })
        .await;

        assert!(done.get());
    });
}

#[test]
fn an_aborted_child_is_dropped_at_its_turn_and_the_scope_goes_on() {
    on_a_loop(async || {
        let log = Log::default();
        scope(async |s| {
            let before = s.spawn(async { log.add("before") });
            let guard = logs_on_drop(&log, "aborted");
            let aborted = s.spawn(async move {
                let _guard = guard;
                unreachable!("it is never polled")
            });
            s.spawn(async { log.add("after") });
            let ids = [before.id(), aborted.id()];
            assert_ne!(ids[0], ids[1]);

            aborted.abort();
            assert!(!aborted.is_finished());
            log.add("body");
            let result: Result<(), _> = aborted.await;
            let error = result.unwrap_err();

            assert!(error.is_cancelled());
            assert_eq!(error.id(), ids[1]);
            assert!(before.is_finished());
            before.abort();
            before.await.unwrap();
        })
        .await;

        assert_eq!(log.lines(), ["body", "before", "aborted", "after"]);
    });
}

#[test]
fn a_child_may_abort_itself() {
    on_a_loop(async || {
        let own = RefCell::new(None::<ScopedJoinHandle<()>>);
        scope(async |s| {
            let child = s.spawn(async {
                own.borrow().as_ref().unwrap().abort();
                yield_now().await;
                unreachable!("it is dropped before its next turn");
            });
            own.replace(Some(child));
        })
        .await;

        assert!(own.take().unwrap().await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_handle_completes_outside_of_its_scope() {
    on_a_loop(async || {
        let numbers = [1, 2, 3];
        let sum = scope(async |s| s.spawn(async { numbers.iter().sum::<i32>() })).await;

        assert!(sum.is_finished());
        assert_eq!(sum.await.unwrap(), 6);
    });
}

#[test]
#[should_panic(expected = "polled after completion")]
fn a_handle_completes_once() {
    quintet::block_on(scope(async |s| {
        let mut child = s.spawn(async {});
        (&mut child).await.unwrap();
        let _never = child.await;
    }));
}

#[test]
fn a_future_is_dropped_before_its_handle_is_told() {
    on_a_loop(async || {
        let alive = Rc::new(());
        scope(async |s| {
            let inside = Rc::clone(&alive);
            let mut is_first = true;
            let child = s.spawn(poll_fn(move |cx| {
                let _in_the_future = &inside;
                cx.waker().wake_by_ref();
                if mem::replace(&mut is_first, false) {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            }));
            child.await.unwrap();
            assert_eq!(Rc::strong_count(&alive), 1);
        })
        .await;
    });
}

// ---- Cancelling ------------------------------------------------------------------------------

#[test]
fn cancel_drops_the_children_in_the_order_of_their_spawning() {
    on_a_loop(async || {
        let log = Log::default();
        let outcome = scope(async |s| {
            let mut children = Vec::new();
            for i in 0..4 {
                let guard = logs_on_drop(&log, format!("{i} is dropped"));
                let body = async move {
                    let _guard = guard;
                    pending::<()>().await;
                };
                children.push(s.spawn(body));
            }
            // A slot that is used again is not a place in the order.
            children.remove(1).abort();
            yield_now().await;
            let guard = logs_on_drop(&log, "4 is dropped".to_owned());
            children.push(s.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            }));

            s.cancel();
            log.add("not inside the call".to_owned());
            assert!(s.is_cancelled());
            let late = s.spawn(async { unreachable!("it is not polled") });
            assert!(late.is_finished());
            let late: Result<(), _> = late.await;
            assert!(late.unwrap_err().is_cancelled());
            for child in children {
                assert!(child.await.unwrap_err().is_cancelled());
            }
            yield_now().await;
            "the body goes on"
        });

        assert_eq!(outcome.await, "the body goes on");
        let order = [
            "1 is dropped",
            "not inside the call",
            "0 is dropped",
            "2 is dropped",
            "3 is dropped",
            "4 is dropped",
        ];
        assert_eq!(log.lines(), order);
    });
}

#[test]
fn a_child_may_cancel_the_scope_and_still_end() {
    on_a_loop(async || {
        let canceller = scope(async |s| {
            let polled = Cell::new(false);
            let other = s.clone();
            let canceller = s.spawn(async move {
                other.cancel();
                "ended"
            });
            let victim = s.spawn(async move { polled.set(true) });
            (canceller.await, victim.await)
        });

        let (canceller, victim) = canceller.await;
        assert_eq!(canceller.unwrap(), "ended");
        assert!(victim.unwrap_err().is_cancelled(), "it stood behind");
    });
}

#[test]
fn a_scope_may_be_cancelled_from_outside() {
    on_a_loop(async || {
        let outside = Rc::new(RefCell::new(None::<Scope<'static>>));
        let inside = Rc::clone(&outside);
        let running = spawn(scope(async move |s| {
            s.spawn(pending::<()>());
            inside.replace(Some(s));
        }));
        yield_now().await;

        outside.borrow().as_ref().unwrap().cancel();

        running.await.unwrap();
    });
}

#[test]
fn children_may_be_spawned_from_outside_while_the_scope_is_open() {
    on_a_loop(async || {
        let outside = Rc::new(RefCell::new(None::<Scope<'static>>));
        let inside = Rc::clone(&outside);
        let (sender, receiver) = oneshot::channel::<()>();
        let running = spawn(scope(async move |s| {
            s.spawn(receiver);
            inside.replace(Some(s));
        }));
        yield_now().await;

        let child = outside.borrow().as_ref().unwrap().spawn(async { 7 });

        assert_eq!(child.await.unwrap(), 7);
        assert!(!running.is_finished());
        sender.send(()).unwrap();
        running.await.unwrap();
    });
}

#[test]
fn a_handle_that_escapes_spawns_nothing_after_the_end() {
    on_a_loop(async || {
        let alive = Rc::new(());
        let escaped = scope(async |s| s).await;
        assert!(escaped.is_cancelled());

        let inside = Rc::clone(&alive);
        let child = escaped.spawn(async move { drop(inside) });

        assert_eq!(Rc::strong_count(&alive), 1, "dropped at once");
        assert!(child.is_finished());
        child.abort();
        assert!(child.await.unwrap_err().is_cancelled());
        escaped.cancel();
    });
}

// ---- Dropping --------------------------------------------------------------------------------

#[test]
fn dropping_the_future_drops_the_children_in_order_and_then_the_body() {
    on_a_loop(async || {
        let log = Log::default();
        let running = scope(async |s| {
            let _guard = logs_on_drop(&log, "body".to_owned());
            for i in 0..3 {
                let guard = logs_on_drop(&log, format!("child {i}"));
                s.spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
            }
            pending::<()>().await;
        });
        let mut running = Box::pin(running);
        assert!(poll!(&mut running).is_pending());

        drop(running);

        assert_eq!(log.lines(), ["child 0", "child 1", "child 2", "body"]);
    });
}

#[test]
fn a_future_that_is_never_polled_drops_its_body() {
    let alive = Rc::new(());
    let inside = Rc::clone(&alive);

    drop(scope(async move |_s| drop(inside)));

    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn what_a_destructor_spawns_meanwhile_is_dropped() {
    on_a_loop(async || {
        let log = Log::default();
        let mut running = Box::pin(scope(async |s| {
            let (inner, log) = (s.clone(), &log);
            let spawns = OnDrop(Some(move || {
                log.add("the child");
                inner.spawn({
                    let guard = logs_on_drop(log, "what it spawned");
                    async move { drop(guard) }
                });
            }));
            s.spawn(async move {
                let _spawns = spawns;
                pending::<()>().await;
            });
        }));
        assert!(poll!(&mut running).is_pending());

        drop(running);

        assert_eq!(log.lines(), ["the child", "what it spawned"]);
    });
}

#[test]
fn a_forgotten_scope_polls_no_child_and_nothing_hangs() {
    on_a_loop(async || {
        let polls = Rc::new(Cell::new(0));
        let (sender, receiver) = oneshot::channel::<()>();
        let counted = Rc::clone(&polls);
        let mut running = Box::pin(scope(async move |s| {
            s.spawn(async move {
                counted.set(counted.get() + 1);
                let _gone = receiver.await;
                counted.set(counted.get() + 1);
            });
        }));
        assert!(poll!(&mut running).is_pending());

        // What is forgotten is dropped after all, or a search for leaks would find it.
        let forgotten = ManuallyDrop::new(running);
        sender.send(()).unwrap();
        yield_now().await;

        assert_eq!(polls.get(), 1);
        drop(ManuallyDrop::into_inner(forgotten));
    });
}

#[test]
fn a_timeout_around_a_scope_ends_it() {
    on_a_loop(async || {
        let log = Log::default();
        let endless = scope(async |s| {
            let guard = logs_on_drop(&log, "child");
            s.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            sleep(Duration::MAX).await;
        });

        let late = timeout(Duration::from_millis(1), endless).await;
        assert!(late.is_err());
        assert_eq!(log.lines(), ["child"]);

        let in_time = timeout(Duration::MAX, scope(async |s| s.spawn(async { 3 }).await));
        assert_eq!(in_time.await.unwrap().unwrap(), 3);
    });
}

#[test]
fn a_timeout_that_expires_lets_the_children_look_once_more() {
    on_a_loop(async || {
        // Changed without a wake, like a socket whose event has not been fetched yet.
        let has_come = Cell::new(false);
        let looks = scope(async |s| {
            s.spawn(poll_fn(|_| {
                if has_come.get() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }));
        });
        let sets = OnDrop(Some(|| has_come.set(true)));

        let mut looks = pin!(timeout(Duration::from_millis(1), looks));
        assert!(poll!(&mut looks).is_pending());
        drop(sets);

        assert_eq!(looks.await, Ok(()));
    });
}

// ---- Panics ----------------------------------------------------------------------------------

#[test]
fn a_panic_of_a_child_ends_the_scope_and_goes_on_in_the_parent() {
    on_a_loop(async || {
        let log = Log::default();
        let running = scope(async |s| {
            let _guard = logs_on_drop(&log, "body");
            let guards = ["first", "second"].map(|name| logs_on_drop(&log, name));
            for guard in guards {
                s.spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
            }
            let panics = s.spawn(async { panic_any(42) });
            let guard = logs_on_drop(&log, "never polled");
            s.spawn(async move {
                let _guard = guard;
                unreachable!("it stood behind the panic");
            });
            let _never: Result<(), _> = panics.await;
            unreachable!("the body is dropped while it awaits the child");
        });

        let payload = AssertUnwindSafe(running).catch_unwind().await.unwrap_err();

        assert_eq!(payload.downcast_ref::<i32>(), Some(&42));
        assert_eq!(log.lines(), ["first", "second", "never polled", "body"]);
    });
}

#[test]
fn a_panic_of_the_body_drops_the_children() {
    on_a_loop(async || {
        let log = Log::default();
        let running = scope(async |s| {
            let guard = logs_on_drop(&log, "child");
            s.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            panic_any("of the body");
        });

        let payload = AssertUnwindSafe(running).catch_unwind().await;

        let payload = payload.unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"of the body"));
        assert_eq!(log.lines(), ["child"]);
    });
}

#[test]
fn of_two_panics_the_first_goes_on() {
    on_a_loop(async || {
        let running = scope(async |s| {
            let _guard = OnDrop(Some(|| panic_any("of the body's destructor")));
            let guard = OnDrop(Some(|| panic_any("of a destructor")));
            s.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            s.spawn(async { panic_any("first") });
            s.spawn(async { panic_any("second") });
            pending::<()>().await;
        });

        let payload = AssertUnwindSafe(running).catch_unwind().await.unwrap_err();

        assert_eq!(payload.downcast_ref::<&str>(), Some(&"first"));
        assert_reported(&[": of a destructor", ": of the body's destructor"]);
    });
}

#[test]
fn a_handle_that_escapes_from_a_panic_is_cancelled() {
    on_a_loop(async || {
        let escaped = RefCell::new(None);
        let running = scope(async |s| {
            escaped.replace(Some(s.spawn(async { panic_any(1) })));
        });
        assert!(AssertUnwindSafe(running).catch_unwind().await.is_err());

        let result: Result<(), _> = escaped.take().unwrap().await;

        assert!(result.unwrap_err().is_cancelled());
    });
}

/// A future that is done at once, and whose destructor panics.
fn done_but_panics_when_dropped() -> impl Future<Output = &'static str> {
    let guard = PanicsWhenDropped("of a future's destructor");
    poll_fn(move |_| {
        let _held = &guard;
        Poll::Ready("output")
    })
}

#[test]
fn a_panic_in_a_destructor_costs_nothing_else() {
    on_a_loop(async || {
        let log = Log::default();
        let outcome = scope(async |s| {
            let ended = s.spawn(done_but_panics_when_dropped());
            let aborted = s.spawn(done_but_panics_when_dropped());
            aborted.abort();
            let after = s.spawn(async { log.add("after") });
            assert_eq!(ended.await.unwrap(), "output");
            assert!(aborted.await.unwrap_err().is_cancelled());
            after.await.unwrap();

            s.spawn(done_but_panics_when_dropped());
            let guard = logs_on_drop(&log, "cancelled");
            s.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            s.cancel();
            // The future is refused and dropped.
            s.spawn(done_but_panics_when_dropped());
            yield_now().await;
            "done"
        });

        assert_eq!(outcome.await, "done");
        assert_eq!(log.lines(), ["after", "cancelled"]);
        assert_reported(&[": of a future's destructor"; 4]);
    });
}

#[test]
fn a_panic_of_an_output_that_is_not_awaited_costs_nothing() {
    on_a_loop(async || {
        let outcome = scope(async |s| {
            drop(s.spawn(async { OnDrop(Some(|| panic_any("of an output"))) }));
            let kept = s.spawn(async { OnDrop(Some(|| panic_any("of an output"))) });
            yield_now().await;
            drop(kept);
            1
        });

        assert_eq!(outcome.await, 1);
        assert_reported(&[": of an output"; 2]);
    });
}

#[test]
fn a_scope_that_has_ended_says_so_when_it_is_polled() {
    let (_, waker) = CountingWaker::new();
    let mut running = pin!(scope(async |_s| ()));
    assert!(poll_with(&mut running, &waker).is_ready());

    let text = panic_message(|| poll_with(&mut running, &waker));

    assert!(text.contains("polled after completion"), "{text}");
}

// ---- Errors ----------------------------------------------------------------------------------

#[test]
fn without_errors_try_scope_is_a_scope() {
    on_a_loop(async || {
        let numbers = [1, 2, 3];
        let sum = Cell::new(0);
        let outcome = try_scope(async |s: TryScope<'_, String>| {
            for n in &numbers {
                let sum = &sum;
                s.spawn(async move {
                    yield_now().await;
                    sum.set(sum.get() + n);
                    Ok(())
                });
            }
            Ok(s.spawn(async { Ok(numbers.len()) }).await.unwrap())
        });

        assert_eq!(outcome.await, Ok(3));
        assert_eq!(sum.get(), 6);
    });
}

#[test]
fn the_first_error_of_a_child_ends_the_scope() {
    on_a_loop(async || {
        let log = Log::default();
        let outcome = try_scope(async |s| {
            let _guard = logs_on_drop(&log, "body");
            for name in ["first", "second"] {
                let guard = logs_on_drop(&log, name);
                s.spawn(async move {
                    let _guard = guard;
                    pending::<Result<(), _>>().await
                });
            }
            let fails = s.spawn(async { Err::<(), _>("failed") });
            s.spawn(async { Err::<(), _>("too late") });
            let _never = fails.await;
            unreachable!("the body is dropped while it awaits the child")
        });
        let outcome: Result<(), &str> = outcome.await;

        assert_eq!(outcome, Err("failed"));
        assert_eq!(log.lines(), ["first", "second", "body"]);
    });
}

#[test]
fn an_error_of_the_body_ends_the_scope() {
    on_a_loop(async || {
        let log = Log::default();
        let guard = logs_on_drop(&log, "child");
        let outcome: Result<(), &str> = try_scope(async |s| {
            s.spawn(async move {
                let _guard = guard;
                pending::<Result<(), _>>().await
            });
            yield_now().await;
            Err("of the body")
        })
        .await;

        assert_eq!(outcome, Err("of the body"));
        assert_eq!(log.lines(), ["child"]);
    });
}

#[test]
fn an_error_after_the_body_counts() {
    on_a_loop(async || {
        let outcome = try_scope(async |s| {
            s.spawn(async {
                yield_now().await;
                Err::<(), _>("late")
            });
            Ok(1)
        });

        assert_eq!(outcome.await, Err("late"));
    });
}

#[test]
fn a_child_that_cancels_and_fails_has_failed() {
    on_a_loop(async || {
        let outcome = try_scope(async |s| {
            let other = s.clone();
            s.spawn(async move {
                other.cancel();
                Err::<(), _>("failed")
            });
            yield_now().await;
            Ok(())
        });
        assert_eq!(outcome.await, Err("failed"));

        let outcome: Result<u32, &str> = try_scope(async |s| {
            s.spawn(pending::<Result<(), _>>());
            s.cancel();
            assert!(s.is_cancelled());
            Ok(1)
        })
        .await;
        assert_eq!(outcome, Ok(1));
    });
}

#[test]
fn a_panic_in_try_scope_goes_on_in_the_parent() {
    on_a_loop(async || {
        let running = try_scope(async |s: TryScope<'_, ()>| {
            s.spawn::<_, ()>(async { panic_any(7) });
            pending::<Result<(), ()>>().await
        });

        let payload = AssertUnwindSafe(running).catch_unwind().await.unwrap_err();

        assert_eq!(payload.downcast_ref::<i32>(), Some(&7));
    });
}

// ---- Tools -----------------------------------------------------------------------------------

/// Logs `line` when it is dropped.
fn logs_on_drop<T>(log: &Log<T>, line: T) -> OnDrop<impl FnOnce() + use<T>> {
    let log = log.clone();
    OnDrop(Some(move || log.add(line)))
}
