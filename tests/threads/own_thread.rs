//! No public call deadlocks or spins on the thread of its own loop: each returns, or panics with a
//! message that says what to do instead.
//!
//! A table of calls is gone through at each [`Place`] on that thread.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use quintet::process::Command;
use quintet::runtime::{Builder, DumpError, Handle, Runtime, UnhandledPanic, before_exit, on_exit};
use quintet::sync::{Mutex, RwLock, Semaphore, broadcast, mpsc, oneshot};
use quintet::task::JoinHandle;
use quintet::{spawn, spawn_blocking};

use crate::support::drops::OnDrop;
use crate::support::panics::text;
use crate::support::patience::in_time;
use crate::support::wakers::{hooked_waker, poll_with};

/// Where a call is made, on the thread of its loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    Entered,
    Task,
    TaskOfAnotherRuntime,
    SeededJob,
    BeforeExit,
    Report,
    ForeignWaker,
    DestructorAtShutdown,
    OnExit,
    AfterShutdown,
}

const PLACES: [Place; 11] = [
    Place::Outside,
    Place::Entered,
    Place::Task,
    Place::TaskOfAnotherRuntime,
    Place::SeededJob,
    Place::BeforeExit,
    Place::Report,
    Place::ForeignWaker,
    Place::DestructorAtShutdown,
    Place::OnExit,
    Place::AfterShutdown,
];

impl Place {
    /// Whether a loop is running here.
    fn is_inside(self) -> bool {
        !matches!(self, Place::Outside | Place::Entered | Place::AfterShutdown)
    }
}

/// What a call finds.
struct Setup {
    runtime: Rc<Runtime>,
    handle: Handle,
    place: Place,
}

