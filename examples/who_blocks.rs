//! Blocks its loop in ten ways, and shows what the runtime says about each.
//!
//! ```text
//! cargo run --example who_blocks                  # a menu: a key and Enter
//! cargo run --example who_blocks -- lock pipe     # these
//! cargo run --example who_blocks -- --all
//! ```
//!
//! The runtime is watched ([`Builder::blocked_after`]), so the report comes while the loop is
//! blocked. What blocks it stops as soon as it is named, and a second line says that it is over. In
//! a program of your own, `QUINTET_BLOCKED=50ms` in the environment does the same.

use std::cell::RefCell;
use std::env;
use std::future;
use std::hint;
use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::process::ExitCode;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use quintet::runtime::{Builder, Report, Runtime};
use quintet::task;
use quintet::time::sleep;

/// How long one poll may take.
const LIMIT: Duration = Duration::from_millis(50);

/// What blocks is given up after this time, if it is not named.
const PATIENCE: Duration = Duration::from_secs(30);

/// A way to block the loop: its key and name, what it is, and the code.
type Blocker = (char, &'static str, &'static str, fn(&Named));

const BLOCKERS: [Blocker; 10] = [
    ('c', "compute", "a computation in a task", |named| {
        in_a_task("compute", named, |named| {
            while !named.is_set() {
                hint::spin_loop();
            }
        });
    }),
    ('s', "sleep", "`std::thread::sleep` in a task", |named| {
        in_a_task("sleep", named, |named| {
            while !named.is_set() {
                thread::sleep(LIMIT * 4);
            }
        });
    }),
    ('l', "lock", "a lock that another thread holds", |named| {
        in_a_task("lock", named, take_a_lock);
    }),
    ('p', "pipe", "a read from an empty pipe", |named| {
        in_a_task("pipe", named, read_a_pipe);
    }),
    ('n', "network", "a datagram that does not come", |named| {
        in_a_task("network", named, receive);
    }),
    ('f', "future", "the destructor of a future", |named| {
        let guard = SlowDrop(named.clone());
        let task = task::Builder::new().name("future").spawn(async move {
            let _guard = guard;
            future::pending::<()>().await;
        });
        task.abort();
    }),
    ('o', "output", "the destructor of an output", |named| {
        let guard = SlowDrop(named.clone());
        let task = task::Builder::new().name("output").spawn(async { guard });
        drop(task);
    }),
    ('w', "waker", "a waker of another executor", |named| {
        let waker = Waker::from(Arc::new(SlowWaker(named.clone())));
        let mut timer = Box::pin(sleep(Duration::from_millis(1)));
        let polled = timer.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        // Kept until the end of the thread, so that it expires.
        TIMERS.with_borrow_mut(|timers| timers.push(timer));
    }),
    ('m', "many", "many small tasks", |named| {
        for _ in 0..1000 {
            let named = named.clone();
            task::Builder::new().name("many").spawn(async move {
                if !named.is_set() {
                    thread::sleep(Duration::from_millis(1));
                }
            });
        }
    }),
    (
        'h',
        "child",
        "a child process that is waited for",
        |named| {
            in_a_task("child", named, wait_for_a_child);
        },
    ),
];

thread_local! {
    static TIMERS: RefCell<Vec<std::pin::Pin<Box<quintet::time::Sleep>>>> =
        const { RefCell::new(Vec::new()) };
}

/// Whether what blocks the loop was named. A clone is the same.
#[derive(Clone, Default)]
struct Named(Arc<(Mutex<bool>, Condvar)>);

impl Named {
    fn set(&self, is_named: bool) {
        let (lock, changed) = &*self.0;
        *lock.lock().unwrap_or_else(PoisonError::into_inner) = is_named;
        changed.notify_all();
    }

    fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is.
    fn wait(&self) {
        let (lock, changed) = &*self.0;
        let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, PATIENCE, |is_named| !*is_named);
        drop(waited);
    }
}

