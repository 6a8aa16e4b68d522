//! Tasks: how they begin, take turns and end.

use std::cell::Cell;
use std::collections::HashSet;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use quintet::runtime::Runtime;
use quintet::task::{Builder, JoinHandle, YieldNow, set_immediate, yield_now};
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking};

use crate::support::log::Log;
use crate::support::patience::in_time;
use crate::support::turns::{on_a_loop, reach_poll_phase, settle};
use crate::support::wakers::poll;
use crate::support::wakers::{CountingWaker, poll_with};

#[test]
fn a_task_is_first_polled_from_the_queue_and_never_inside_spawn() {
    on_a_loop(async || {
        let polled = Rc::new(Cell::new(false));
        let flag = Rc::clone(&polled);

        let task = spawn(async move { flag.set(true) });
        let was_polled_inside = polled.get();
        task.await.unwrap();

        assert!(!was_polled_inside);
        assert!(polled.get());
    });
}

#[test]
fn tasks_begin_in_the_order_of_spawning() {
    on_a_loop(async || {
        let log = Log::default();

        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let log = log.clone();
                spawn(async move { log.add(number) })
            })
            .collect();
        join_all(tasks).await;

        assert_eq!(log.lines(), Vec::from_iter(0..100));
    });
}

#[test]
fn tasks_go_on_in_the_order_in_which_they_were_woken() {
    on_a_loop(async || {
        let log = Log::default();
        let (senders, tasks): (Vec<_>, Vec<_>) = (0..3)
            .map(|number| {
                let log = log.clone();
                let (sender, receiver) = oneshot::channel::<()>();
                let task = spawn(async move {
                    receiver.await.unwrap();
                    log.add(number);
                });
                (sender, task)
            })
            .unzip();
        settle().await;

        let mut senders: Vec<_> = senders.into_iter().map(Some).collect();
        for number in [2, 0, 1] {
            senders[number].take().unwrap().send(()).unwrap();
        }
        join_all(tasks).await;

        assert_eq!(log.lines(), [2, 0, 1]);
    });
}

#[test]
fn what_a_task_makes_ready_runs_behind_what_was_ready_before() {
    on_a_loop(async || {
        let log = Log::default();
        let first = spawn({
            let log = log.clone();
            async move {
                log.add("first");
                let child = spawn({
                    let log = log.clone();
                    async move { log.add("child of the first") }
                });
                child.await.unwrap();
            }
        });
        let second = spawn({
            let log = log.clone();
            async move { log.add("second") }
        });

        first.await.unwrap();
        second.await.unwrap();

        assert_eq!(log.lines(), ["first", "second", "child of the first"]);
    });
}

#[test]
fn futures_and_outputs_need_not_be_send() {
    on_a_loop(async || {
        let shared = Rc::new(Cell::new(1));
        let inside = Rc::clone(&shared);

        let task = spawn(async move {
            yield_now().await;
            inside.set(2);
            inside
        });
        let output = task.await.unwrap();

        assert!(Rc::ptr_eq(&output, &shared));
        assert_eq!(shared.get(), 2);
    });
}

#[test]
fn many_wakes_before_a_turn_are_one_poll() {
    on_a_loop(async || {
        let polls = Rc::new(Cell::new(0));
        let (task, waker) = spawn_sleeper(&polls).await;

        for _ in 0..1000 {
            waker.wake_by_ref();
        }
        settle().await;

        assert_eq!(polls.get(), 2);
        task.abort();
    });
}

