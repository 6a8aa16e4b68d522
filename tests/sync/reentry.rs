//! Users' code that calls back: no call of `sync` from inside of another one hangs. It works, or it
//! panics and says why.

use std::fmt::{self, Write};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex as StdMutex, OnceLock, mpsc as std_mpsc};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use quintet::sync::{
    Barrier, Mutex, MutexGuard, Notify, OnceCell, OwnedRwLockReadGuard, RwLock, RwLockReadGuard,
    RwLockWriteGuard, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};

use super::{Polled, now};
use crate::support::panics::{Panicked, panic_of};

/// How long a case may take that does not hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Works,
    /// It panics, since it would wait for its own thread.
    Panics,
}
use Outcome::{Panics, Works};

/// Runs `call` on a thread of its own.
#[track_caller]
fn check(name: &str, expected: Outcome, call: impl FnOnce() + Send + 'static) {
    let (running, has_ended) = std_mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _running = running;
        match expected {
            Works => {
                call();
                None
            }
            Panics => Some(panic_of(call)),
        }
    });
    let waited = has_ended.recv_timeout(PATIENCE);
    assert_eq!(waited, Err(RecvTimeoutError::Disconnected), "{name} hangs");
    let panicked = thread
        .join()
        .unwrap_or_else(|_| panic!("{name} is to be: {expected:?}"));
    if let Some(Panicked { message, file, .. }) = panicked {
        let says_why = message.contains("this thread would wait for itself");
        assert!(says_why, "{name} panics: {message}");
        // Asynchronous functions cannot track their callers.
        assert!(
            file == file!() || name.starts_with("wait_for"),
            "{name} panics in {file}"
        );
    }
}

/// Calls back, once.
#[derive(Clone, Default)]
struct Hook(Arc<StdMutex<Option<Call>>>);

type Call = Box<dyn FnOnce() + Send>;

impl Hook {
    fn set(&self, call: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some(Box::new(call));
    }

    fn call(&self) {
        let call = self.0.lock().unwrap().take();
        if let Some(call) = call {
            call();
        }
    }

    fn is_set(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    /// A waker that calls back.
    fn waker(&self) -> Waker {
        Waker::from(Arc::new(HookWaker(self.clone())))
    }
}

struct HookWaker(Hook);

impl Wake for HookWaker {
    fn wake(self: Arc<Self>) {
        self.0.call();
    }
}

impl Write for Hook {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        self.call();
        Ok(())
    }
}

/// A value whose code calls back. Its clones do not.
#[derive(Default)]
struct Value {
    on_drop: Hook,
    on_clone: Hook,
    on_debug: Hook,
}

impl Value {
    fn on_drop(hook: &Hook) -> Self {
        let mut value = Value::default();
        value.on_drop = hook.clone();
        value
    }

    fn on_clone(hook: &Hook) -> Self {
        let mut value = Value::default();
        value.on_clone = hook.clone();
        value
    }

    fn on_debug(hook: &Hook) -> Self {
        let mut value = Value::default();
        value.on_debug = hook.clone();
        value
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.on_drop.call();
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        self.on_clone.call();
        Value::default()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.on_debug.call();
        f.write_str("Value")
    }
}

/// What a caller does with a watch channel.
type WatchCall = fn(&watch::Sender<u32>, &mut watch::Receiver<u32>);