/// Spawns a task that calls `block`.
fn in_a_task(name: &str, named: &Named, block: fn(&Named)) {
    let named = named.clone();
    let task = task::Builder::new().name(name).spawn(async move {
        sleep(Duration::from_millis(1)).await;
        block(&named);
    });
    drop(task);
}

fn take_a_lock(named: &Named) {
    let lock = Arc::new(Mutex::new(()));
    let (locked, is_locked) = mpsc::channel();
    thread::spawn({
        let (lock, named) = (Arc::clone(&lock), named.clone());
        move || {
            let _guard = lock.lock();
            let _waiter_is_gone = locked.send(());
            named.wait();
        }
    });
    let _holder_is_gone = is_locked.recv();
    drop(lock.lock());
}

fn read_a_pipe(named: &Named) {
    let (mut reader, mut writer) = io::pipe().expect("descriptors for a pipe");
    let named = named.clone();
    thread::spawn(move || {
        named.wait();
        writer.write_all(b"x")
    });
    let _end = reader.read(&mut [0]);
}

fn receive(named: &Named) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    let named = named.clone();
    let sender = socket.try_clone().expect("a descriptor");
    thread::spawn(move || {
        named.wait();
        sender.send_to(b"x", address)
    });
    let _received = socket.recv_from(&mut [0]);
}

fn wait_for_a_child(named: &Named) {
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("`cat` is installed");
    let input = child.stdin.take();
    let named = named.clone();
    thread::spawn(move || {
        named.wait();
        // Its input ends, and so does it.
        drop(input);
    });
    let _status = child.wait();
}

/// Its destructor takes long.
struct SlowDrop(Named);

impl Drop for SlowDrop {
    fn drop(&mut self) {
        self.0.wait();
    }
}

/// To wake it takes long.
struct SlowWaker(Named);

impl Wake for SlowWaker {
    fn wake(self: Arc<Self>) {
        self.0.wait();
    }
}

/// Blocks the loop by `blocker`, until that is reported and over.
fn run(runtime: &Runtime, blocker: &Blocker, named: &Named, over: &mpsc::Receiver<()>) {
    let (_, name, description, block) = blocker;
    println!("{name}: {description}");
    named.set(false);
    runtime.block_on(async {
        block(named);
        sleep(Duration::from_millis(20)).await;
    });
    // While the runtime is idle the watcher sees that it is over.
    let _nothing_is_blocked = over.recv_timeout(PATIENCE);
    println!();
}

fn main() -> io::Result<ExitCode> {
    let named = Named::default();
    let (sender, over) = mpsc::channel();
    let setter = named.clone();
    let runtime = Builder::new()
        .blocked_after(LIMIT)
        .on_report(move |report| {
            println!("quintet: {report}");
            if let Report::Blocked { is_over, .. } = report {
                setter.set(true);
                if *is_over {
                    let _main_has_ended = sender.send(());
                }
            }
        })
        .build()?;
    let find = |word: &str| {
        BLOCKERS
            .iter()
            .find(|(key, name, ..)| word == *name || word == key.to_string())
    };
    let words: Vec<String> = env::args().skip(1).collect();
    if words.iter().any(|word| word == "--all") {
        for blocker in &BLOCKERS {
            run(&runtime, blocker, &named, &over);
        }
        return Ok(ExitCode::SUCCESS);
    }
    for word in &words {
        let Some(blocker) = find(word) else {
            let names: Vec<_> = BLOCKERS.iter().map(|(_, name, ..)| *name).collect();
            eprintln!("`{word}` is none of {}, --all", names.join(", "));
            return Ok(ExitCode::FAILURE);
        };
        run(&runtime, blocker, &named, &over);
    }
    if !words.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for (key, name, description, _) in &BLOCKERS {
        println!("{key}  {name}: {description}");
    }
    println!("Enter the keys of what is to block the loop:");
    for line in io::stdin().lines() {
        for key in line?.split_whitespace() {
            match find(key) {
                Some(blocker) => run(&runtime, blocker, &named, &over),
                None => println!("`{key}` is no key"),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