/// How a call is to end.
#[derive(Debug)]
enum End {
    Returns,
    /// Panics with a message that has this in it.
    Panics(&'static str),
}

use End::{Panics, Returns};

type Call = fn(&Setup) -> End;

const RUNNING: &str = "is running on this thread already";
const WOULD_BLOCK: &str = "would block the quintet loop";

/// What drives a loop.
fn driving(setup: &Setup, drive: impl FnOnce(&Runtime)) -> End {
    let end = match setup.place {
        Place::AfterShutdown => Panics("has been shut down"),
        place if place.is_inside() => Panics(RUNNING),
        _ => Returns,
    };
    check(end, || drive(&setup.runtime))
}

/// What waits for something that never comes.
fn waiting(setup: &Setup, wait: impl FnOnce()) -> End {
    if setup.place.is_inside() {
        check(Panics(WOULD_BLOCK), wait)
    } else {
        // The thread is its own then, and may wait for others.
        Returns
    }
}

fn check(end: End, call: impl FnOnce()) -> End {
    let result = catch_unwind(AssertUnwindSafe(call));
    match (&end, &result) {
        (Returns, Ok(())) => {}
        (Panics(expected), Err(payload)) => {
            assert!(text(&**payload).contains(expected), "{}", text(&**payload));
        }
        (_, Ok(())) => panic!("it returned, but {end:?}"),
        (_, Err(payload)) => panic!("it panicked: {}", text(&**payload)),
    }
    end
}

const CALLS: &[(&str, Call)] = &[
    ("Handle::try_current", |_| {
        let _none = Handle::try_current();
        Returns
    }),
    ("Handle::spawn", |setup| {
        drop(setup.handle.spawn(async {}));
        Returns
    }),
    ("Handle::spawn, awaited there", |setup| {
        let mut task = setup.handle.spawn(async {});
        let _pending = poll_with(&mut task, Waker::noop());
        Returns
    }),
    ("Handle::spawn_blocking", |setup| {
        drop(setup.handle.spawn_blocking(|| ()));
        Returns
    }),
    ("Handle::block_on", |setup| {
        check(Panics("would wait for ever"), || {
            setup.handle.block_on(async {});
        })
    }),
    ("Handle::stop", |setup| {
        setup.handle.stop();
        Returns
    }),
    ("Handle::keep_alive", |setup| {
        drop(setup.handle.keep_alive());
        Returns
    }),
    ("Handle::dump", |setup| {
        let dump = setup.handle.dump();
        assert!(dump.to_string().contains("`asked`") || setup.place == Place::AfterShutdown);
        Returns
    }),
    ("Handle::dump_timeout", |setup| {
        let dump = setup.handle.dump_timeout(Duration::ZERO);
        assert!(dump.is_ok(), "{dump:?}");
        Returns
    }),
    ("Handle::dump_async", |setup| {
        let mut dump = pin!(setup.handle.dump_async());
        let polled = dump.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_ready());
        Returns
    }),
    ("Handle::order_hash", |setup| {
        let _hash = setup.handle.order_hash();
        Returns
    }),
    ("Runtime::block_on", |setup| {
        driving(setup, |runtime| runtime.block_on(async {}))
    }),
    ("Runtime::run", |setup| {
        driving(setup, |runtime| runtime.run().expect("nothing waits"))
    }),
    ("Runtime::turn", |setup| {
        driving(setup, |runtime| {
            runtime.turn(None);
        })
    }),
    ("Runtime::run_until_stalled", |setup| {
        driving(setup, Runtime::run_until_stalled)
    }),
    ("Runtime::spawn", |setup| {
        drop(setup.runtime.spawn(async {}));
        Returns
    }),
    ("Runtime::spawn_blocking", |setup| {
        drop(setup.runtime.spawn_blocking(|| ()));
        Returns
    }),
    ("Runtime::enter", |setup| {
        drop(setup.runtime.enter());
        Returns
    }),
    ("Runtime::dump", |setup| {
        let _dump = setup.runtime.dump();
        Returns
    }),
    ("Runtime::next_deadline", |setup| {
        let _deadline = setup.runtime.next_deadline();
        Returns
    }),
    ("quintet::block_on", |setup| {
        // A runtime of its own, which a job may have.
        let end = if setup.place.is_inside() && setup.place != Place::SeededJob {
            Panics(RUNNING)
        } else {
            Returns
        };
        check(end, || quintet::block_on(async {}))
    }),
    ("another runtime, from its beginning to its end", |setup| {
        let other = Runtime::new().expect("descriptors for a runtime");
        drop(other.spawn(async {}));
        drop(other.spawn_blocking(|| ()));
        let _own = setup.handle.clone();
        drop(other);
        Returns
    }),
    ("Command::spawn, and a drop of the child", |_| {
        let child = Command::new("true").spawn().expect("it is there");
        drop(child);
        Returns
    }),
    ("Command::status, polled once", |_| {
        let mut status = pin!(Command::new("true").status());
        let cx = &mut Context::from_waker(Waker::noop());
        // It may have ended already.
        if let Poll::Ready(Err(error)) = status.as_mut().poll(cx) {
            assert_eq!(error.kind(), ErrorKind::Other);
        }
        Returns
    }),
    ("mpsc::Sender::blocking_send", |setup| {
        waiting(setup, || {
            let (sender, _receiver) = mpsc::channel(1);
            sender.try_send(()).expect("there is room");
            let _never = sender.blocking_send(());
        })
    }),
    ("mpsc::Receiver::blocking_recv", |setup| {
        waiting(setup, || {
            let (_sender, mut receiver) = mpsc::channel::<()>(1);
            receiver.blocking_recv();
        })
    }),
    ("mpsc::Receiver::blocking_recv_many", |setup| {
        waiting(setup, || {
            let (_sender, mut receiver) = mpsc::channel::<()>(1);
            receiver.blocking_recv_many(&mut Vec::new(), 1);
        })
    }),
    ("mpsc::UnboundedReceiver::blocking_recv", |setup| {
        waiting(setup, || {
            let (_sender, mut receiver) = mpsc::unbounded_channel::<()>();
            receiver.blocking_recv();
        })
    }),
    ("oneshot::Receiver::blocking_recv", |setup| {
        waiting(setup, || {
            let (_sender, receiver) = oneshot::channel::<()>();
            let _never = receiver.blocking_recv();
        })
    }),
    ("broadcast::Receiver::blocking_recv", |setup| {
        waiting(setup, || {
            let (_sender, mut receiver) = broadcast::channel::<()>(1);
            let _never = receiver.blocking_recv();
        })
    }),
    ("Mutex::blocking_lock", |setup| {
        waiting(setup, || {
            let mutex = Mutex::new(());
            let _guard = mutex.try_lock();
            drop(mutex.blocking_lock());
        })
    }),
    ("Mutex::blocking_lock_owned", |setup| {
        waiting(setup, || {
            let mutex = Arc::new(Mutex::new(()));
            let _guard = mutex.try_lock();
            drop(Arc::clone(&mutex).blocking_lock_owned());
        })
    }),
    ("RwLock::blocking_read", |setup| {
        waiting(setup, || {
            let lock = RwLock::new(());
            let _guard = lock.try_write();
            drop(lock.blocking_read());
        })
    }),
    ("RwLock::blocking_write", |setup| {
        waiting(setup, || {
            let lock = RwLock::new(());
            let _guard = lock.try_read();
            drop(lock.blocking_write());
        })
    }),
    ("Semaphore::blocking_acquire", |setup| {
        waiting(setup, || {
            let _never = Semaphore::new(0).blocking_acquire().map(drop);
        })
    }),
    ("Semaphore::blocking_acquire_many", |setup| {
        waiting(setup, || {
            let _never = Semaphore::new(0).blocking_acquire_many(2).map(drop);
        })
    }),
];