/// All that locks the value, or not.
const WATCH_CALLS: &[(&str, bool, WatchCall)] = &[
    ("send", true, |sender, _| sender.send(1).unwrap()),
    ("send_replace", true, |sender, _| {
        sender.send_replace(1);
    }),
    ("send_modify", true, |sender, _| sender.send_modify(|_| ())),
    ("send_if_modified", true, |sender, _| {
        sender.send_if_modified(|_| false);
    }),
    ("Sender::borrow", true, |sender, _| drop(sender.borrow())),
    ("Receiver::borrow", true, |_, receiver| {
        drop(receiver.borrow());
    }),
    ("borrow_and_update", true, |_, receiver| {
        drop(receiver.borrow_and_update());
    }),
    ("wait_for", true, |_, receiver| {
        drop(now(receiver.wait_for(|_| true)).unwrap());
    }),
    ("changed", false, |sender, receiver| {
        drop(Polled::new(receiver.changed()).poll());
        assert!(Polled::new(sender.closed()).poll().is_pending());
    }),
    ("handles", false, |sender, receiver| {
        drop((sender.subscribe(), sender.clone(), receiver.clone()));
        receiver.mark_unchanged();
        assert!(!receiver.is_closed() && !sender.is_closed());
        assert_eq!(sender.sender_count(), 1);
        assert!(receiver.has_changed().is_ok());
    }),
    ("Debug", false, |sender, receiver| {
        assert!(format!("{sender:?} {receiver:?}").contains("value"));
    }),
];

#[test]
fn a_watched_value_is_not_waited_for_while_it_is_changed() {
    for &(name, locks, call) in WATCH_CALLS {
        let expected = if locks { Panics } else { Works };
        check(&format!("{name} in send_modify"), expected, move || {
            let (sender, mut receiver) = watch::channel(0);
            sender.send_modify(|_| call(&sender, &mut receiver));
        });
        check(&format!("{name} in an inner one"), expected, move || {
            let (sender, mut receiver) = watch::channel(0);
            let (other, _receiver) = watch::channel(0);
            sender.send_if_modified(|_| {
                other.send_modify(|_| call(&sender, &mut receiver));
                false
            });
        });
    }
    // It is over when the closure is.
    check("a later call", Works, || {
        let (sender, receiver) = watch::channel(0);
        let changed = std::panic::AssertUnwindSafe(|| sender.send_modify(|_| panic!("at work")));
        assert!(std::panic::catch_unwind(changed).is_err());
        sender.send_modify(|value| *value = 2);
        sender.send_if_modified(|_| false);
        assert_eq!(*receiver.borrow(), 2);
    });
}

#[test]
fn a_watched_value_is_not_waited_for_while_it_is_borrowed() {
    for &(name, _, call) in WATCH_CALLS {
        let changes = name.starts_with("send");
        let expected = if changes { Panics } else { Works };
        check(&format!("{name} beside a Ref"), expected, move || {
            let (sender, mut receiver) = watch::channel(0);
            let other = sender.subscribe();
            let _look = other.borrow();
            call(&sender, &mut receiver);
        });
        check(&format!("{name} in wait_for"), expected, move || {
            let (sender, mut receiver) = watch::channel(0);
            let mut other = sender.subscribe();
            drop(now(other.wait_for(|_| {
                call(&sender, &mut receiver);
                true
            })));
        });
    }
}

#[test]
fn a_second_look_does_not_wait_for_a_sender_that_waits_for_the_first() {
    check("a second look", Panics, || {
        let (sender, receiver) = watch::channel(0);
        let look = receiver.borrow();
        let sending = thread::spawn(move || sender.send(1));
        // While no thread waits for the lock, a second borrow succeeds. Then the thread is there.
        let second = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            loop {
                drop(receiver.borrow());
                thread::yield_now();
            }
        }));
        drop(look);
        sending.join().unwrap().unwrap();
        assert_eq!(*receiver.borrow(), 1);
        std::panic::resume_unwind(second.unwrap_err());
    });
}

