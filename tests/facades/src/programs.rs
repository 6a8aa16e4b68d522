//! Random programs: the spans and events agree with what the runtime has counted.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use quintet::runtime::Builder;
use quintet::spawn;
use quintet::task::{JoinHandle, set_immediate, yield_now};
use quintet::time::sleep;

use crate::panics::on_panic;
use crate::random::Random;
use crate::subscriber::{Notebook, SeenSpan};

const PROGRAMS: u64 = 1000;

/// What the tasks of a program share.
struct Program {
    random: RefCell<Random>,
    wakers: RefCell<Vec<Waker>>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
}

impl Program {
    fn below(&self, end: usize) -> usize {
        self.random.borrow_mut().below(end)
    }

    async fn task(self: Rc<Self>, depth: u32) {
        for _ in 0..self.below(5) {
            match self.below(9) {
                0 => yield_now().await,
                1 => sleep(Duration::from_millis(self.below(3) as u64)).await,
                2 => drop(set_immediate(|| ())),
                3 if depth > 0 => self.spawn(depth - 1),
                4 => self.wait_for_a_wake().await,
                5 => self.wake(),
                6 => self.end_another().await,
                7 => assert!(self.below(8) > 0, "a task that panics"),
                _ if self.below(8) == 0 => pending().await,
                _ => {}
            }
        }
    }

    fn spawn(self: &Rc<Self>, depth: u32) {
        // Boxed: the future of a task contains no other one of its kind.
        let future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(Rc::clone(self).task(depth));
        let task = spawn(future);
        self.tasks.borrow_mut().push(task);
    }

    async fn wait_for_a_wake(&self) {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            if polls > 1 {
                return Poll::Ready(());
            }
            self.wakers.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn wake(&self) {
        let waker = self.wakers.borrow_mut().pop();
        match waker {
            Some(waker) if self.below(2) == 0 => waker.wake(),
            Some(waker) => waker.wake_by_ref(),
            None => {}
        }
    }

    async fn end_another(&self) {
        let task = self.tasks.borrow_mut().pop();
        match task {
            Some(task) if self.below(2) == 0 => task.abort(),
            Some(task) => drop(task),
            None => {}
        }
    }
}

#[test]
fn spans_agree_with_what_the_runtime_has_counted() {
    on_panic(|_| {});
    for seed in 0..PROGRAMS {
        let notes = Notebook::default();
        let metrics = notes.during(|| {
            let is_inherited = seed % 2 == 0;
            let runtime = Builder::new()
                .start_paused(true)
                .seed(seed)
                .quiet()
                .inherit_spans(is_inherited)
                .build()
                .unwrap();
            runtime.block_on(async {
                let program = Rc::new(Program {
                    random: RefCell::new(Random(seed)),
                    wakers: RefCell::default(),
                    tasks: RefCell::default(),
                });
                for _ in 0..4 {
                    program.spawn(2);
                }
                sleep(Duration::from_secs(1)).await;
                // A cycle otherwise: tasks that the program holds hold the program.
                drop(program.tasks.take());
                drop(program.wakers.take());
            });
            let metrics = runtime.handle().metrics();
            let open = notes
                .spans()
                .iter()
                .filter(|span| !span.is_closed())
                .count();
            assert_eq!(open as u64, metrics.tasks.alive, "program {seed}");
            metrics
        });

        let spans = notes.spans();
        assert_eq!(spans.len() as u64, metrics.tasks.spawned, "program {seed}");
        // What is alive at the end is dropped in its span. What is aborted is, too, in a turn that
        // is counted as a poll.
        let entered: usize = spans.iter().map(|span| span.entered.len()).sum();
        let expected = metrics.polls() + metrics.tasks.alive;
        assert_eq!(entered as u64, expected, "program {seed}");
        for span in &spans {
            assert_eq!(span.entered.len(), span.exited, "program {seed}: {span:?}");
            assert!(span.is_closed(), "program {seed}: {span:?}");
            assert_wakers(&notes, span, seed);
        }
    }
}

/// A waker for as long as the task, and between two polls at least one wake.
fn assert_wakers(notes: &Notebook, span: &SeenSpan, seed: u64) {
    let ops = notes.waker_ops(span);
    let position = |op| ops.iter().position(|own| own == op);
    assert_eq!(position("waker.clone"), Some(0), "program {seed}: {span:?}");
    let ends = ops.iter().filter(|op| *op == "waker.drop").count();
    assert_eq!(ends, 1, "program {seed}: {span:?}");
    let wakes = ops.iter().filter(|op| *op == "waker.wake_by_ref").count();
    let polls = span.entered.len();
    // The first poll, and the drop of what is unfinished at the end, need no wake.
    assert!(
        wakes + 2 >= polls,
        "program {seed}: {wakes} wakes, {span:?}"
    );
}
