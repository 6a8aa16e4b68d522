//! `ref_` and `unref` in every state, and from every thread.

use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::Builder;
use quintet::task::{JoinHandle, set_immediate, yield_now};
use quintet::time::{interval, sleep};
use quintet::{spawn, spawn_blocking};

use super::{LONG, assert_panics, in_time, new, paused, reporting};

#[test]
fn a_task_is_unreferenced_before_its_first_poll_and_referenced_again() {
    in_time(|| {
        let runtime = paused();
        let task = runtime.spawn(sleep(LONG));
        task.unref();
        assert!(!task.has_ref());
        runtime.run().unwrap();
        assert!(!task.is_finished());
        task.ref_();
        runtime.run().unwrap();
        assert!(task.is_finished());
    });
}

#[test]
fn what_has_ended_may_be_referenced_or_not() {
    in_time(|| {
        let (runtime, reports) = reporting();
        let guard = runtime.enter();
        let tasks: Vec<JoinHandle<()>> = vec![
            spawn(async {}),
            spawn_blocking(|| ()),
            runtime.handle().spawn(async {}),
            runtime.handle().spawn_blocking(|| ()),
            set_immediate(|| ()),
            spawn(async { std::panic::resume_unwind(Box::new(())) }),
        ];
        let cancelled = spawn(pending::<()>());
        cancelled.abort();
        runtime.run().unwrap();
        for task in tasks.iter().chain([&cancelled]) {
            assert!(task.is_finished());
            for _ in 0..3 {
                task.unref();
                task.ref_();
            }
            task.ref_();
        }
        runtime.run().unwrap();
        drop(guard);
        drop(runtime);
        // And after the end of the runtime, too.
        for task in tasks.iter().chain([&cancelled]) {
            task.unref();
            task.ref_();
            let _whatever = task.has_ref();
        }
        drop(tasks);
        assert_panics(&reports, 1, 0);
    });
}

#[test]
fn handles_that_have_completed_have_nothing_to_reference() {
    in_time(|| {
        let runtime = new();
        let mut task = runtime.spawn(async {});
        runtime.block_on(&mut task).unwrap();
        task.ref_();
        assert!(!task.has_ref());
        task.unref();
        task.abort();
        runtime.run().unwrap();
    });
}

#[test]
fn jobs_are_unreferenced_while_they_wait_while_they_run_and_when_they_are_done() {
    in_time(|| {
        for is_elsewhere in [false, true] {
            let runtime = Builder::new().worker_threads(1).build().unwrap();
            let spawn_job = |job: Box<dyn FnOnce() + Send>| {
                if is_elsewhere {
                    runtime.handle().spawn_blocking(job)
                } else {
                    runtime.spawn_blocking(job)
                }
            };
            let (begin, has_begun) = mpsc::channel();
            let (release, is_released) = mpsc::channel::<()>();
            let running = spawn_job(Box::new(move || {
                begin.send(()).unwrap();
                let _released = is_released.recv();
            }));
            let waiting = spawn_job(Box::new(|| ()));
            has_begun.recv().unwrap();
            for job in [&running, &waiting] {
                job.ref_();
                job.unref();
                job.unref();
            }
            runtime.run().unwrap();
            assert!(!running.is_finished() && !waiting.is_finished());
            waiting.ref_();
            assert!(waiting.has_ref() && !running.has_ref());
            drop(release);
            runtime.run().unwrap();
            assert!(waiting.is_finished());
            runtime.block_on(running).unwrap();
            waiting.unref();
            runtime.block_on(waiting).unwrap();
        }
    });
}

#[test]
fn threads_that_quarrel_over_a_reference_leave_what_the_last_one_says() {
    in_time(|| {
        let runtime = new();
        for is_elsewhere in [false, true] {
            let task = if is_elsewhere {
                runtime.handle().spawn(sleep(LONG))
            } else {
                runtime.spawn(sleep(LONG))
            };
            let task = Arc::new(task);
            let threads: Vec<_> = (0..4)
                .map(|n| {
                    let task = Arc::clone(&task);
                    thread::spawn(move || {
                        for round in 0..500 {
                            if (n + round) % 2 == 0 {
                                task.ref_();
                            } else {
                                task.unref();
                            }
                        }
                    })
                })
                .collect();
            for _ in 0..100 {
                runtime.run_until_stalled();
            }
            for thread in threads {
                thread.join().unwrap();
            }
            task.unref();
            runtime.run().unwrap();
            assert!(!task.is_finished());
            task.ref_();
            task.abort();
            runtime.run().unwrap();
            assert!(task.is_finished());
        }
    });
}