#[test]
fn values_of_a_watch_may_call_back() {
    check("the destructor of a value that is sent away", Works, || {
        let hook = Hook::default();
        let (sender, receiver) = watch::channel(Value::on_drop(&hook));
        let sender = Arc::new(sender);
        let other = Arc::clone(&sender);
        hook.set(move || {
            drop(receiver.borrow());
            other.send(Value::default()).unwrap();
        });
        sender.send(Value::default()).unwrap();
        assert!(!hook.is_set());
    });
    for does_send in [false, true] {
        check(
            "the destructor of an overwritten value",
            Panics,
            move || {
                let hook = Hook::default();
                let (sender, receiver) = watch::channel(Value::on_drop(&hook));
                let sender = Arc::new(sender);
                let other = Arc::clone(&sender);
                hook.set(move || {
                    if does_send {
                        drop(other.send(Value::default()));
                    } else {
                        drop(receiver.borrow());
                    }
                });
                sender.send_modify(|value| *value = Value::default());
            },
        );
        let expected = if does_send { Panics } else { Works };
        check("Debug of a value", expected, move || {
            let hook = Hook::default();
            let (sender, receiver) = watch::channel(Value::on_debug(&hook));
            let sender = Arc::new(sender);
            let other = Arc::clone(&sender);
            hook.set(move || {
                if does_send {
                    drop(other.send(Value::default()));
                } else {
                    drop(receiver.borrow());
                }
            });
            let shown = format!("{sender:?}");
            assert_eq!(shown, "Sender { value: Value, .. }");
            assert!(!hook.is_set());
        });
    }
}

#[test]
fn messages_of_a_broadcast_may_call_back() {
    check("a clone that receives the same message", Panics, || {
        let hook = Hook::default();
        let (sender, mut one) = broadcast::channel(4);
        let mut other = sender.subscribe();
        let _third = sender.subscribe();
        sender.send(Value::on_clone(&hook)).unwrap();
        hook.set(move || drop(other.try_recv()));
        drop(one.try_recv());
    });
    check("a clone that receives another message", Works, || {
        let hook = Hook::default();
        let (sender, mut one) = broadcast::channel(4);
        let mut other = sender.subscribe();
        let third = sender.subscribe();
        sender.send(Value::on_clone(&hook)).unwrap();
        drop(now(other.recv()).unwrap());
        sender.send(Value::default()).unwrap();
        hook.set(move || {
            drop(now(other.recv()).unwrap());
            sender.send(Value::default()).unwrap();
            drop((sender.subscribe(), sender.len(), third, sender));
        });
        drop(now(one.recv()).unwrap());
        assert!(!hook.is_set());
    });
    check("the destructor of a displaced message", Works, || {
        let hook = Hook::default();
        let (sender, mut receiver) = broadcast::channel(1);
        let other = sender.clone();
        sender.send(Value::on_drop(&hook)).unwrap();
        hook.set(move || {
            other.send(Value::default()).unwrap();
            drop(receiver.try_recv());
        });
        sender.send(Value::default()).unwrap();
        assert!(!hook.is_set());
    });
    check("the destructor of an unwanted message", Works, || {
        let hook = Hook::default();
        let (sender, receiver) = broadcast::channel(1);
        sender.send(Value::on_drop(&hook)).unwrap();
        hook.set(move || drop((sender.send(Value::default()), sender.subscribe())));
        drop(receiver);
        assert!(!hook.is_set());
    });
}

#[test]
fn messages_to_one_receiver_may_call_back() {
    check("the destructor of a message in a channel", Works, || {
        let hook = Hook::default();
        let (sender, receiver) = mpsc::channel(4);
        sender.try_send(Value::on_drop(&hook)).unwrap();
        sender.try_send(Value::default()).unwrap();
        hook.set(move || {
            assert!(sender.is_closed());
            sender.blocking_send(Value::default()).unwrap_err();
            now(sender.closed());
            drop(sender.clone());
        });
        drop(receiver);
        assert!(!hook.is_set());
    });
    check("the destructor of a message sent in vain", Works, || {
        let hook = Hook::default();
        let (sender, receiver) = mpsc::channel(4);
        let permit = sender.clone().try_reserve_owned().unwrap();
        drop(receiver);
        hook.set(move || drop(sender.try_send(Value::default())));
        drop(permit.send(Value::on_drop(&hook)));
        assert!(!hook.is_set());
    });
    check("the destructor of a single message", Works, || {
        let hook = Hook::default();
        let (sender, receiver) = oneshot::channel();
        assert!(sender.send(Value::on_drop(&hook)).is_ok());
        let (inner, other) = oneshot::channel();
        hook.set(move || inner.send(1).unwrap());
        drop(receiver);
        assert_eq!(now(other), Ok(1));
    });
    check("the destructor of a refused value", Works, || {
        let hook = Hook::default();
        let once = Arc::new(SetOnce::from(Value::default()));
        let other = Arc::clone(&once);
        hook.set(move || assert!(other.set(Value::default()).is_err()));
        drop(once.set(Value::on_drop(&hook)));
        assert!(!hook.is_set());
    });
}

