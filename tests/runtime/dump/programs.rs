//! Random programs: those that cannot deadlock have no cycle in any dump, and a cycle that is
//! planted in them is found.
//!
//! Locks and semaphores are taken in the order of their numbers, and a task joins only tasks with
//! smaller numbers, while it holds nothing. So there is no cycle of locks, semaphores and joins.
//! Channels are used at random, also under locks, so that some tasks wait for ever.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use quintet::runtime::{Builder, Handle};
use quintet::sync::{Mutex, OwnedMutexGuard, RwLock, Semaphore, mpsc, oneshot};
use quintet::task::{JoinHandle, scope, yield_now};
use quintet::time::{Duration, sleep, timeout};
use quintet::{join, select, spawn};

use super::named;
use crate::support::child::{child, in_a_child};
use crate::support::patience::in_time;
use crate::support::random::Random;

const PROGRAMS: u64 = 1000;
const TASKS_MAX: usize = 8;

/// What all tasks of a program share.
struct World {
    locks: Vec<Arc<Mutex<()>>>,
    rw_locks: Vec<RwLock<()>>,
    semaphores: Vec<Semaphore>,
    senders: Vec<mpsc::Sender<u8>>,
    receivers: Vec<Mutex<mpsc::Receiver<u8>>>,
    guards: mpsc::UnboundedSender<OwnedMutexGuard<()>>,
    handles: RefCell<Vec<Option<JoinHandle<()>>>>,
    /// Whether guards are sent to another task.
    moves_guards: bool,
}

impl World {
    fn new(random: &mut Random, moves_guards: bool) -> Rc<World> {
        let (guards, mut moved) = mpsc::unbounded_channel();
        named("receiver of guards").spawn(async move {
            while let Some(guard) = moved.recv().await {
                sleep(Duration::from_millis(3)).await;
                drop(guard);
            }
        });
        let channels = (0..2).map(|_| mpsc::channel(1 + random.below(2)));
        let (senders, receivers): (Vec<_>, Vec<_>) = channels.unzip();
        Rc::new(World {
            locks: (0..3).map(|_| Arc::default()).collect(),
            rw_locks: (0..2).map(|_| RwLock::default()).collect(),
            semaphores: (0..2)
                .map(|_| Semaphore::new(1 + random.below(3)))
                .collect(),
            senders,
            receivers: receivers.into_iter().map(Mutex::new).collect(),
            guards,
            handles: RefCell::default(),
            moves_guards,
        })
    }
}

/// Something that a task does while it holds what it has taken so far.
async fn act(world: &World, random: &mut Random) {
    let channel = random.below(2);
    let brief = Duration::from_millis(random.below(5) as u64);
    match random.below(9) {
        0 => sleep(brief).await,
        1 => {
            let _full_or_sent = world.senders[channel].try_send(1);
        }
        2 => drop(timeout(brief, world.senders[channel].send(1)).await),
        3 => {
            if let Ok(mut receiver) = world.receivers[channel].try_lock() {
                receiver.recv().await;
            }
        }
        4 => world.senders[channel].send(2).await.unwrap(),
        5 => {
            if let Ok(mut receiver) = world.receivers[channel].try_lock() {
                select! {
                    _ = receiver.recv() => {}
                    () = sleep(brief) => {}
                }
            }
        }
        _ => yield_now().await,
    }
}

/// Takes each lock and semaphore or not, in order, and calls itself for the rest.
fn take<'a>(
    world: &'a World,
    random: &'a mut Random,
    number: usize,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        act(world, random).await;
        let (locks, rw_locks) = (world.locks.len(), world.rw_locks.len());
        let wants = random.below(3) > 0;
        if number == locks + rw_locks + world.semaphores.len() {
            return;
        }
        if !wants {
            return take(world, random, number + 1).await;
        }
        if number < locks {
            let lock = &world.locks[number];
            match random.below(5) {
                0 if world.moves_guards => {
                    let guard = Arc::clone(lock).lock_owned().await;
                    world.guards.send(guard).unwrap();
                    take(world, random, number + 1).await;
                }
                1 => {
                    let _guard = Arc::clone(lock).lock_owned().await;
                    take(world, random, number + 1).await;
                }
                2 => {
                    let brief = Duration::from_millis(2);
                    let _guard = timeout(brief, lock.lock()).await;
                    take(world, random, number + 1).await;
                }
                _ => {
                    let _guard = lock.lock().await;
                    take(world, random, number + 1).await;
                }
            }
        } else if number < locks + rw_locks {
            let lock = &world.rw_locks[number - locks];
            if random.below(2) == 0 {
                let _guard = lock.read().await;
                take(world, random, number + 1).await;
            } else {
                let guard = lock.write().await;
                act(world, random).await;
                let _guard = guard.downgrade();
                take(world, random, number + 1).await;
            }
        } else {
            let _permit = world.semaphores[number - locks - rw_locks].acquire().await;
            take(world, random, number + 1).await;
        }
    })
}