#[test]
fn spurious_wakes_are_harmless() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel();
        let slot = WakerSlot::default();
        let task = spawn({
            let slot = slot.clone();
            async move {
                let mut work = Box::pin(async {
                    yield_now().await;
                    sleep(Duration::from_millis(1)).await;
                    let number = spawn(async { 1 }).await.unwrap();
                    let other = spawn_blocking(|| 2).await.unwrap();
                    number + other + receiver.await.unwrap()
                });
                poll_fn(|cx| {
                    slot.set(cx.waker());
                    work.as_mut().poll(cx)
                })
                .await
            }
        });
        spawn(async move {
            for round in 0..200 {
                slot.wake();
                if round % 2 == 0 {
                    yield_now().await;
                } else {
                    sleep(Duration::from_micros(50)).await;
                }
            }
            sender.send(4).unwrap();
        });

        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn a_task_that_always_wakes_itself_starves_no_task() {
    on_a_loop(async || {
        let spinning = spawn(spin());

        sleep(Duration::from_micros(10)).await;
        yield_now().await;
        set_immediate(|| ()).await.unwrap();
        spawn(async {}).await.unwrap();
        assert_eq!(spawn_blocking(|| 3).await.unwrap(), 3);

        assert!(!spinning.is_finished());
        spinning.abort();
        assert!(spinning.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn two_tasks_that_wake_each_other_for_ever_starve_no_task() {
    on_a_loop(async || {
        let slots = [WakerSlot::default(), WakerSlot::default()];
        let pair = [0, 1].map(|me| {
            let (own, other) = (slots[me].clone(), slots[1 - me].clone());
            spawn(poll_fn(move |cx| {
                own.set(cx.waker());
                other.wake();
                Poll::<()>::Pending
            }))
        });

        sleep(Duration::from_micros(10)).await;
        yield_now().await;
        spawn(async {}).await.unwrap();
        assert_eq!(spawn_blocking(|| 3).await.unwrap(), 3);

        for task in pair {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_task_that_joins_finished_tasks_in_one_go_lets_others_run() {
    on_a_loop(async || {
        let tasks: Vec<_> = (0..1000)
            .map(|number| spawn(async move { number }))
            .collect();
        settle().await;
        assert!(tasks.iter().all(JoinHandle::is_finished));
        let turns = Rc::new(Cell::new(0));
        let spinning = spawn({
            let turns = Rc::clone(&turns);
            poll_fn(move |cx| {
                turns.set(turns.get() + 1);
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            })
        });
        settle().await;

        let before = turns.get();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }

        assert_eq!(sum, 999 * 1000 / 2);
        assert!(
            turns.get() - before >= 1000 / 128,
            "{}",
            turns.get() - before
        );
        spinning.abort();
    });
}

#[test]
fn the_waker_of_an_ended_task_does_not_wake_the_next_one_in_its_place() {
    on_a_loop(async || {
        let ended = spawn(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let stale = ended.await.unwrap();
        let polls = Rc::new(Cell::new(0));
        let (next, own) = spawn_sleeper(&polls).await;

        stale.wake_by_ref();
        settle().await;
        thread::spawn(move || stale.wake()).join().unwrap();
        reach_poll_phase().await;

        assert_eq!(polls.get(), 1);
        own.wake();
        settle().await;
        assert_eq!(polls.get(), 2, "its own waker still does");
        next.abort();
    });
}

#[test]
fn a_wake_on_its_way_does_not_reach_the_next_task_in_its_place() {
    on_a_loop(async || {
        // The wake stands in the inbox when the task ends, for the root blocks the loop.
        let task = spawn(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let slot = WakerSlot::default();
        let ends_later = spawn({
            let slot = slot.clone();
            let mut polls = 0;
            poll_fn(move |cx| {
                slot.set(cx.waker());
                polls += 1;
                if polls == 2 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
        });
        drop(task.await.unwrap());
        let waker = slot.get();
        thread::spawn({
            let waker = waker.clone();
            move || waker.wake()
        })
        .join()
        .unwrap();
        waker.wake();
        slot.clear();
        ends_later.await.unwrap();

        let polls = Rc::new(Cell::new(0));
        let (next, own) = spawn_sleeper(&polls).await;
        reach_poll_phase().await;

        assert_eq!(polls.get(), 1);
        own.wake();
        settle().await;
        assert_eq!(polls.get(), 2);
        next.abort();
    });
}

#[test]
fn a_task_that_wakes_itself_and_ends_leaves_nothing_behind() {
    on_a_loop(async || {
        let log = Log::default();
        // Both free their slots; the later one's is the first to be taken again. The first leaves
        // its wake in the queue.
        drop(spawn(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(())
        })));
        drop(spawn(async {}));
        let successors = spawn({
            let log = log.clone();
            async move {
                ["in the later's place", "in the first's place"].map(|line| {
                    let log = log.clone();
                    spawn(async move { log.add(line) })
                })
            }
        });

        join_all(successors.await.unwrap()).await;

        assert_eq!(
            log.lines(),
            ["in the later's place", "in the first's place"]
        );
    });
}

#[test]
fn headers_are_used_again_in_every_way_of_ending() {
    on_a_loop(async || {
        for round in 0..10_000 {
            match round % 4 {
                0 => spawn(async {}).await.unwrap(),
                1 => drop(spawn(async {})),
                2 => {
                    let task = spawn(pending::<()>());
                    task.abort();
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                _ => {
                    let (sender, receiver) = oneshot::channel();
                    let task = spawn(receiver);
                    settle().await;
                    sender.send(round).unwrap();
                    assert_eq!(task.await.unwrap(), Ok(round));
                }
            }
        }
    });
}

#[test]
fn a_hundred_thousand_tasks_leave_nothing_alive() {
    on_a_loop(async || {
        let alive = Rc::new(());
        for _ in 0..2 {
            let tasks: Vec<_> = (0..50_000)
                .map(|number| {
                    let alive = Rc::clone(&alive);
                    spawn(async move {
                        if number % 2 == 0 {
                            yield_now().await;
                        }
                        alive
                    })
                })
                .collect();
            settle().await;
            assert!(Rc::strong_count(&alive) > 50_000);

            for (number, task) in tasks.into_iter().enumerate() {
                match number % 3 {
                    0 => drop(task.await.unwrap()),
                    1 => drop(task),
                    _ => task.abort(),
                }
            }
            yield_now().await;
            settle().await;

            assert_eq!(Rc::strong_count(&alive), 1);
        }
    });
}

#[test]
fn a_chain_of_a_hundred_thousand_wakes_does_not_recurse() {
    on_a_loop(async || {
        let (first, mut receiver) = oneshot::channel::<usize>();
        for _ in 0..100_000 {
            let (sender, next) = oneshot::channel();
            let previous = std::mem::replace(&mut receiver, next);
            spawn(async move {
                let number = previous.await.unwrap();
                sender.send(number + 1).unwrap();
            });
        }
        settle().await;

        first.send(0).unwrap();

        assert_eq!(receiver.await.unwrap(), 100_000);
    });
}

#[test]
fn a_task_that_owns_its_own_handle_is_freed_at_the_end_of_its_runtime() {
    in_time(|| {
        let alive = Rc::new(());
        let runtime = Runtime::new().unwrap();
        let (sender, receiver) = oneshot::channel::<JoinHandle<()>>();
        let inside = Rc::clone(&alive);
        let task = runtime.spawn(async move {
            let _inside = inside;
            let own = receiver.await;
            pending::<()>().await;
            drop(own);
        });
        sender.send(task).ok().unwrap();
        runtime.block_on(settle());
        assert_eq!(Rc::strong_count(&alive), 2);

        drop(runtime);

        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn a_task_that_awaits_its_own_handle_can_still_be_aborted() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel::<JoinHandle<()>>();
        let task = spawn(async move {
            receiver.await.unwrap().await.unwrap();
        });
        let abort = task.abort_handle();
        sender.send(task).ok().unwrap();
        settle().await;
        assert!(!abort.is_finished());

        abort.abort();
        settle().await;

        assert!(abort.is_finished());
    });
}

#[test]
fn every_task_has_an_id_of_its_own() {
    let mut ids: Vec<_> = [(); 3]
        .map(|()| {
            thread::spawn(|| {
                quintet::block_on(async {
                    let tasks: Vec<_> = (0..3000).map(|_| spawn(async {})).collect();
                    let immediate = set_immediate(|| ());
                    let job = spawn_blocking(|| ());
                    let elsewhere = quintet::runtime::Handle::current().spawn(async {});
                    let mut ids: Vec<_> = tasks.iter().map(JoinHandle::id).collect();
                    ids.extend([immediate.id(), job.id(), elsewhere.id()]);
                    ids
                })
            })
        })
        .map(|thread| thread.join().unwrap())
        .concat();

    let number = ids.len();
    let distinct: HashSet<_> = ids.drain(..).collect();

    assert_eq!(distinct.len(), number);
}

#[test]
fn an_id_is_shown_as_its_number_by_handles_and_errors_alike() {
    on_a_loop(async || {
        let task = Builder::new().name("named").spawn(pending::<()>());
        let id = task.id();
        assert_eq!(task.abort_handle().id(), id);
        let number: u64 = id.to_string().parse().unwrap();
        assert!(number > 0);

        task.abort();
        let error = task.await.unwrap_err();

        assert_eq!(error.id(), id);
        assert_eq!(error.to_string(), format!("task {id} was cancelled"));
    });
}

#[test]
fn tasks_that_yield_alternate() {
    on_a_loop(async || {
        let log = Log::default();
        let tasks = ["a", "b"].map(|name| {
            let log = log.clone();
            spawn(async move {
                for round in 1..=3 {
                    log.add(format!("{name}{round}"));
                    yield_now().await;
                }
            })
        });

        join_all(tasks).await;

        assert_eq!(log.lines(), ["a1", "b1", "a2", "b2", "a3", "b3"]);
    });
}

#[test]
fn a_yield_lets_ready_tasks_and_the_poll_phase_go_first() {
    on_a_loop(async || {
        let log = Log::default();
        let (elsewhere, wakes) = log_when_woken_from_elsewhere(&log, "from another thread").await;
        let ready = spawn({
            let log = log.clone();
            async move { log.add("ready") }
        });
        wakes();

        yield_now().await;
        log.add("yielded");

        join_all([elsewhere, ready]).await;
        assert_eq!(log.lines(), ["ready", "from another thread", "yielded"]);
    });
}

#[test]
fn a_yield_wakes_only_the_waker_it_was_last_polled_with() {
    on_a_loop(async || {
        let (first, first_waker) = CountingWaker::new();
        let (second, second_waker) = CountingWaker::new();
        let mut yielding = yield_now();
        assert!(poll_with(&mut yielding, &first_waker).is_pending());
        assert!(poll_with(&mut yielding, &second_waker).is_pending());
        drop((first_waker, second_waker));
        assert_eq!(Arc::strong_count(&first), 1, "the former waker is let go");

        yield_now().await;

        assert_eq!((first.wakes(), second.wakes()), (0, 1));
        assert_eq!(Arc::strong_count(&second), 1);
    });
}

#[test]
fn a_yield_that_is_dropped_wakes_no_task_and_keeps_no_waker() {
    on_a_loop(async || {
        let (counter, waker) = CountingWaker::new();
        let mut yielding = yield_now();
        assert!(poll_with(&mut yielding, &waker).is_pending());
        drop(waker);

        drop(yielding);
        assert_eq!(Arc::strong_count(&counter), 1);
        yield_now().await;

        assert_eq!(counter.wakes(), 0);
    });
}

#[test]
fn a_yield_that_is_dropped_on_another_loop_takes_nobodys_turn() {
    while_another_loop_yields(drop);
}

#[test]
fn a_yield_that_is_polled_on_another_loop_takes_nobodys_turn() {
    while_another_loop_yields(|mut stray| {
        // It may panic, wait or be done, but not stand in another's place.
        let attempt = std::panic::AssertUnwindSafe(|| poll_with(&mut stray, Waker::noop()));
        let _outcome = std::panic::catch_unwind(attempt);
    });
}

/// Calls `f` with a yield of one loop on another, where a task is yielding, which must come back.
fn while_another_loop_yields(f: impl FnOnce(YieldNow)) {
    in_time(|| {
        let first = Runtime::new().expect("descriptors for a runtime");
        let second = Runtime::new().expect("descriptors for a runtime");
        let mut stray = yield_now();
        first.block_on(async { assert!(poll!(&mut stray).is_pending()) });

        second.block_on(async {
            let task = spawn(yield_now());
            settle().await;
            f(stray);
            task.await.expect("it has its turn");
        });
    });
}

#[test]
fn a_yield_under_another_runtimes_guard_wakes_its_own_task() {
    in_time(|| {
        let first = Runtime::new().unwrap();
        let second = Rc::new(Runtime::new().unwrap());
        let task = first.spawn({
            let second = Rc::clone(&second);
            async move {
                let mut yielding = yield_now();
                poll_fn(|cx| {
                    let _guard = second.enter();
                    Pin::new(&mut yielding).poll(cx)
                })
                .await;
            }
        });
        first.block_on(settle());

        second.block_on(yield_now());

        first.block_on(task).unwrap();
    });
}

#[test]
fn immediates_run_in_order_with_a_checkpoint_after_each() {
    on_a_loop(async || {
        let log = Log::default();
        let immediates: Vec<_> = ["a", "b", "c"]
            .map(|name| {
                let log = log.clone();
                set_immediate(move || {
                    log.add(format!("immediate {name}"));
                    spawn(async move { log.add(format!("task of {name}")) });
                })
            })
            .into_iter()
            .collect();

        join_all(immediates).await;
        settle().await;

        let expected = ["a", "b", "c"]
            .map(|name| [format!("immediate {name}"), format!("task of {name}")])
            .concat();
        assert_eq!(log.lines(), expected);
    });
}

#[test]
fn an_immediate_that_an_immediate_sets_runs_in_the_next_tick() {
    on_a_loop(async || {
        let log = Log::default();
        let (elsewhere, wake) = log_when_woken_from_elsewhere(&log, "the next poll phase").await;

        let outer = set_immediate({
            let log = log.clone();
            move || {
                log.add("outer");
                wake();
                set_immediate(move || log.add("inner"))
            }
        });
        let sibling = set_immediate({
            let log = log.clone();
            move || log.add("sibling")
        });
        let inner = outer.await.unwrap();
        join_all([sibling, inner, elsewhere]).await;

        assert_eq!(
            log.lines(),
            ["outer", "sibling", "the next poll phase", "inner"]
        );
    });
}

#[test]
fn an_immediate_gives_its_result_and_runs_without_its_handle() {
    on_a_loop(async || {
        let ran = Rc::new(Cell::new(false));
        let flag = Rc::clone(&ran);

        drop(set_immediate(move || flag.set(true)));
        let result = set_immediate(|| String::from("result")).await;

        assert_eq!(result.unwrap(), "result");
        assert!(ran.get());
    });
}

/// Room for a waker that others may wake.
#[derive(Clone, Default)]
struct WakerSlot(Arc<Mutex<Option<Waker>>>);

impl WakerSlot {
    fn set(&self, waker: &Waker) {
        *self.0.lock().expect("not poisoned") = Some(waker.clone());
    }

    fn get(&self) -> Waker {
        let slot = self.0.lock().expect("not poisoned");
        slot.clone().expect("the task has been polled")
    }

    fn clear(&self) {
        *self.0.lock().expect("not poisoned") = None;
    }

    fn wake(&self) {
        if let Some(waker) = &*self.0.lock().expect("not poisoned") {
            waker.wake_by_ref();
        }
    }
}

/// A future that is always ready to go on and never done.
fn spin() -> impl Future<Output = ()> {
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Spawns a task that counts its polls and never ends, and returns it with its waker once it has
/// been polled.
async fn spawn_sleeper(polls: &Rc<Cell<usize>>) -> (JoinHandle<()>, Waker) {
    let slot = WakerSlot::default();
    let task = spawn({
        let (slot, polls) = (slot.clone(), Rc::clone(polls));
        poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            slot.set(cx.waker());
            Poll::Pending
        })
    });
    settle().await;
    let waker = slot.get();
    slot.clear();
    (task, waker)
}

/// A future, and a function that makes it ready from another thread and comes back when that is
/// done.
fn woken_from_elsewhere() -> (oneshot::Receiver<()>, impl FnOnce()) {
    let (sender, receiver) = oneshot::channel();
    let wake = move || {
        let thread = thread::spawn(move || sender.send(()));
        let sent = thread.join().map_err(|_| ());
        assert_eq!(sent, Ok(Ok(())));
    };
    (receiver, wake)
}

/// Spawns a task that logs `line` once the function has been called, and returns both when it
/// waits.
async fn log_when_woken_from_elsewhere(
    log: &Log<&'static str>,
    line: &'static str,
) -> (JoinHandle<()>, impl FnOnce() + use<>) {
    let (log, (woken, wake)) = (log.clone(), woken_from_elsewhere());
    let task = spawn(async move {
        woken.await.expect("it is sent");
        log.add(line);
    });
    settle().await;
    (task, wake)
}

async fn join_all<T: 'static>(tasks: impl IntoIterator<Item = JoinHandle<T>>) {
    for task in tasks {
        task.await.expect("the task ends well");
    }
}