#[test]
fn a_locked_value_may_call_back() {
    type Call = fn(&Mutex<Value>);
    let calls: [(Outcome, Call); 3] = [
        (Works, |mutex| assert!(mutex.try_lock().is_err())),
        (Works, |mutex| {
            assert!(format!("{mutex:?}").contains("<locked>"));
        }),
        (Panics, |mutex| drop(mutex.blocking_lock())),
    ];
    for (expected, call) in calls {
        check("Debug of a mutex", expected, move || {
            let hook = Hook::default();
            let mutex = Arc::new(Mutex::new(Value::on_debug(&hook)));
            let other = Arc::clone(&mutex);
            hook.set(move || call(&other));
            assert_eq!(format!("{mutex:?}"), "Mutex { data: Value }");
        });
        check("a part of a mutex", expected, move || {
            let mutex = Mutex::new(Value::default());
            let guard = mutex.try_lock().unwrap();
            drop(MutexGuard::map(guard, |value| {
                call(&mutex);
                value
            }));
        });
    }
    check("blocking_lock_owned", Panics, || {
        let mutex = Arc::new(Mutex::new(Value::default()));
        let guard = mutex.try_lock().unwrap();
        drop(MutexGuard::map(guard, |value| {
            drop(Arc::clone(&mutex).blocking_lock_owned());
            value
        }));
    });
    check("later", Works, || {
        let mutex = Mutex::new(Value::default());
        drop(MutexGuard::map(mutex.try_lock().unwrap(), |value| value));
        drop(mutex.blocking_lock());
    });
}

#[test]
fn a_value_that_is_read_or_written_may_call_back() {
    type Call = fn(&RwLock<Value>);
    let calls: [(Outcome, Outcome, Call); 4] = [
        (Works, Works, |lock| assert!(lock.try_write().is_err())),
        (Works, Works, |lock| {
            assert!(format!("{lock:?}").contains("data"));
        }),
        (Panics, Panics, |lock| drop(lock.blocking_read())),
        (Panics, Panics, |lock| drop(lock.blocking_write())),
    ];
    for (in_debug, in_map, call) in calls {
        check("Debug of a lock", in_debug, move || {
            let hook = Hook::default();
            let lock = Arc::new(RwLock::new(Value::on_debug(&hook)));
            let other = Arc::clone(&lock);
            hook.set(move || call(&other));
            assert_eq!(format!("{lock:?}"), "RwLock { data: Value }");
        });
        check("a part of a lock", in_map, move || {
            let lock = RwLock::new(());
            let guard = lock.try_write().unwrap();
            let other = Arc::new(RwLock::new(Value::default()));
            drop(RwLockWriteGuard::map(guard, |value| value));
            let guard = other.try_write().unwrap();
            drop(RwLockWriteGuard::map(guard, |value| {
                call(&other);
                value
            }));
        });
    }
    check("a part that is read", Works, || {
        let lock = Arc::new(RwLock::new((Value::default(), 1)));
        let other = Arc::clone(&lock);
        let part = RwLockReadGuard::map(lock.try_read().unwrap(), move |value| {
            assert!(other.try_read().is_ok() && other.try_write().is_err());
            &value.1
        });
        assert_eq!(*part, 1);
        let part = Arc::clone(&lock).try_read_owned().unwrap();
        let part = OwnedRwLockReadGuard::map(part, |value| &value.1);
        assert_eq!(*part, 1);
    });
}