thread_local! {
    /// A call on its way to where it must be `Send`, which is this thread, too.
    static CALL: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

fn call_there() {
    let call = CALL.take().expect("it is called once, on this thread");
    call();
}

/// Brings `call` to `place`, and calls it there.
fn at(place: Place, runtime: &Rc<Runtime>, call: Box<dyn FnOnce()>) {
    match place {
        Place::Outside => call(),
        Place::Entered => {
            let _guard = runtime.enter();
            call();
        }
        Place::Task => runtime.block_on(async { call() }),
        Place::TaskOfAnotherRuntime => quintet::block_on(async { call() }),
        Place::SeededJob => runtime.block_on(async {
            CALL.set(Some(call));
            spawn_blocking(call_there).await.expect("the job ends");
        }),
        Place::BeforeExit => {
            CALL.set(Some(call));
            let guard = runtime.enter();
            before_exit(|| {
                if CALL.with_borrow(Option::is_some) {
                    call_there();
                }
            });
            drop(guard);
            let _stalled = runtime.run();
        }
        Place::Report => {
            CALL.set(Some(call));
            runtime.block_on(async {
                drop::<JoinHandle<()>>(spawn(async { panic!("to be reported") }));
                quintet::task::yield_now().await;
            });
        }
        Place::ForeignWaker => {
            CALL.set(Some(call));
            let waker = hooked_waker(call_there, || ());
            runtime.block_on(async {
                let mut task = spawn(async {});
                assert!(poll_with(&mut task, &waker).is_pending());
                quintet::task::yield_now().await;
            });
        }
        Place::DestructorAtShutdown => end_by_panic(runtime, || {
            let call = OnDrop::new(call);
            drop(spawn(async move {
                let _call = call;
                std::future::pending::<()>().await;
            }));
        }),
        Place::OnExit => end_by_panic(runtime, || on_exit(|_| call())),
        Place::AfterShutdown => {
            end_by_panic(runtime, || ());
            call();
        }
    }
}

/// Shuts the runtime down while it is still there.
fn end_by_panic(runtime: &Runtime, before: impl FnOnce()) {
    let result = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            before();
            drop::<JoinHandle<()>>(spawn(async { panic!("the end") }));
            std::future::pending::<()>().await;
        });
    }));
    assert!(result.is_err());
}

