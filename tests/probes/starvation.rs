//! Tasks that never rest, beside all that is to go on, in every way of running.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use futures::StreamExt;
use futures::channel::mpsc as channel;
use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{Builder, Handle, Runtime};
use quintet::task::{JoinHandle, set_immediate, yield_now};
use quintet::time::{Duration, interval, sleep};
use quintet::{spawn, spawn_blocking};

use super::{in_time, new};

/// What is to go on: timers, sockets, workers, immediates, closes, other threads.
async fn useful_work() {
    for _ in 0..3 {
        sleep(Duration::from_micros(100)).await;
        spawn_blocking(|| ()).await.expect("the job does nothing");
        yield_now().await;
        set_immediate(|| ()).await.expect("it does nothing");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            listener.close().await;
            let mut buf = [0; 4];
            stream
                .read_exact(&mut buf)
                .await
                .expect("the connection is open");
            stream
                .write_all(&buf)
                .await
                .expect("the connection is open");
        });
        let client = TcpStream::connect(addr).await.expect("a connection");
        client
            .write_all(b"ping")
            .await
            .expect("the connection is open");
        client
            .read_exact(&mut [0; 4])
            .await
            .expect("the connection is open");
        server.await.expect("no task panics");
        let handle = Handle::current();
        let (sender, receiver) = futures::channel::oneshot::channel();
        let guard = handle.keep_alive();
        let thread = thread::spawn(move || {
            drop(handle.spawn(async {}));
            sender.send(()).expect("both ends are there");
            drop(guard);
        });
        receiver.await.expect("both ends are there");
        thread.join().expect("the connection is open");
    }
}

/// Spawns the useful work beside what `pest` spawns, and runs in each way until it is done. The
/// pest returns what is to be aborted then.
fn goes_on_beside(pest: impl Fn(&Runtime) -> Vec<JoinHandle<()>>) {
    in_time(|| {
        for way in ["block_on", "run", "turn", "small budget"] {
            let runtime = match way {
                "small budget" => Builder::new()
                    .phase_budget(2)
                    .build()
                    .expect("descriptors for a runtime"),
                _ => new(),
            };
            let pests = pest(&runtime);
            let work = runtime.spawn(useful_work());
            match way {
                "block_on" | "small budget" => runtime.block_on(work).expect("no task panics"),
                "run" => {
                    let handle = runtime.handle().clone();
                    drop(runtime.spawn(async move {
                        work.await.expect("no task panics");
                        handle.stop();
                    }));
                    runtime.run().expect("nothing stalls");
                }
                _ => {
                    while !work.is_finished() {
                        assert!(runtime.turn(None), "something is alive");
                    }
                }
            }
            for pest in &pests {
                assert!(!pest.is_finished(), "{way}: a pest has died");
                pest.abort();
            }
            if way == "run" {
                runtime.run().expect("nothing stalls");
            }
        }
    });
}

#[test]
fn a_task_that_wakes_itself_for_ever_starves_no_task() {
    goes_on_beside(|runtime| {
        let pest = runtime.spawn(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        vec![pest]
    });
}

#[test]
fn tasks_that_wake_each_other_for_ever_starve_no_task() {
    goes_on_beside(|runtime| {
        let (there, mut from_here) = channel::unbounded::<()>();
        let (here, mut from_there) = channel::unbounded::<()>();
        here.unbounded_send(()).unwrap();
        let forward = |from: channel::UnboundedSender<()>| {
            move || {
                let _closed = from.unbounded_send(());
            }
        };
        let (send_there, send_here) = (forward(there), forward(here));
        vec![
            runtime.spawn(async move {
                while from_there.next().await.is_some() {
                    send_there();
                }
            }),
            runtime.spawn(async move {
                while from_here.next().await.is_some() {
                    send_here();
                }
            }),
        ]
    });
}

#[test]
fn an_endless_chain_of_spawns_starves_no_task() {
    fn chain(is_over: Rc<Cell<bool>>) {
        if !is_over.get() {
            drop(spawn(async move { chain(is_over) }));
        }
    }
    goes_on_beside(|runtime| {
        let is_over = Rc::new(Cell::new(false));
        let pest = runtime.spawn(async move {
            let _ends = super::OnDrop::new({
                let is_over = Rc::clone(&is_over);
                move || is_over.set(true)
            });
            chain(is_over);
            std::future::pending::<()>().await;
        });
        vec![pest]
    });
}

#[test]
fn sleeps_of_nothing_yields_and_immediates_without_end_starve_no_task() {
    goes_on_beside(|runtime| {
        vec![
            runtime.spawn(async {
                loop {
                    sleep(Duration::ZERO).await;
                }
            }),
            runtime.spawn(async {
                loop {
                    yield_now().await;
                }
            }),
            runtime.spawn(async {
                loop {
                    set_immediate(|| ()).await.unwrap();
                }
            }),
            runtime.spawn(async {
                let mut beat = interval(Duration::from_nanos(1));
                loop {
                    beat.tick().await;
                }
            }),
        ]
    });
}

#[test]
fn closes_without_end_starve_no_task() {
    goes_on_beside(|runtime| {
        vec![runtime.spawn(async {
            loop {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                listener.close().await;
            }
        })]
    });
}

#[test]
fn jobs_without_end_starve_no_task() {
    goes_on_beside(|runtime| {
        let pest = |n: usize| async move {
            loop {
                let jobs: Vec<_> = (0..n).map(|_| spawn_blocking(|| ())).collect();
                for job in jobs {
                    job.await.unwrap();
                }
            }
        };
        vec![runtime.spawn(pest(1)), runtime.spawn(pest(20))]
    });
}

#[test]
fn a_stream_that_never_dries_up_starves_no_task() {
    goes_on_beside(|runtime| {
        let (sender, receiver) = futures::channel::oneshot::channel();
        let writer = runtime.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            loop {
                stream.write_all(&[0; 1 << 16]).await.unwrap();
            }
        });
        let reader = runtime.spawn(async move {
            let stream = TcpStream::connect(receiver.await.unwrap()).await.unwrap();
            loop {
                stream.read(&mut [0; 1 << 16]).await.unwrap();
            }
        });
        vec![writer, reader]
    });
}

#[test]
fn messages_from_other_threads_without_end_starve_no_task() {
    in_time(|| {
        let runtime = new();
        let is_over = Arc::new(AtomicBool::new(false));
        let (handle, over) = (runtime.handle().clone(), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let task = handle.spawn(async {});
                task.unref();
                // Not faster than a loop on a busy machine can take them.
                thread::yield_now();
            }
        });
        runtime.block_on(useful_work());
        is_over.store(true, Ordering::Relaxed);
        thread.join().unwrap();
    });
}

#[test]
fn a_task_that_spends_its_budget_again_and_again_starves_no_task() {
    goes_on_beside(|runtime| {
        vec![runtime.spawn(async {
            loop {
                let tasks: Vec<_> = (0..300).map(|_| spawn(async {})).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        })]
    });
}

#[test]
fn an_unreferenced_pest_keeps_no_run_alive_but_while_it_is_ready() {
    in_time(|| {
        let runtime = new();
        let pest = runtime.spawn(async {
            loop {
                sleep(Duration::from_nanos(1)).await;
            }
        });
        pest.unref();
        runtime.run().unwrap();
        let work = runtime.spawn(useful_work());
        runtime.run().unwrap();
        assert!(work.is_finished());
        assert!(!pest.is_finished());
    });
}