#[test]
fn a_cell_may_be_asked_by_what_fills_it() {
    check("OnceCell", Works, || {
        let cell: &'static OnceCell<u32> = Box::leak(Box::default());
        let filled = now(cell.get_or_init(async || {
            assert!(cell.set(1).unwrap_err().is_initializing_err());
            assert_eq!(
                format!("{cell:?} {:?}", cell.get()),
                "OnceCell { value: None } None"
            );
            drop(Polled::waiting(cell.get_or_init(async || 2)));
            3
        }));
        assert_eq!(*filled, 3);
    });
}

/// A waker that calls back, and what wakes it.
fn check_waker<R: 'static>(
    name: &str,
    wait: impl AsyncFnOnce() -> R + Send + 'static,
    wake: impl Fn() + Send + Sync + 'static,
    call: impl FnOnce() + Send + 'static,
) {
    check(name, Works, move || {
        let hook = Hook::default();
        let mut waiting = Polled::new(wait());
        assert!(waiting.poll_with(&hook.waker()).is_pending());
        hook.set(call);
        wake();
        assert!(!hook.is_set(), "it was woken");
    });
}

#[test]
fn wakers_of_locks_and_signals_may_call_back() {
    let semaphore = Arc::new(Semaphore::new(0));
    let [waits, wakes, calls] = [(); 3].map(|()| Arc::clone(&semaphore));
    check_waker(
        "Semaphore",
        async move || waits.acquire().await.unwrap().forget(),
        move || wakes.add_permits(1),
        move || {
            calls.add_permits(1);
            assert!(calls.try_acquire().is_ok());
            calls.close();
        },
    );
    let notify = Arc::new(Notify::new());
    let [waits, wakes, calls] = [(); 3].map(|()| Arc::clone(&notify));
    check_waker(
        "Notify",
        async move || waits.notified().await,
        move || wakes.notify_waiters(),
        move || {
            calls.notify_one();
            now(calls.notified());
            calls.notify_waiters();
        },
    );
    let mutex = Arc::new(Mutex::new(1));
    let guard = StdMutex::new(Some(Arc::clone(&mutex).try_lock_owned().unwrap()));
    let calls = Arc::clone(&mutex);
    check_waker(
        "Mutex",
        async move || drop(mutex.lock().await),
        move || drop(guard.lock().unwrap().take()),
        move || assert!(calls.try_lock().is_err()),
    );
    let set_once = Arc::new(SetOnce::new());
    let [wakes, calls] = [(); 2].map(|()| Arc::clone(&set_once));
    check_waker(
        "SetOnce",
        async move || *set_once.wait().await,
        move || wakes.set(1).unwrap(),
        move || assert_eq!(*now(calls.wait()), 1),
    );
    let barrier = Arc::new(Barrier::new(2));
    let [wakes, calls] = [(); 2].map(|()| Arc::clone(&barrier));
    check_waker(
        "Barrier",
        async move || barrier.wait().await,
        move || assert!(now(wakes.wait()).is_leader()),
        move || drop(Polled::waiting(calls.wait())),
    );
}

#[test]
fn wakers_of_channels_may_call_back() {
    let (sender, mut receiver) = watch::channel(1);
    let sender = Arc::new(sender);
    let calls = Arc::clone(&sender);
    check_waker(
        "watch",
        async move || receiver.changed().await.unwrap(),
        move || sender.send(2).unwrap(),
        move || {
            assert_eq!(*calls.borrow(), 2);
            calls.send(3).unwrap();
        },
    );
    let (sender, mut receiver) = broadcast::channel(1);
    let calls = sender.clone();
    check_waker(
        "broadcast",
        async move || receiver.recv().await.unwrap(),
        move || drop(sender.send(2)),
        move || {
            assert_eq!(calls.len(), 1);
            calls.send(3).unwrap();
        },
    );
    let (sender, mut receiver) = mpsc::channel(2);
    let calls = sender.clone();
    check_waker(
        "mpsc",
        async move || receiver.recv().await.unwrap(),
        move || sender.try_send(2).unwrap(),
        move || calls.try_send(3).unwrap(),
    );
}

/// A waker that calls back when it is dropped.
struct DroppedWaker(Hook);

impl Wake for DroppedWaker {
    fn wake(self: Arc<Self>) {}
}

