//! Both runtimes are current in the tasks of both.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{Builder, Handle, Runtime};

pub(crate) fn guest() -> Runtime {
    Builder::new().tokio(true).build().unwrap()
}

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn each_task_awaits_what_is_of_the_other_runtime() {
    let here = thread::current().id();
    guest().block_on(async {
        tokio::time::sleep(SHORT).await;
        quintet::time::sleep(SHORT).await;
        let of_tokio = tokio::spawn(async move {
            assert_eq!(thread::current().id(), here);
            quintet::time::sleep(SHORT).await;
            tokio::time::sleep(SHORT).await;
            let own = Rc::new(1);
            quintet::spawn(async move { *own }).await.unwrap()
        });
        let own = Rc::new(2);
        let of_quintet = quintet::spawn(async move {
            assert_eq!(thread::current().id(), here);
            tokio::time::sleep(SHORT).await;
            quintet::time::sleep(SHORT).await;
            tokio::spawn(async { 3 }).await.unwrap() + *own
        });
        assert_eq!(of_tokio.await.unwrap(), 1);
        assert_eq!(of_quintet.await.unwrap(), 5);
        assert_eq!(quintet::spawn_blocking(|| 4).await.unwrap(), 4);
        assert_eq!(tokio::task::spawn_blocking(|| 5).await.unwrap(), 5);
    });
}

#[test]
fn sockets_of_quintet_serve_in_tasks_of_tokio() {
    guest().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut buf = [0; 5];
            stream.read_exact(&mut buf).await.unwrap();
            stream.write_all(&buf).await.unwrap();
        });
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut buf = [0; 5];
        stream.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"hello");
        server.await.unwrap();
    });
}

#[test]
fn between_the_turns_the_runtime_is_current() {
    guest().block_on(async {
        let id = Handle::current().id();
        // A task of tokio runs while quintet's loop does not.
        let inside = tokio::spawn(async move {
            tokio::task::yield_now().await;
            Handle::current().id()
        });
        assert_eq!(inside.await.unwrap(), id);
    });
}

/// Calls its closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
    }
}

#[test]
fn both_are_current_while_a_runtime_ends() {
    let seen = Rc::new(Cell::new(false));
    let runtime = guest();
    let ends = Rc::clone(&seen);
    runtime.spawn(async move {
        let _guard = OnDrop(move || {
            Handle::current();
            tokio::runtime::Handle::current();
            ends.set(true);
        });
        std::future::pending::<()>().await;
    });
    runtime.block_on(quintet::task::yield_now());
    assert!(!seen.get());
    drop(runtime);
    assert!(seen.get(), "the future was dropped");
}

#[test]
fn without_a_host_nothing_of_tokio_is_current() {
    quintet::block_on(async {
        assert!(tokio::runtime::Handle::try_current().is_err());
    });
    assert!(tokio::runtime::Handle::try_current().is_err());
    Builder::new()
        .tokio(true)
        .tokio(false)
        .build()
        .unwrap()
        .block_on(async { assert!(tokio::runtime::Handle::try_current().is_err()) });
}

#[quintet::test(tokio)]
async fn the_attribute_of_a_test_takes_the_argument() {
    tokio::spawn(quintet::time::sleep(SHORT)).await.unwrap();
}

#[quintet::test(tokio, seeds = 3, leaks = "deny", timeout = "60s")]
async fn the_argument_goes_with_the_others() {
    tokio::spawn(quintet::task::yield_now()).await.unwrap();
}

#[quintet::main(tokio, name = "guest")]
async fn run_by_main() -> &'static str {
    tokio::time::sleep(SHORT).await;
    "both"
}

#[quintet::main(tokio, keep_alive)]
async fn run_until_nothing_is_alive() -> u32 {
    tokio::time::sleep(SHORT).await;
    quintet::time::sleep(SHORT).await;
    7
}

#[test]
fn the_attribute_of_main_takes_the_argument() {
    assert_eq!(run_by_main(), "both");
    assert_eq!(run_until_nothing_is_alive(), 7);
    assert_eq!(quintet::compat::block_on(async { 8 }), 8);
}
