//! How a cluster ends: by itself, by an error, by a panic, when it is told to, at its deadline.

use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use quintet::cluster::{self, Cluster, PerLoop};
use quintet::runtime::{Handle, UnhandledPanic, exit};
use quintet::sync::{Barrier, oneshot};
use quintet::task::yield_now;

use crate::support::child::{child, in_a_child, is_child};
use crate::support::drops::OnDrop;
use crate::support::patience::in_time;

/// What members log, in the order of time.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn sorted(&self) -> Vec<String> {
        let mut lines = self.0.lock().unwrap().clone();
        lines.sort();
        lines
    }
}

/// Calls `f`, which must panic, and returns the message.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = panic::catch_unwind(AssertUnwindSafe(f)) else {
        panic!("it returns");
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().unwrap().to_string(),
    }
}

#[test]
fn a_member_that_ends_does_not_end_the_others() {
    in_time(|| {
        let outputs = cluster::run(2, async |member| {
            if member.index() == 1 {
                // Until loop 0 has ended.
                let other = &member.handles()[0];
                while other.spawn(async {}).await.is_ok() {}
                assert!(!member.token().is_cancelled());
            }
            io::Result::Ok(member.index())
        });
        assert_eq!(outputs.unwrap(), [0, 1]);
    });
}

#[test]
fn an_error_of_one_ends_all_and_is_returned() {
    in_time(|| {
        let all_run = Barrier::new(3);
        let log = Log::default();
        let result = cluster::run(3, async |member| {
            all_run.wait().await;
            if member.index() == 1 {
                return Err(io::Error::new(ErrorKind::AddrInUse, "of loop 1"));
            }
            member.shutdown().await;
            log.add(format!("{} is told", member.index()));
            // Its own error comes too late.
            Err::<(), _>(io::Error::other("of another loop"))
        });
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert_eq!(error.to_string(), "of loop 1");
        assert_eq!(log.sorted(), ["0 is told", "2 is told"]);
    });
}

#[test]
fn a_panic_of_one_ends_all_and_is_resumed_after_they_have_ended() {
    in_time(|| {
        let all_run = Barrier::new(3);
        let log = Log::default();
        let message = panic_of(|| {
            cluster::run(3, async |member| {
                let index = member.index();
                let _at_the_end = OnDrop::new(|| log.add(format!("{index} has ended")));
                all_run.wait().await;
                if index == 2 {
                    panic!("this panic is part of the test");
                }
                member.shutdown().await;
                Ok::<(), io::Error>(())
            })
        });
        assert_eq!(message, "this panic is part of the test");
        assert_eq!(log.sorted(), ["0 has ended", "1 has ended", "2 has ended"]);
    });
}

#[test]
fn a_panic_of_a_task_ends_all_if_its_loop_is_set_to() {
    in_time(|| {
        let message = panic_of(|| {
            Cluster::new(2)
                .configure(|_, builder| {
                    builder
                        .quiet()
                        .unhandled_panic(UnhandledPanic::ShutdownRuntime);
                })
                .run(async |member| {
                    if member.index() == 1 {
                        quintet::spawn(async { panic!("this panic is part of the test") });
                    }
                    member.shutdown().await;
                    Ok::<(), io::Error>(())
                })
        });
        assert_eq!(message, "this panic is part of the test");
    });
}

#[test]
fn a_member_tells_all_by_the_token() {
    in_time(|| {
        let outputs = cluster::run(3, async |member| {
            if member.index() == 2 {
                member.token().cancel();
            }
            member.shutdown().await;
            // It completes again.
            member.shutdown().await;
            io::Result::Ok(member.token().is_cancelled())
        });
        assert_eq!(outputs.unwrap(), [true; 3]);
    });
}

#[test]
fn all_are_told_when_until_completes() {
    in_time(|| {
        let (stop, stopped) = oneshot::channel::<()>();
        let stop = PerLoop::new([stop]);
        let outputs = Cluster::new(2).until(stopped).run(async |member| {
            if member.index() == 0 {
                stop.take(0).send(()).unwrap();
            }
            member.shutdown().await;
            Ok::<_, io::Error>(member.index())
        });
        assert_eq!(outputs.unwrap(), [0, 1]);
    });
}

#[test]
fn until_may_be_complete_before_it_begins() {
    in_time(|| {
        let cluster = Cluster::new(2).until(async {});
        let outputs = cluster.run(async |member| {
            member.shutdown().await;
            Ok::<_, io::Error>(member.index())
        });
        assert_eq!(outputs.unwrap(), [0, 1]);
    });
}

#[test]
fn a_panic_of_until_ends_all() {
    in_time(|| {
        let log = Log::default();
        let stop = async { panic!("this panic is part of the test") };
        let message = panic_of(|| {
            Cluster::new(2).until(stop).run(async |member| {
                member.shutdown().await;
                log.add(format!("{} is told", member.index()));
                Ok::<(), io::Error>(())
            })
        });
        assert_eq!(message, "this panic is part of the test");
        assert_eq!(log.sorted(), ["0 is told", "1 is told"]);
    });
}

