//! Each operation counts towards the task's budget.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::future::{poll_fn, ready};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use futures::StreamExt;
use quintet::spawn;
use quintet::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use quintet::time::Duration;

use crate::support::strict::block_on;

use super::watched;

const UNITS: u32 = 128;

/// Messages for a loop that is not stopped.
const MANY: u32 = 3 * UNITS;

/// An operation that need not wait, and its name: the module's, the function's, what is special.
struct Case {
    name: &'static str,
    /// Runs a task that does the operation again and again. Returns how often it was done when
    /// another task had its turn.
    run: Box<dyn FnOnce() -> u32>,
}

fn case(name: &'static str, mut operation: impl AsyncFnMut(u32) + 'static) -> Case {
    let count = async move || {
        let done = Rc::new(Cell::new(0));
        let busy = spawn({
            let done = Rc::clone(&done);
            async move {
                for i in 0..MANY {
                    operation(i).await;
                    done.set(i + 1);
                }
            }
        });
        let seen = spawn(async move { done.get() }).await.unwrap();
        busy.await.unwrap();
        seen
    };
    Case {
        name,
        run: Box::new(move || block_on(count())),
    }
}

#[test]
fn what_resolves_at_once_lets_others_have_their_turn() {
    watched(|| {
        let mut complaints = Vec::new();
        for Case { name, run } in cases() {
            let done = run();
            // Where one call is two operations, half as many.
            if !(UNITS / 2..=UNITS).contains(&done) {
                complaints.push(format!("{name}: {done} times without a break"));
            }
        }
        assert!(complaints.is_empty(), "{complaints:#?}");
    });
}

/// The functions that are to be in the table, as their module's name and their own.
fn asynchronous_functions(directory: &Path, module: Option<&str>) -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = module.unwrap_or(&stem);
        if path.is_dir() {
            functions.append(&mut asynchronous_functions(&path, Some(module)));
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let line = line.trim_start();
            let name = line.strip_prefix("pub async fn ");
            let name = name.or_else(|| line.strip_prefix("pub fn ")?.strip_prefix("poll_"));
            if let Some(name) = name {
                let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
                let name: String = name.chars().take_while(|c| is_letter(*c)).collect();
                functions.insert(format!("{module}::{name}"));
            }
        }
    }
    functions
}

