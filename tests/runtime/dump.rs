//! Dumps: which tasks are alive, and what they wait for.

mod channels;
mod cycles;
mod holders;
mod json;
mod programs;
mod signals;

use std::future::pending;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::mpsc;
use std::thread;

use futures::channel::oneshot;
use quintet::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use quintet::runtime::{Builder, Dump, Handle, Runtime, TaskDump, WaitReason};
use quintet::spawn;
use quintet::task::{self, set_immediate, yield_now};
use quintet::time::{Duration, Instant, sleep};

use crate::support::patience::in_time;

const DAY: Duration = Duration::from_secs(86_400);

fn find<'a>(dump: &'a Dump, name: &str) -> &'a TaskDump {
    let mut tasks = dump.tasks().iter();
    let found = tasks.find(|task| task.name() == Some(name));
    found.unwrap_or_else(|| panic!("no task `{name}` in {dump}"))
}

fn named(name: &str) -> task::Builder {
    task::Builder::new().name(name)
}

/// Runs what `spawn` spawns on paused time until nothing is ready, and dumps it.
fn dump_of<R>(spawn: impl FnOnce(&Runtime) -> R) -> (Dump, Instant) {
    in_time(|| {
        let mut builder = Builder::new();
        let runtime = builder.start_paused(true).name("dumped").build();
        let runtime = runtime.expect("descriptors for a runtime");
        let guard = runtime.enter();
        let start = Instant::now();
        let kept = spawn(&runtime);
        runtime.run_until_stalled();
        drop(guard);
        let dump = runtime.dump();
        drop(kept);
        (dump, start)
    })
}

#[test]
fn a_task_is_told_with_all_that_is_known_of_it() {
    let line = line!() + 2;
    let (dump, start) = dump_of(|_| {
        let task = named("timer").spawn(sleep(DAY));
        drop(named("ended").spawn(async {}));
        task.id()
    });
    assert_eq!(dump.tasks().len(), 1);
    let task = find(&dump, "timer");
    let deadline = start + DAY;
    let left = Some(DAY);
    assert_eq!(task.waits(), [WaitReason::Timer { deadline, left }]);
    assert!(task.is_referenced());
    assert_eq!(task.polls(), 1);
    assert_eq!(task.age(), Duration::ZERO);
    assert_eq!(task.busy().is_some(), cfg!(debug_assertions));
    assert!(task.location().file().ends_with("dump.rs"));
    assert_eq!(task.location().line(), line);
    let text = dump.to_string();
    assert!(text.starts_with("runtime `dumped`: 1 task\n"), "{text}");
    assert!(
        text.contains("waits for a timer, due in 86400.0s"),
        "{text}"
    );
}

#[test]
fn timers_of_every_kind_are_told() {
    let (dump, _) = dump_of(|_| {
        drop(named("never").spawn(sleep(Duration::MAX)));
        drop(named("both").spawn(async {
            let (_sender, receiver) = oneshot::channel::<()>();
            futures::future::select(Box::pin(sleep(DAY)), receiver).await;
        }));
        let sleeps = (0..40).map(|_| sleep(DAY));
        drop(named("all").spawn(futures::future::join_all(sleeps)));
    });
    let never = find(&dump, "never").waits();
    assert!(matches!(never, [WaitReason::Timer { left: None, .. }]));
    assert!(matches!(
        find(&dump, "both").waits(),
        [WaitReason::Timer { .. }]
    ));
    assert_eq!(find(&dump, "all").waits().len(), 40);
}

#[test]
fn a_socket_is_described_by_its_addresses() {
    let peer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = peer.local_addr().unwrap();
    let (dump, _) = dump_of(|_| {
        let client = TcpStream::from_std(std::net::TcpStream::connect(addr).unwrap()).unwrap();
        named("reading").spawn(async move { client.readable().await })
    });
    let [
        WaitReason::Source {
            is_read: true,
            description,
            ..
        },
    ] = find(&dump, "reading").waits()
    else {
        panic!("{dump}");
    };
    assert!(description.ends_with(&format!("to {addr}")), "{dump}");
}

