//! Many tasks and events: none is lost, and neither runtime holds up the other.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::Builder;
use quintet::sync::mpsc;

use crate::contexts::guest;

/// A bound against hanging, by the other runtime.
async fn in_time<F: Future>(test: F) -> F::Output {
    let ended = tokio::time::timeout(Duration::from_secs(60), test).await;
    ended.expect("the test hangs")
}

#[test]
fn more_events_than_one_fetch_takes_are_all_seen() {
    // Far fewer than the kernel has ready at once.
    let runtime = Builder::new()
        .tokio(true)
        .max_io_events_per_tick(2)
        .build()
        .unwrap();
    runtime.block_on(in_time(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut pairs = Vec::new();
        for _ in 0..100 {
            let (client, accepted) = quintet::join!(TcpStream::connect(addr), listener.accept());
            pairs.push((client.unwrap(), accepted.unwrap().0));
        }
        for round in 0..5 {
            let readers = pairs.iter().map(|(client, _)| async {
                let mut byte = [0];
                client.read_exact(&mut byte).await.unwrap();
                byte[0]
            });
            let writers = async {
                // The readers wait before the first byte comes.
                tokio::task::yield_now().await;
                for (_, server) in &pairs {
                    server.write_all(&[round]).await.unwrap();
                }
            };
            let (bytes, ()) = quintet::join!(join_all(readers), writers);
            assert_eq!(bytes, vec![round; 100]);
        }
    }));
}

#[test]
fn wakes_between_the_runtimes_are_not_lost() {
    guest().block_on(async {
        let (to_tokio, mut from_quintet) = tokio::sync::mpsc::channel(1);
        let (to_quintet, mut from_tokio) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            while let Some(number) = from_quintet.recv().await {
                to_quintet.send(number + 1).await.unwrap();
            }
        });
        let mut number = 0;
        for _ in 0..2000 {
            to_tokio.send(number).await.unwrap();
            number = from_tokio.recv().await.unwrap();
        }
        assert_eq!(number, 2000);
        drop(to_tokio);
        task.await.unwrap();
    });
}

#[test]
fn a_busy_loop_of_one_runtime_does_not_hold_up_the_other() {
    guest().block_on(async {
        let busy = quintet::spawn(async {
            loop {
                quintet::task::yield_now().await;
            }
        });
        tokio::time::sleep(Duration::from_millis(2)).await;
        tokio::spawn(tokio::time::sleep(Duration::from_millis(2)))
            .await
            .unwrap();
        busy.abort();

        let busy = tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        quintet::time::sleep(Duration::from_millis(2)).await;
        quintet::spawn(quintet::time::sleep(Duration::from_millis(2)))
            .await
            .unwrap();
        busy.abort();
    });
}

/// tokio lets a task take 128 things without a break, and all tasks of the guest are one to it.
#[test]
fn the_budget_of_tokio_is_not_shared_by_the_tasks() {
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    (0..1000).for_each(|number| send.send(number).unwrap());
    let polls = Rc::new(Cell::new(0));
    let count = Rc::clone(&polls);
    let received = guest().block_on(async move {
        let mut received = 0;
        poll_fn(|cx| {
            count.set(count.get() + 1);
            while received < 1000 {
                match receive.poll_recv(cx) {
                    std::task::Poll::Ready(message) => {
                        assert_eq!(message, Some(received));
                        received += 1;
                    }
                    std::task::Poll::Pending => return std::task::Poll::Pending,
                }
            }
            std::task::Poll::Ready(received)
        })
        .await
    });
    assert_eq!(received, 1000);
    assert_eq!(polls.get(), 1);
}