/// A task of a program.
async fn run_task(world: Rc<World>, mut random: Random, number: usize) {
    for _ in 0..1 + random.below(3) {
        if random.below(3) == 0 {
            let mut of_child = Random(random.next());
            scope(async |s| {
                s.spawn(take(&world, &mut of_child, 0));
                act(&world, &mut random).await;
            })
            .await;
        } else {
            take(&world, &mut random, 0).await;
        }
        let joined = random.below(2 * number + 1);
        let handle = world
            .handles
            .borrow_mut()
            .get_mut(joined)
            .and_then(Option::take);
        if let Some(mut handle) = handle.filter(|_| joined < number) {
            if random.below(3) == 0 {
                // It gives up, and does something else while it still has the handle.
                if timeout(Duration::from_millis(1), &mut handle).await.is_ok() {
                    continue;
                }
                take(&world, &mut random, 0).await;
            }
            let (joined, ()) = join!(handle, async { yield_now().await });
            joined.unwrap();
        }
    }
}

fn spawn_program(random: &mut Random, moves_guards: bool) {
    let world = World::new(random, moves_guards);
    for number in 0..2 + random.below(TASKS_MAX - 1) {
        let task = run_task(Rc::clone(&world), Random(random.next()), number);
        let task = named(&format!("{number}")).spawn(task);
        let mut handles = world.handles.borrow_mut();
        handles.push((random.below(3) > 0).then_some(task));
    }
}

/// Runs a program, and returns the names of the tasks in the cycles of all dumps, which are taken
/// at random times and at the end.
fn cycles_of(
    seed: u64,
    is_counted: impl Fn(bool) -> bool,
    spawn_tasks: impl FnOnce(&mut Random),
) -> Vec<BTreeSet<String>> {
    let mut builder = Builder::new();
    let builder = builder.seed(seed).start_paused(true).track_waits(true);
    let runtime = builder.build().unwrap();
    let mut random = Random(seed);
    let entered = runtime.enter();
    spawn_tasks(&mut random);
    let dumps = Rc::new(RefCell::new(Vec::new()));
    let taken = Rc::clone(&dumps);
    named("dumping").spawn(async move {
        for _ in 0..20 {
            for _ in 0..random.below(6) {
                yield_now().await;
            }
            sleep(Duration::from_millis(random.below(3) as u64)).await;
            taken.borrow_mut().push(Handle::current().dump());
        }
    });
    drop(entered);
    let _stalled = runtime.run();
    let mut dumps = dumps.take();
    dumps.push(runtime.dump());
    let cycles = dumps.iter().flat_map(|dump| {
        let cycles = dump.cycles().iter();
        let cycles = cycles.filter(|cycle| is_counted(cycle.is_certain()));
        cycles.map(move |cycle| {
            let is_in = |id| cycle.tasks().any(|other| other == id);
            let tasks = dump.tasks().iter().filter(|task| is_in(task.id()));
            tasks
                .map(|task| task.name().unwrap_or("-").to_owned())
                .collect()
        })
    });
    cycles.collect()
}

#[test]
fn programs_that_cannot_deadlock_have_no_cycle() {
    in_time(|| {
        for seed in 0..PROGRAMS {
            let cycles = cycles_of(seed, |_| true, |random| spawn_program(random, false));
            assert_eq!(cycles, [], "seed {seed}");
        }
    });
}

/// A guard that was sent to another task may make a cycle that is called possible.
#[test]
fn programs_that_move_guards_have_no_certain_cycle() {
    in_time(|| {
        for seed in 0..PROGRAMS {
            let cycles = cycles_of(
                seed,
                |is_certain| is_certain,
                |random| spawn_program(random, true),
            );
            assert_eq!(cycles, [], "seed {seed}");
        }
    });
}