#[test]
fn a_loop_that_is_blocked_does_not_keep_the_others_from_being_told() {
    in_time(|| {
        for blocked in 0..3 {
            let (sender, receiver) = mpsc::channel();
            let unblock = PerLoop::new((0..3).map(|_| sender.clone()));
            let receiver = PerLoop::new([receiver]);
            let result = cluster::run(3, async |member| {
                match (member.index() + 3 - blocked) % 3 {
                    // Blocks its thread.
                    0 => receiver.take(0).recv().unwrap(),
                    1 => return Err(io::Error::other("this one fails")),
                    _ => {
                        member.shutdown().await;
                        unblock.take(member.index()).send(()).unwrap();
                    }
                }
                Ok(())
            });
            assert_eq!(result.unwrap_err().to_string(), "this one fails");
        }
    });
}

#[test]
fn members_that_have_not_ended_at_the_deadline_are_dropped_where_they_run() {
    in_time(|| {
        let all_run = Barrier::new(3);
        let dropped = Mutex::new(Vec::new());
        let result = Cluster::new(3)
            .drain_timeout(Duration::ZERO)
            .run(async |member| {
                let index = member.index();
                let thread = thread::current().id();
                let _in_time = OnDrop::new(|| {
                    assert_eq!(thread::current().id(), thread);
                    dropped.lock().unwrap().push(index);
                });
                all_run.wait().await;
                if index == 1 {
                    return Err(io::Error::other("this one fails"));
                }
                pending().await
            });
        let result: Result<Vec<()>, io::Error> = result;
        assert_eq!(result.unwrap_err().to_string(), "this one fails");
        let mut dropped = dropped.into_inner().unwrap();
        dropped.sort_unstable();
        assert_eq!(dropped, [0, 1, 2]);
    });
}

#[test]
fn a_deadline_that_is_met_is_an_error_that_names_the_loops() {
    in_time(|| {
        let all_run = Barrier::new(3);
        let result = Cluster::new(3)
            .drain_timeout(Duration::ZERO)
            .run(async |member| {
                all_run.wait().await;
                if member.index() == 1 {
                    // Ends before the others are told.
                    let token = member.token().clone();
                    quintet::runtime::on_exit(move |_| token.cancel());
                    return Ok::<(), io::Error>(());
                }
                pending().await
            });
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(
            error.to_string(),
            "these loops of the cluster did not end within 0ns: 0, 2"
        );
    });
}

#[test]
fn there_may_be_no_deadline() {
    in_time(|| {
        let cluster = Cluster::new(2).drain_timeout(Duration::MAX);
        let outputs = cluster.until(async {}).run(async |member| {
            member.shutdown().await;
            for _ in 0..10 {
                yield_now().await;
            }
            Ok::<_, io::Error>(member.index())
        });
        assert_eq!(outputs.unwrap(), [0, 1]);
    });
}

#[test]
fn what_a_member_has_spawned_ends_with_its_loop() {
    in_time(|| {
        let log = Log::default();
        let log: &'static Log = Box::leak(Box::new(log));
        cluster::run(2, async |member| {
            let index = member.index();
            let mut guard = Some(OnDrop::new(move || log.add(format!("{index} is dropped"))));
            let task = quintet::spawn(poll_fn(move |_| {
                guard.as_mut().map_or(Poll::Ready(()), |_| Poll::Pending)
            }));
            yield_now().await;
            drop(task);
            io::Result::Ok(())
        })
        .unwrap();
        assert_eq!(log.sorted(), ["0 is dropped", "1 is dropped"]);
    });
}

/// How many descriptors and threads this process has.
fn held() -> (usize, usize) {
    let count = |directory| std::fs::read_dir(directory).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

#[test]
fn nothing_is_left_of_a_cluster() {
    if !std::fs::exists("/proc/self/fd").unwrap() {
        return;
    }
    in_a_child(child("ends::nothing_is_left_of_a_cluster"), || {
        let run = |fails: bool| {
            let result = cluster::run(3, async |member| {
                quintet::spawn_blocking(|| ()).await.unwrap();
                let dump = Handle::current().dump();
                assert_eq!(dump.tasks().len(), 1, "{dump}");
                if fails && member.index() == 1 {
                    return Err(io::Error::other("part of the test"));
                }
                Ok(())
            });
            assert_eq!(result.is_err(), fails);
        };
        run(false);
        let before = held();
        for number in 0..50 {
            run(number % 2 == 0);
        }
        // Threads that have been joined may be listed a little longer.
        while held() != before {
            thread::yield_now();
        }
    });
}

#[test]
fn exit_on_any_loop_ends_the_process() {
    const NAME: &str = "ends::exit_on_any_loop_ends_the_process";
    if is_child() {
        let never = cluster::run(2, async |member| {
            if member.index() == 1 {
                exit(7).await;
            }
            pending::<io::Result<()>>().await
        });
        panic!("{never:?}");
    }
    in_time(|| {
        let status = child(NAME).status().unwrap();
        assert_eq!(status.code(), Some(7));
    });
}