#[test]
fn sockets_of_datagrams_and_unix_sockets_are_described() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a socket");
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_addr = udp.local_addr().unwrap();
    let connected = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    connected.connect(udp_addr).unwrap();
    let connected_addr = connected.local_addr().unwrap();
    let (dump, _) = dump_of(|_| {
        let udp = UdpSocket::from_std(udp).unwrap();
        let connected = UdpSocket::from_std(connected).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let client = UnixStream::from_std(StdStream::connect(&path).unwrap()).unwrap();
        let (one, other) = UnixDatagram::pair().unwrap();
        named("udp").spawn(async move { udp.readable().await });
        named("connected").spawn(async move { connected.readable().await });
        named("client").spawn(async move { client.readable().await });
        named("listener").spawn(async move {
            let _server = listener.accept().await.unwrap();
            listener.accept().await.map(drop)
        });
        named("datagrams").spawn(async move { one.readable().await });
        other
    });
    let path = path.display();
    let expected = [
        ("udp", format!("UDP, {udp_addr}")),
        ("connected", format!("UDP, {connected_addr} to {udp_addr}")),
        ("listener", format!("Unix stream, listening on {path}")),
        ("client", "Unix stream".to_owned()),
        ("datagrams", "Unix datagrams".to_owned()),
    ];
    for (name, expected) in expected {
        let [WaitReason::Source { description, .. }] = find(&dump, name).waits() else {
            panic!("{dump}");
        };
        // Not every system can be asked whether a socket listens.
        let expected = expected.replace("listening on ", "");
        assert_eq!(description.replace("listening on ", ""), expected);
    }
}

#[test]
fn joins_jobs_and_channels_are_told() {
    let (release, is_released) = mpsc::channel::<()>();
    let line = line!() + 2;
    let (dump, _) = dump_of(|_| {
        let job = named("job").spawn_blocking(move || is_released.recv());
        // It is not waited for when the runtime ends.
        job.unref();
        let joined = named("joined").spawn(pending::<()>());
        drop(named("joining").spawn(joined));
        let (sender, mut receiver) = quintet::sync::mpsc::channel::<()>(1);
        drop(named("receiving").spawn(async move { receiver.recv().await }));
        drop(named("shared").spawn(Handle::current().spawn(pending::<()>())));
        sender
    });
    let id = find(&dump, "joined").id();
    assert_eq!(find(&dump, "joining").waits(), [WaitReason::Join(id)]);
    assert_eq!(find(&dump, "joined").waits(), [WaitReason::Unknown]);
    assert_eq!(find(&dump, "job").location().line(), line);
    assert_eq!(find(&dump, "job").waits(), [WaitReason::Worker]);
    let text = dump.to_string();
    for wait in [
        &format!("waits for the end of task {id}"),
        "waits for a worker thread",
        "waits for a message (mpsc)",
        "waits for the end of a task, by a handle for any thread",
    ] {
        assert!(text.contains(wait), "{wait} in {text}");
    }
    drop(release);
}

#[test]
fn what_is_ready_is_told() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let _guard = runtime.enter();
        let _ready = named("ready").spawn(async {});
        let _immediate = set_immediate(|| ());
        let dump = runtime.dump();
        assert_eq!(find(&dump, "ready").waits(), [WaitReason::Ready]);
        assert_eq!(dump.tasks()[1].waits(), [WaitReason::Check]);
        assert!(dump.to_string().contains("waits for the check phase"));
    });
}

#[test]
fn a_listener_is_described_by_its_address() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        runtime.spawn(async move { listener.accept().await.map(drop) });
        runtime.run_until_stalled();
        let text = runtime.dump().to_string();
        // Where the OS cannot tell that a socket listens, there is only the address.
        let [long, short] = ["TCP, listening on", "TCP,"].map(|what| format!("({what} {addr})"));
        assert!(text.contains(&long) || text.contains(&short), "{text}");
    });
}

#[test]
fn the_task_that_takes_a_dump_is_shown_as_running() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let dump = runtime.block_on(async {
            spawn(pending::<()>());
            yield_now().await;
            Handle::current().dump()
        });
        assert_eq!(dump.tasks().len(), 2);
        assert_eq!(dump.tasks()[0].name(), Some("root"));
        assert_eq!(dump.tasks()[0].waits(), [WaitReason::Running]);
        assert_eq!(dump.tasks()[0].polls(), 2);
    });
}

#[test]
fn another_thread_may_ask() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let (sender, receiver) = oneshot::channel();
        let thread = thread::spawn(move || {
            let dump = handle.dump();
            sender.send(()).unwrap();
            (dump, handle)
        });
        runtime.block_on(receiver).unwrap();
        let (dump, handle) = thread.join().unwrap();
        assert_eq!(dump.tasks().len(), 1);
        drop(runtime);
        assert!(handle.dump().tasks().is_empty(), "it has ended");
    });
}