#[test]
fn every_operation_is_in_the_table() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sync");
    let mut missing = asynchronous_functions(&directory, None);
    assert!(missing.len() > 20, "{missing:?}");
    for case in cases() {
        let name = case.name.split(',').next().unwrap().replace("poll_", "");
        missing.remove(&name);
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

fn cases() -> Vec<Case> {
    let mut cases = locks();
    cases.append(&mut signals());
    cases.append(&mut mpsc_senders());
    cases.append(&mut mpsc_receivers());
    cases.append(&mut other_channels());
    cases
}

fn locks() -> Vec<Case> {
    let mutex = Arc::new(Mutex::new(()));
    let owned_mutex = Arc::clone(&mutex);
    let lock = Arc::new(RwLock::new(()));
    let [reads, writes, owned_reads, owned_writes] = [(); 4].map(|()| Arc::clone(&lock));
    let permits = Arc::new(Semaphore::new(9));
    let [many, none, owned, many_owned] = [(); 4].map(|()| Arc::clone(&permits));
    let closed = Semaphore::new(1);
    closed.close();
    vec![
        case("mutex::lock", async move |_| drop(mutex.lock().await)),
        case("mutex::lock_owned", async move |_| {
            drop(Arc::clone(&owned_mutex).lock_owned().await);
        }),
        case("rwlock::read", async move |_| drop(reads.read().await)),
        case("rwlock::write", async move |_| drop(writes.write().await)),
        case("rwlock::read_owned", async move |_| {
            drop(Arc::clone(&owned_reads).read_owned().await);
        }),
        case("rwlock::write_owned", async move |_| {
            drop(Arc::clone(&owned_writes).write_owned().await);
        }),
        case("semaphore::acquire", async move |_| {
            drop(permits.acquire().await.unwrap());
        }),
        case("semaphore::acquire, closed", async move |_| {
            closed.acquire().await.unwrap_err();
        }),
        case("semaphore::acquire_many", async move |_| {
            drop(many.acquire_many(9).await.unwrap());
        }),
        case("semaphore::acquire_many, none", async move |_| {
            drop(none.acquire_many(0).await.unwrap());
        }),
        case("semaphore::acquire_owned", async move |_| {
            drop(Arc::clone(&owned).acquire_owned().await.unwrap());
        }),
        case("semaphore::acquire_many_owned", async move |_| {
            let permits = Arc::clone(&many_owned).acquire_many_owned(2).await;
            drop(permits.unwrap());
        }),
    ]
}

fn signals() -> Vec<Case> {
    let barrier = Barrier::new(1);
    let kept = Notify::new();
    let owned = Arc::new(Notify::new());
    let all = Notify::new();
    let set_once = SetOnce::from(1);
    let cell = OnceCell::from(1);
    let try_cell = OnceCell::from(1);
    vec![
        case("barrier::wait", async move |_| {
            assert!(barrier.wait().await.is_leader());
        }),
        case("notify::notified", async move |_| {
            kept.notify_one();
            kept.notified().await;
        }),
        case("notify::notified_owned", async move |_| {
            owned.notify_one();
            Arc::clone(&owned).notified_owned().await;
        }),
        case("notify::notified, with all", async move |_| {
            let notified = all.notified();
            all.notify_waiters();
            notified.await;
        }),
        case("set_once::wait", async move |_| {
            set_once.wait().await;
        }),
        case("once_cell::get_or_init", async move |_| {
            cell.get_or_init(|| ready(2)).await;
        }),
        case("once_cell::get_or_init, empty", async move |_| {
            OnceCell::new().get_or_init(|| ready(2)).await;
        }),
        case("once_cell::get_or_try_init", async move |_| {
            let made = try_cell.get_or_try_init(|| ready(Ok::<_, Infallible>(2)));
            assert_eq!(made.await, Ok(&1));
        }),
    ]
}

fn mpsc_senders() -> Vec<Case> {
    let room = || {
        let (sender, receiver) = mpsc::channel(2 * MANY as usize);
        // The receiver stays.
        (sender, Box::leak(Box::new(receiver)))
    };
    let no_receiver = || mpsc::channel::<u32>(1).0;
    let (send, _) = room();
    let (timed, _) = room();
    let [(reserve, _), (many, _), (none, _)] = [(); 3].map(|()| room());
    let (owned, _) = room();
    let (closed, closed_send, timed_closed) = (no_receiver(), no_receiver(), no_receiver());
    let unbounded = mpsc::unbounded_channel::<u32>().0;
    vec![
        case("mpsc::send", async move |i| send.send(i).await.unwrap()),
        case("mpsc::send, closed", async move |i| {
            closed_send.send(i).await.unwrap_err();
        }),
        case("mpsc::send_timeout", async move |i| {
            timed.send_timeout(i, Duration::MAX).await.unwrap();
        }),
        case("mpsc::send_timeout, closed", async move |i| {
            let sent = timed_closed.send_timeout(i, Duration::ZERO).await;
            sent.unwrap_err();
        }),
        case("mpsc::reserve", async move |i: u32| {
            reserve.reserve().await.unwrap().send(i);
        }),
        case("mpsc::reserve_many", async move |_| {
            drop(many.reserve_many(2).await.unwrap());
            let _: &mpsc::Sender<u32> = &many;
        }),
        case("mpsc::reserve_many, too many", async move |_| {
            let sender: &mpsc::Sender<u32> = &none;
            sender.reserve_many(usize::MAX).await.unwrap_err();
        }),
        case("mpsc::reserve_owned", async move |i: u32| {
            owned.clone().reserve_owned().await.unwrap().send(i);
        }),
        case("mpsc::closed", async move |_| closed.closed().await),
        case("mpsc::closed, unbounded", async move |_| {
            unbounded.closed().await;
        }),
    ]
}

fn mpsc_receivers() -> Vec<Case> {
    let full = || {
        let (sender, receiver) = mpsc::unbounded_channel();
        (0..MANY).for_each(|i| sender.send(i).unwrap());
        receiver
    };
    let (mut recv, mut many, mut stream) = (full(), full(), full());
    let (mut polled, mut polled_many, mut none) = (full(), full(), full());
    let (sender, mut bounded) = mpsc::channel(MANY as usize);
    (0..MANY).for_each(|i| sender.try_send(i).unwrap());
    let (_, mut ended) = mpsc::channel::<u32>(1);
    vec![
        case("mpsc::recv", async move |i| {
            assert_eq!(recv.recv().await, Some(i));
        }),
        case("mpsc::recv, bounded", async move |i| {
            assert_eq!(bounded.recv().await, Some(i));
        }),
        case("mpsc::recv, ended", async move |_| {
            assert_eq!(ended.recv().await, None);
        }),
        case("mpsc::recv, as a stream", async move |i| {
            assert_eq!(stream.next().await, Some(i));
        }),
        case("mpsc::recv_many", async move |_| {
            assert_eq!(many.recv_many(&mut Vec::new(), 1).await, 1);
        }),
        case("mpsc::recv_many, none", async move |_| {
            assert_eq!(none.recv_many(&mut Vec::new(), 0).await, 0);
        }),
        case("mpsc::poll_recv", async move |i| {
            assert_eq!(poll_fn(|cx| polled.poll_recv(cx)).await, Some(i));
        }),
        case("mpsc::poll_recv_many", async move |_| {
            let mut buffer = Vec::new();
            let received = poll_fn(|cx| polled_many.poll_recv_many(cx, &mut buffer, 1));
            assert_eq!(received.await, 1);
        }),
    ]
}

fn other_channels() -> Vec<Case> {
    let (sender, mut broadcast) = broadcast::channel(512);
    (0..MANY).for_each(|i| assert_eq!(sender.send(i), Ok(1)));
    let (_, mut no_broadcasts) = broadcast::channel::<u32>(1);
    let (no_broadcast_receivers, _) = broadcast::channel::<u32>(1);
    let (lagged_sender, mut lagging) = broadcast::channel(1);
    let (watch_sender, mut changed) = watch::channel(0);
    let (wanted_sender, mut wanted) = watch::channel(1);
    let (_, mut unchanged) = watch::channel(1);
    let (no_watch_receivers, _) = watch::channel(0);
    vec![
        case("broadcast::recv", async move |i| {
            assert_eq!(broadcast.recv().await, Ok(i));
        }),
        case("broadcast::recv, closed", async move |_| {
            no_broadcasts.recv().await.unwrap_err();
        }),
        case("broadcast::recv, lagged", async move |i| {
            lagged_sender.send(i).unwrap();
            lagged_sender.send(i).unwrap();
            lagging.recv().await.unwrap_err();
        }),
        case("broadcast::closed", async move |_| {
            no_broadcast_receivers.closed().await;
        }),
        case("oneshot::closed", async move |_| {
            let (mut sender, _) = oneshot::channel::<u32>();
            sender.closed().await;
        }),
        case("oneshot::poll_closed", async move |_| {
            let (mut sender, _) = oneshot::channel::<u32>();
            poll_fn(|cx| sender.poll_closed(cx)).await;
        }),
        case("oneshot::Receiver", async move |i| {
            let (sender, receiver) = oneshot::channel();
            sender.send(i).unwrap();
            assert_eq!(receiver.await, Ok(i));
        }),
        case("oneshot::Receiver, closed", async move |_| {
            let (_, receiver) = oneshot::channel::<u32>();
            receiver.await.unwrap_err();
        }),
        case("watch::changed", async move |i| {
            watch_sender.send(i).unwrap();
            changed.changed().await.unwrap();
        }),
        case("watch::changed, closed", async move |_| {
            unchanged.changed().await.unwrap_err();
        }),
        case("watch::wait_for", async move |_| {
            assert_eq!(wanted_sender.sender_count(), 1);
            drop(wanted.wait_for(|value| *value == 1).await.unwrap());
        }),
        case("watch::closed", async move |_| {
            no_watch_receivers.closed().await;
        }),
    ]
}
