//! `CancellationToken`: trees of tokens that grow and lose members, waits and runs that are given
//! up, and cancels anywhere in the tree.

use crate::driver::{SLOTS, WAKERS, compare_unordered, on_both_sides};
use crate::programs::operations;

/// Tokens that a program has at a time.
const TOKENS: usize = 6;

operations! {
    1 Root { to: TOKENS };
    5 Child { from: TOKENS, to: TOKENS };
    1 Clone { from: TOKENS, to: TOKENS };
    1 DropToken { token: TOKENS };
    1 Cancel { token: TOKENS };
    1 Guard { token: TOKENS, is_disarmed: 2 };
    4 Cancelled { slot: SLOTS, token: TOKENS };
    3 Run { slot: SLOTS, token: TOKENS };
    1 Finish { slot: SLOTS };
    8 Poll { slot: SLOTS, waker: WAKERS };
    2 Clear { slot: SLOTS };
}

on_both_sides! {
    use super::{Op, TOKENS};
    use crate::driver::{AnySlot, SLOTS, Trace};
    use futures::FutureExt;
    use side::task::CancellationToken;
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::Poll;

    #[derive(Default)]
    struct State {
        tokens: [Option<CancellationToken>; TOKENS],
        /// Whether what a slot runs can end.
        finished: [Rc<Cell<bool>>; SLOTS],
        slots: [AnySlot<'static, Option<()>>; SLOTS],
    }

    impl State {
        fn change(&mut self, op: &Op) {
            let token = |token: usize| self.tokens[token].clone();
            match *op {
                Op::Root { to } => self.tokens[to] = Some(CancellationToken::new()),
                Op::Child { from, to } => {
                    self.tokens[to] = token(from).map(|token| token.child_token());
                }
                Op::Clone { from, to } => self.tokens[to] = token(from),
                Op::DropToken { token } => self.tokens[token] = None,
                Op::Cancel { token: at } => {
                    token(at).inspect(CancellationToken::cancel);
                }
                Op::Guard { token: at, is_disarmed } => {
                    let guard = token(at).map(|token| token.drop_guard());
                    if is_disarmed == 1 {
                        guard.map(|guard| guard.disarm());
                    }
                }
                _ => {}
            }
        }

        fn wait(&mut self, op: &Op, trace: &mut Trace) {
            let token = |token: usize| self.tokens[token].clone();
            match *op {
                Op::Cancelled { slot, token: at } => {
                    let Some(token) = token(at) else { return };
                    let cancelled = token.cancelled_owned();
                    self.slots[slot].put(Box::pin(cancelled.map(Some)));
                }
                Op::Run { slot, token: at } => {
                    let Some(token) = token(at) else { return };
                    let finished = Rc::default();
                    self.finished[slot] = Rc::clone(&finished);
                    self.slots[slot].put(Box::pin(async move {
                        // When both have come, quintet's run sees the cancel first, tokio's the
                        // end of the future.
                        let finish = poll_fn(|_| match finished.get() && !token.is_cancelled() {
                            true => Poll::Ready(()),
                            false => Poll::Pending,
                        });
                        token.run_until_cancelled(finish).await
                    }));
                }
                Op::Finish { slot } => self.finished[slot].set(true),
                Op::Poll { slot, waker } => {
                    let polled = self.slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Clear { slot } => self.slots[slot].clear(),
                _ => {}
            }
        }
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let mut state = State::default();
        state.tokens[0] = Some(CancellationToken::new());
        for op in program {
            state.change(op);
            state.wait(op, trace);
            let is_cancelled = |token: &Option<CancellationToken>| {
                token.as_ref().map(|token| token.is_cancelled())
            };
            trace.note(state.tokens.each_ref().map(is_cancelled));
            trace.end_step();
        }
    }
}

#[test]
fn cancellation_token() {
    // Tokio goes through a tree in an order of its own.
    compare_unordered("cancellation_token", ours::run, theirs::run);
}