#[test]
fn measured_time_is_told() {
    in_time(|| {
        let runtime = Builder::new().measure(true).build().unwrap();
        let dump = runtime.block_on(async {
            let _task = named("busy").spawn(async {
                thread::sleep(Duration::from_millis(3));
                pending::<()>().await;
            });
            yield_now().await;
            Handle::current().dump()
        });
        assert!(find(&dump, "busy").busy().unwrap() >= Duration::from_millis(3));
        let runtime = Builder::new().measure(false).build().unwrap();
        runtime.spawn(pending::<()>());
        assert_eq!(runtime.dump().tasks()[0].busy(), None);
    });
}

#[test]
fn the_age_of_a_task_counts_from_its_spawn() {
    let (dump, _) = dump_of(|runtime| {
        drop(named("old").spawn(pending::<()>()));
        let moved = quintet::time::advance(DAY);
        drop(named("new").spawn(pending::<()>()));
        runtime.run_until_stalled();
        moved
    });
    assert_eq!(find(&dump, "old").age(), DAY);
    assert_eq!(find(&dump, "new").age(), Duration::ZERO);
}

#[test]
fn how_long_a_task_waits_counts_from_its_last_poll() {
    for measures in [true, false] {
        let dump = in_time(|| {
            let mut builder = Builder::new();
            let builder = builder.start_paused(true).measure(measures);
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                named("once").spawn(pending::<()>());
                named("twice").spawn(async {
                    sleep(DAY).await;
                    pending::<()>().await;
                });
                named("often").spawn(async {
                    loop {
                        sleep(DAY / 2).await;
                    }
                });
                sleep(3 * DAY).await;
                named("never polled").spawn(async {});
                Handle::current().dump()
            })
        });
        let waiting = |name| find(&dump, name).waiting();
        let is = |expected: Duration| measures.then_some(expected);
        assert_eq!(waiting("once"), is(3 * DAY));
        assert_eq!(waiting("twice"), is(2 * DAY));
        assert!(waiting("often") <= is(DAY / 2));
        assert_eq!(waiting("never polled"), None);
        assert_eq!(waiting("root"), None, "it is running");
        let text = dump.to_string();
        assert_eq!(text.contains(", waiting for 172800.0s"), measures, "{text}");
    }
}

#[test]
fn a_chain_of_joins_is_told() {
    let (dump, _) = dump_of(|_| {
        let mut last = named("0").spawn(async {
            sleep(DAY).await;
        });
        for number in 1..13 {
            last = named(&number.to_string()).spawn(async move { last.await.unwrap() });
        }
        last.id()
    });
    let id = |name: &str| find(&dump, name).id();
    assert_eq!(dump.chain(id("0")), []);
    assert_eq!(dump.chain(id("1")), [id("0")]);
    assert_eq!(dump.chain(id("3")), ["2", "1", "0"].map(id));
    assert_eq!(find(&dump, "0").joined_by(), Some(id("1")));
    assert_eq!(find(&dump, "12").joined_by(), None);
    let text = dump.to_string();
    let two = format!("    which in turn waits for task {} `0`\n", id("0"));
    assert!(text.contains(&two), "{text}");
    let more = format!("for task {} `3`, and 3 more", id("3"));
    assert!(text.ends_with(&more), "{text}");
    assert!(
        text.contains(&format!(", awaited by task {}", id("1"))),
        "{text}"
    );
}

#[test]
fn a_chain_ends_before_a_task_that_it_has_already() {
    let (dump, _) = dump_of(|_| {
        let (sender, receiver) = oneshot::channel::<task::JoinHandle<()>>();
        let first = named("first").spawn(async move { receiver.await.unwrap().await.unwrap() });
        let second = named("second").spawn(async move { first.await.unwrap() });
        sender.send(second).unwrap();
    });
    let [first, second] = ["first", "second"].map(|name| find(&dump, name).id());
    assert_eq!(dump.chain(first), [second]);
    assert_eq!(dump.chain(second), [first]);
    let other = dump_of(|runtime| runtime.spawn(pending::<()>())).0;
    assert_eq!(dump.chain(other.tasks()[0].id()), []);
}