impl Drop for DroppedWaker {
    fn drop(&mut self) {
        self.0.call();
    }
}

/// The waker of a wait is replaced, and then the wait is given up.
fn check_dropped_waker<R: 'static>(
    name: &str,
    wait: impl AsyncFnOnce() -> R + Send + 'static,
    call: impl Fn() + Send + Clone + 'static,
) {
    check(name, Works, move || {
        let mut waiting = Polled::new(wait());
        let hook = Hook::default();
        for _ in 0..2 {
            let waker = Waker::from(Arc::new(DroppedWaker(hook.clone())));
            let before = hook.is_set();
            assert!(waiting.poll_with(&waker).is_pending());
            assert!(!before || !hook.is_set(), "the old one was dropped");
            hook.set(call.clone());
        }
        drop(waiting);
        assert!(!hook.is_set(), "the last one was dropped");
    });
}

#[test]
fn wakers_that_are_dropped_may_call_back() {
    let semaphore = Arc::new(Semaphore::new(0));
    let calls = Arc::clone(&semaphore);
    let wait = async move || semaphore.acquire().await.unwrap().forget();
    check_dropped_waker("Semaphore", wait, move || {
        drop(Polled::waiting(calls.acquire()));
    });

    let notify = Arc::new(Notify::new());
    let calls = Arc::clone(&notify);
    let wait = async move || notify.notified().await;
    check_dropped_waker("Notify", wait, move || {
        drop(Polled::waiting(calls.notified()));
    });

    let (sender, mut receiver) = watch::channel(1);
    let sender = Arc::new(sender);
    let wait = async move || receiver.changed().await.unwrap();
    check_dropped_waker("watch", wait, move || {
        assert_eq!((*sender.borrow(), sender.is_closed()), (1, false));
    });

    let (sender, mut receiver) = broadcast::channel::<u32>(1);
    let wait = async move || receiver.recv().await.unwrap();
    check_dropped_waker("broadcast", wait, move || assert_eq!(sender.len(), 0));

    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(1).unwrap();
    let calls = sender.clone();
    let wait = async move || {
        let _alive = receiver;
        sender.send(2).await.unwrap();
    };
    check_dropped_waker("mpsc::Sender", wait, move || {
        assert!(calls.try_send(3).is_err());
    });

    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    let wait = async move || receiver.recv().await.unwrap();
    check_dropped_waker("mpsc::Receiver", wait, move || {
        assert!(sender.capacity() < 2);
    });

    let (mut sender, receiver) = oneshot::channel::<u32>();
    let receiver = Arc::new(StdMutex::new(receiver));
    let wait = async move || sender.closed().await;
    check_dropped_waker("oneshot::Sender", wait, move || {
        assert!(receiver.lock().unwrap().is_empty());
    });

    let (sender, receiver) = oneshot::channel::<u32>();
    let sender = Arc::new(sender);
    check_dropped_waker(
        "oneshot::Receiver",
        async move || receiver.await,
        move || {
            let _closed: bool = sender.is_closed();
        },
    );

    let set_once = Arc::new(SetOnce::<u32>::new());
    let calls = Arc::clone(&set_once);
    let wait = async move || *set_once.wait().await;
    check_dropped_waker("SetOnce", wait, move || drop(Polled::waiting(calls.wait())));
}

#[test]
fn what_is_written_to_may_call_back() {
    static NOTIFY: OnceLock<Notify> = OnceLock::new();
    static BARRIER: OnceLock<Barrier> = OnceLock::new();

    check("Debug of Notify and Barrier", Works, || {
        let notify = NOTIFY.get_or_init(Notify::new);
        let barrier = BARRIER.get_or_init(|| Barrier::new(1));
        let _waiting = Polled::waiting(notify.notified());
        let mut hook = Hook::default();
        hook.set(move || notify.notify_waiters());
        write!(hook, "{notify:?}").unwrap();
        hook.set(move || assert!(now(barrier.wait()).is_leader()));
        write!(hook, "{barrier:?}").unwrap();
        assert!(!hook.is_set());
    });
}