#[test]
fn a_task_may_take_its_own_reference_away_and_give_it_back() {
    in_time(|| {
        let runtime = paused();
        let (hand_over, own) = futures::channel::oneshot::channel::<JoinHandle<()>>();
        let ended = Rc::new(std::cell::Cell::new(false));
        let noted = Rc::clone(&ended);
        let task = runtime.spawn(async move {
            let own = own.await.unwrap();
            own.unref();
            yield_now().await;
            own.ref_();
            sleep(LONG).await;
            own.unref();
            own.ref_();
            sleep(LONG).await;
            noted.set(true);
        });
        hand_over.send(task).unwrap();
        runtime.run().unwrap();
        assert!(!ended.get());
        // Without anything that is alive it goes on to where it takes its reference back.
        runtime.run_until_stalled();
        runtime.run().unwrap();
        assert!(ended.get());
    });
}

#[test]
fn an_unreferenced_task_may_lean_on_referenced_ones_and_the_other_way_round() {
    in_time(|| {
        let runtime = paused();
        let guard = runtime.enter();
        let inner = spawn(sleep(LONG));
        let outer = spawn(async move { inner.await.unwrap() });
        outer.unref();
        runtime.run().unwrap();
        assert!(outer.is_finished(), "the inner one kept it going");
        let inner = spawn(sleep(LONG));
        inner.unref();
        let outer = spawn(async move { inner.await.unwrap() });
        runtime.run().unwrap();
        assert!(
            !outer.is_finished(),
            "an awaited task is not thereby referenced"
        );
        drop(guard);
    });
}

#[test]
fn resources_are_unreferenced_from_other_threads_while_they_are_waited_for() {
    in_time(|| {
        let runtime = new();
        runtime.block_on(async {
            let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            let addr = listener.local_addr().unwrap();
            let client = Arc::new(TcpStream::connect(addr).await.unwrap());
            let (server, _) = listener.accept().await.unwrap();
            let (accepting, reading) = (Arc::clone(&listener), Arc::clone(&client));
            spawn(async move { accepting.accept().await.map(drop) });
            spawn(async move {
                let result = reading.read(&mut [0; 8]).await;
                drop(server);
                result
            });
            yield_now().await;
            thread::spawn(move || {
                for _ in 0..100 {
                    listener.ref_();
                    client.ref_();
                    listener.unref();
                    client.unref();
                }
            });
        });
        runtime.run().unwrap();
        assert_eq!(runtime.dump().tasks().len(), 2);
    });
}

#[test]
fn references_of_timers_survive_their_resets() {
    in_time(|| {
        let runtime = paused();
        let guard = runtime.enter();
        let task = spawn(async {
            let mut beat = interval(LONG);
            beat.tick().await;
            beat.unref();
            for _ in 0..3 {
                beat.reset();
                beat.reset_immediately();
            }
            assert!(!beat.has_ref());
            beat.tick().await;
            beat.reset();
            beat.tick().await;
        });
        runtime.run().unwrap();
        assert!(!task.is_finished());
        // In the company of a referenced timer it goes on.
        spawn(sleep(3 * LONG));
        runtime.run().unwrap();
        assert!(task.is_finished());
        drop(guard);
    });
}

#[test]
fn an_immediate_changes_its_mind() {
    in_time(|| {
        let runtime = new();
        let guard = runtime.enter();
        let immediate = set_immediate(|| ());
        for _ in 0..10 {
            immediate.unref();
            immediate.ref_();
        }
        drop(guard);
        runtime.run().unwrap();
        assert!(immediate.is_finished());
    });
}

#[test]
fn handles_of_jobs_that_are_dropped_unreferenced_leave_no_count_behind() {
    in_time(|| {
        let runtime = new();
        for _ in 0..200 {
            let job = runtime.spawn_blocking(|| ());
            job.unref();
            drop(job);
            let job = runtime.handle().spawn_blocking(|| ());
            job.unref();
            job.ref_();
            drop(job);
            let job = runtime.spawn_blocking(|| ());
            job.unref();
            job.abort();
            job.ref_();
        }
        runtime.run().unwrap();
        // Only what is outstanding and unreferenced may be left; nothing is waited for twice.
        runtime.block_on(spawn_when_idle());
        runtime.run().unwrap();
    });
}

async fn spawn_when_idle() {
    for _ in 0..10 {
        spawn_blocking(|| ()).await.expect("the job does nothing");
    }
}
