//! Children.

use std::process::Stdio;

use quintet::net::unix::pipe::Receiver;
use quintet::process::{Child, Command};
use quintet::spawn;

use crate::support::cases::{in_order, in_order_to_exit, log, log_after_job};

/// A child that ends when its input does.
fn cat() -> Child {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("`cat` is there")
}

/// The event `close` of Node comes when the child has ended and its output has been read.
#[test]
fn case_70_a_child_ends_before_it_is_closed() {
    in_order("exit-0 close-0", || async {
        let mut child = cat();
        let stdout = Receiver::from(child.stdout.take().unwrap());
        let exit = spawn(async move {
            let status = child.wait().await.unwrap();
            log(format!("exit-{}", status.code().unwrap()));
            status
        });
        spawn(async move {
            assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
            let status = exit.await.unwrap();
            log(format!("close-{}", status.code().unwrap()));
        });
    });
}

#[test]
fn case_82_an_unreferenced_child_keeps_nothing_alive() {
    let results = in_order_to_exit("pool-job exit", || async {
        let mut child = cat();
        child.unref();
        let input = child.stdin.take();
        spawn(async move {
            child.wait().await.unwrap();
            drop(input);
            log("child");
        });
        log_after_job("pool-job");
    });
    for result in results {
        result.unwrap();
    }
}
