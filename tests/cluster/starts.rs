//! How a cluster starts, or does not.

use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use quintet::cluster::{self, Cluster, Member};

use crate::support::child::{assert_ran, child, is_child};
use crate::support::patience::in_time;

/// Counts where it is called.
#[derive(Default)]
struct Calls(AtomicUsize);

impl Calls {
    async fn main(&self, _member: Member) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn panic_message(f: impl FnOnce()) -> String {
    let payload = panic::catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().unwrap().to_string(),
    }
}

#[test]
fn no_loops_are_a_mistake() {
    let attempts: [fn(); 5] = [
        || drop(Cluster::new(0)),
        || drop(cluster::run(0, async |_| io::Result::Ok(()))),
        || drop(cluster::bind_each("127.0.0.1:0", 0)),
        || drop(cluster::bind_shared("127.0.0.1:0", 0)),
        || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let listener = quintet::net::TcpListener::from_std(listener).unwrap();
            drop(cluster::deal(listener, 0));
        },
    ];
    for attempt in attempts {
        let message = panic_message(attempt);
        assert!(message.contains("available_parallelism"), "{message}");
    }
}

#[test]
fn it_does_not_block_a_loop() {
    let calls = Calls::default();
    let message = panic_message(|| {
        quintet::block_on(async {
            let _never = cluster::run(2, async |member| calls.main(member).await);
        });
    });
    assert!(message.contains("start the cluster in `main`"), "{message}");
    assert_eq!(calls.count(), 0);
}

#[test]
fn a_job_may_run_a_cluster() {
    in_time(|| {
        let calls = Calls::default();
        let calls: &'static Calls = Box::leak(Box::new(calls));
        quintet::block_on(async {
            let job = quintet::spawn_blocking(|| {
                cluster::run(2, async |member| calls.main(member).await).unwrap();
            });
            job.await.unwrap();
        });
        assert_eq!(calls.count(), 2);
    });
}

#[test]
fn names_with_a_nul_byte_are_an_error() {
    in_time(|| {
        let calls = Calls::default();
        let error = Cluster::new(2)
            .thread_name(|index| format!("loop\0{index}"))
            .run(async |member| calls.main(member).await)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(calls.count(), 0);
    });
}

#[test]
fn a_loop_that_cannot_be_built_is_an_error_and_none_runs() {
    in_time(|| {
        let calls = Calls::default();
        let error = Cluster::new(3)
            .configure(|index, builder| {
                if index > 0 {
                    builder.thread_name("worker\0");
                }
            })
            .run(async |member| calls.main(member).await)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.starts_with("cannot build loop 1: "), "{text}");
        assert_eq!(calls.count(), 0);
    });
}

#[test]
fn a_panic_of_a_setting_is_resumed_and_none_runs() {
    in_time(|| {
        let calls = Calls::default();
        let message = panic_message(|| {
            let cluster = Cluster::new(3).configure(|index, _builder| {
                assert_ne!(index, 2, "part of the test");
            });
            let _never = cluster.run(async |member| calls.main(member).await);
        });
        assert!(message.contains("part of the test"), "{message}");
        let message = panic_message(|| {
            let cluster = Cluster::new(3).thread_name(|index| {
                assert_ne!(index, 2, "part of the test");
                String::new()
            });
            let _never = cluster.run(async |member| calls.main(member).await);
        });
        assert!(message.contains("part of the test"), "{message}");
        assert_eq!(calls.count(), 0);
    });
}

/// Runs this program again with the test `name` alone, and asserts that it passes.
fn in_a_process(name: &str, change: impl FnOnce(&mut Command)) {
    in_time(|| {
        let mut command = child(name);
        change(&mut command);
        assert_ran(&command.output().unwrap());
    });
}

#[test]
fn a_thread_that_cannot_be_started_is_an_error() {
    if !is_child() {
        in_a_process(
            "starts::a_thread_that_cannot_be_started_is_an_error",
            |command| {
                // More than there are addresses: the standard library gets no thread.
                command.env("RUST_MIN_STACK", (1_u64 << 60).to_string());
            },
        );
        return;
    }
    let calls = Calls::default();
    let error = cluster::run(2, async |member| calls.main(member).await).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("cannot start the thread of loop 0: "),
        "{text}"
    );
    assert_eq!(calls.count(), 0);
}

#[test]
fn without_descriptors_it_is_an_error_and_none_runs() {
    if !is_child() {
        in_a_process(
            "starts::without_descriptors_it_is_an_error_and_none_runs",
            |command| {
                // A shell lowers the limit.
                let program = command.get_program().to_owned();
                let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
                let script = "ulimit -n 30; exec \"$0\" \"$@\"";
                let mut limited = Command::new("sh");
                limited.args(["-c", script]).arg(program).args(args);
                for (name, value) in command.get_envs() {
                    limited.env(name, value.unwrap());
                }
                *command = limited;
            },
        );
        return;
    }
    let calls = Calls::default();
    let error = cluster::run(40, async |member| calls.main(member).await).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot build loop "), "{text}");
    assert_eq!(calls.count(), 0);
    // What it had is free again.
    cluster::run(2, async |member| calls.main(member).await).unwrap();
    assert_eq!(calls.count(), 2);
}