fn runtime_for(place: Place) -> Rc<Runtime> {
    let mut builder = Builder::new();
    builder.name("asked").quiet();
    if matches!(
        place,
        Place::DestructorAtShutdown | Place::OnExit | Place::AfterShutdown
    ) {
        builder.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    }
    if place == Place::SeededJob {
        builder.seed(1);
    }
    if place == Place::Report {
        builder.on_report(|_| call_there());
    }
    Rc::new(builder.build().expect("descriptors for a runtime"))
}

/// Makes each call at `place`.
fn go_through(place: Place) {
    for &(name, call) in CALLS {
        // Its name is said if it hangs.
        let thread = thread::Builder::new().name(format!("`{name}` at {place:?}"));
        let run = move || {
            in_time(|| {
                let runtime = runtime_for(place);
                let setup = Setup {
                    handle: runtime.handle().clone(),
                    runtime: Rc::clone(&runtime),
                    place,
                };
                let (ended, end) = std_mpsc::channel();
                let call = Box::new(move || {
                    let result = catch_unwind(AssertUnwindSafe(|| call(&setup)));
                    let _ended = ended.send(result.map_err(|payload| text(&*payload).to_owned()));
                });
                at(place, &runtime, call);
                end.try_recv().expect("it was called")
            })
        };
        let thread = thread.spawn(run).expect("a thread");
        let end = thread.join().expect("the place holds");
        assert!(end.is_ok(), "`{name}` at {place:?}: {end:?}");
    }
}

#[test]
fn no_call_waits_for_its_own_thread() {
    PLACES.into_iter().for_each(go_through);
}

#[test]
fn a_dump_of_a_loop_that_does_not_run_is_an_error_on_other_threads() {
    in_time(|| {
        let runtime = Builder::new().name("idle").build().unwrap();
        let handle = runtime.handle().clone();
        let other = thread::spawn(move || handle.dump_timeout(Duration::from_millis(1)));

        let error = other.join().unwrap().unwrap_err();

        assert!(matches!(error, DumpError::NotRunning { .. }), "{error:?}");
        assert!(error.to_string().contains("`idle`"), "{error}");
        // What was asked in vain does no harm later.
        runtime.block_on(quintet::task::yield_now());
    });
}

#[test]
fn a_dump_of_a_loop_that_is_held_up_is_an_error_on_other_threads() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let error = runtime.block_on(async {
            let other = thread::spawn(move || handle.dump_timeout(Duration::from_millis(1)));
            other.join().unwrap().unwrap_err()
        });
        assert!(matches!(error, DumpError::Busy { .. }), "{error:?}");
    });
}

#[test]
fn a_dump_can_be_awaited_on_other_threads_until_the_loop_runs() {
    in_time(|| {
        let runtime = Builder::new().name("late").build().unwrap();
        let handle = runtime.handle().clone();
        let mut dump = Box::pin(async move { handle.dump_async().await });
        let other = thread::spawn(move || {
            assert!((&mut dump).now_or_never().is_none());
            dump
        });
        let dump = other.join().unwrap();
        let other = thread::spawn(move || quintet::block_on(dump));
        runtime.block_on(async {
            while !other.is_finished() {
                quintet::task::yield_now().await;
            }
        });

        let dump = other.join().unwrap();

        assert_eq!(dump.tasks().len(), 1);
        assert!(dump.to_string().contains("`late`"), "{dump}");
    });
}

#[test]
fn a_dump_that_is_awaited_ends_with_its_loop() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let (asked, is_asked) = std_mpsc::channel();
        let other = thread::spawn(move || {
            let mut dump = Box::pin(handle.dump_async());
            assert!((&mut dump).now_or_never().is_none());
            asked.send(()).unwrap();
            quintet::block_on(dump)
        });
        is_asked.recv().unwrap();
        drop(runtime);
        assert!(other.join().unwrap().tasks().is_empty());
    });
}
