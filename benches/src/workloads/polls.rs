//! Tests that the workloads do what their descriptions say, by the number of polls.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use super::primitives::{Primitive, run_all};
use super::{Amount, many_waiters};
use crate::libraries::{QuintetSync, TokioSync};
use crate::runtimes::{Quintet, Runtime, SharedSocket};
use crate::server::Service;

thread_local! {
    static POLLS: Cell<u64> = const { Cell::new(0) };
}

/// Quintet, with the polls of its tasks counted.
struct CountedPolls;

async fn counted<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|cx| {
        POLLS.set(POLLS.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

impl Runtime for CountedPolls {
    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        Quintet::block_on(counted(future))
    }

    fn spawn<T: 'static>(
        future: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> + 'static {
        Quintet::spawn(counted(future))
    }

    fn spawn_blocking<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        Quintet::spawn_blocking(f)
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> {
        Quintet::sleep(duration)
    }

    fn yield_now() -> impl Future<Output = ()> {
        Quintet::yield_now()
    }

    fn read_file(path: &Path) -> impl Future<Output = io::Result<usize>> {
        Quintet::read_file(path)
    }

    fn read_large(path: &Path, chunk: usize) -> impl Future<Output = io::Result<usize>> {
        Quintet::read_large(path, chunk)
    }

    fn run_child(program: &str) -> impl Future<Output = io::Result<bool>> {
        Quintet::run_child(program)
    }

    fn serve(service: Service) -> impl Future<Output = io::Result<()>> + 'static {
        Quintet::serve(service)
    }
}

impl SharedSocket for CountedPolls {
    type Socket = <Quintet as SharedSocket>::Socket;

    fn socket(stream: TcpStream) -> io::Result<Self::Socket> {
        Quintet::socket(stream)
    }

    fn readable(socket: &Self::Socket) -> impl Future<Output = io::Result<()>> {
        Quintet::readable(socket)
    }

    fn try_read(socket: &Self::Socket, buffer: &mut [u8]) -> io::Result<usize> {
        Quintet::try_read(socket, buffer)
    }
}

/// Returns the number of polls of 100 operations, without those that start and end the tasks.
fn polls_of_100(workload: impl Fn(Amount)) -> u64 {
    let polls = |operations| {
        POLLS.set(0);
        workload(Amount {
            operations,
            live: None,
            warm_up: false,
        });
        POLLS.get()
    };
    let few = polls(800);
    (polls(2400) - few) / 16
}

/// The minimum and maximum number of polls that 100 operations of a primitive take. A task that
/// never waits yields after many operations, which is why the two differ.
const PRIMITIVES: &[(Primitive, u64, u64)] = &[
    // One poll of the task that receives.
    (Primitive::Oneshot, 100, 101),
    (Primitive::Notify, 100, 101),
    // One poll of each end for each time the channel is full or empty.
    (Primitive::Mpsc, 2 * 100 / 16, 2 * 100 / 16 + 1),
    // One poll of each receiver and of the task that waits for them.
    (Primitive::Watch, 900, 901),
    (Primitive::Broadcast, 900, 901),
    (Primitive::Mutex, 0, 2),
    (Primitive::RwLockRead, 0, 2),
    (Primitive::Semaphore, 0, 2),
    // One poll that acquires, and one while the task holds the lock.
    (Primitive::ContendedMutex, 199, 200),
    (Primitive::ContendedSemaphore, 199, 200),
];

#[test]
fn each_primitive_takes_the_expected_polls() {
    for &(primitive, least, most) in PRIMITIVES {
        let ours = polls_of_100(|amount| {
            run_all::<CountedPolls, QuintetSync>(primitive, amount);
        });
        let tokios = polls_of_100(|amount| {
            run_all::<CountedPolls, TokioSync>(primitive, amount);
        });
        for polls in [ours, tokios] {
            assert!((least..=most).contains(&polls), "{primitive:?}: {polls}");
        }
    }
}

#[cfg(feature = "peers")]
#[test]
fn each_library_of_smol_takes_the_expected_polls() {
    use super::primitives::run;
    use crate::libraries::SmolLibraries;

    for &(primitive, least, most) in PRIMITIVES {
        let least = match primitive {
            // smol's users have no such library.
            Primitive::Watch | Primitive::Broadcast => continue,
            // Not fair: a task that releases may acquire again before a task that waits.
            Primitive::ContendedMutex | Primitive::ContendedSemaphore => 100,
            _ => least,
        };
        let polls = polls_of_100(|amount| {
            run::<CountedPolls, SmolLibraries>(primitive, amount);
        });
        assert!((least..=most).contains(&polls), "{primitive:?}: {polls}");
    }
}

#[test]
fn each_byte_wakes_all_waiting_tasks() {
    for tasks in [1, 8, 64] {
        let polls = polls_of_100(|amount| {
            many_waiters::readable::<CountedPolls>(tasks, amount);
        });

        // Each task is woken, all but the last once more by themselves, and the task that writes.
        assert_eq!(polls, 100 * (tasks + tasks - 1 + 1));
    }
}