/// Spawns tasks that wait for each other in a circle, each in a random way.
fn plant(random: &mut Random) -> BTreeSet<String> {
    let count = 1 + random.below(4);
    let locks: Vec<Arc<Mutex<()>>> = (0..count).map(|_| Arc::default()).collect();
    let rw_locks: Vec<Arc<RwLock<()>>> = (0..count).map(|_| Arc::default()).collect();
    let semaphores: Vec<_> = (0..count).map(|_| Arc::new(Semaphore::new(2))).collect();
    let mut senders = Vec::new();
    let mut tasks = Vec::new();
    for number in 0..count {
        let (sender, receiver) = oneshot::channel::<JoinHandle<()>>();
        senders.push(sender);
        let next = (number + 1) % count;
        let locks = [number, next].map(|number| Arc::clone(&locks[number]));
        let rw_locks = [number, next].map(|number| Arc::clone(&rw_locks[number]));
        let semaphores = [number, next].map(|number| Arc::clone(&semaphores[number]));
        let how = random.below(4);
        let task = named(&format!("planted {number}")).spawn(async move {
            let _guard = locks[0].lock().await;
            let _reader = rw_locks[0].read().await;
            let _permit = semaphores[0].acquire().await;
            let joined = receiver.await.unwrap();
            sleep(Duration::from_millis(1)).await;
            match how {
                0 => drop(locks[1].lock().await),
                1 => drop(rw_locks[1].write().await),
                2 => drop(semaphores[1].acquire_many(2).await),
                _ => joined.await.unwrap(),
            }
        });
        tasks.push(task);
    }
    tasks.rotate_left(1);
    for (sender, task) in senders.into_iter().zip(tasks) {
        sender.send(task).unwrap();
    }
    (0..count)
        .map(|number| format!("planted {number}"))
        .collect()
}

#[test]
fn a_planted_cycle_is_found() {
    in_time(|| {
        for seed in 0..PROGRAMS {
            let mut planted = BTreeSet::new();
            let cycles = cycles_of(
                seed,
                |_| true,
                |random| {
                    spawn_program(random, false);
                    planted = plant(random);
                },
            );
            assert!(!cycles.is_empty(), "seed {seed}");
            let is_planted = |cycle: &BTreeSet<String>| *cycle == planted;
            assert!(cycles.iter().all(is_planted), "seed {seed}: {cycles:?}");
        }
    });
}

/// A program that is known to end: nothing of it is left.
#[test]
fn a_program_without_channels_ends() {
    in_time(|| {
        let mut builder = Builder::new();
        let runtime = builder
            .seed(7)
            .start_paused(true)
            .track_waits(true)
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let lock: Arc<Mutex<()>> = Arc::default();
        for _ in 0..10 {
            let lock = Arc::clone(&lock);
            spawn(async move {
                for _ in 0..10 {
                    let _guard = lock.lock().await;
                    yield_now().await;
                }
            });
        }
        runtime.run().unwrap();
        assert!(runtime.dump().tasks().is_empty());
    });
}

/// Whether the process of a test tracks waits.
const TRACK: &str = "QUINTET_TEST_TRACK";

/// Runs random programs, and prints the hash of each, and how many of their tasks were waiting for
/// locks with known holders at the end.
fn print_hashes() {
    let is_tracked = env::var(TRACK).is_ok_and(|track| track == "on");
    let mut holders = 0;
    for seed in 0..50 {
        let mut builder = Builder::new();
        builder
            .seed(seed)
            .start_paused(true)
            .track_waits(is_tracked);
        let runtime = builder.build().unwrap();
        let entered = runtime.enter();
        let mut random = Random(seed);
        spawn_program(&mut random, true);
        plant(&mut random);
        drop(entered);
        let _stalled = runtime.run();
        println!("hash {:x}", runtime.handle().order_hash().unwrap());
        holders += runtime.dump().to_string().matches("; held by task").count();
    }
    println!("holders {}", holders > 0);
}

#[test]
fn tracking_does_not_change_the_order_of_events() {
    let run = |track: &str| {
        let mut process = child("dump::programs::tracking_does_not_change_the_order_of_events");
        process.env(TRACK, track);
        let output = in_a_child(process, print_hashes)?;
        let text = String::from_utf8(output.stdout).unwrap();
        let hashes = text.lines().filter(|line| line.starts_with("hash "));
        let hashes: Vec<String> = hashes.map(str::to_owned).collect();
        assert_eq!(hashes.len(), 50);
        let holders = format!("holders {}", track == "on");
        assert!(text.contains(&holders), "{track}: {text}");
        Some(hashes)
    };
    let Some(on) = run("on") else {
        return;
    };
    assert_eq!(Some(on), run("off"));
}
