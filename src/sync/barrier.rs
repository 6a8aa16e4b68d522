//! A barrier: nobody goes on until all are there.

use super::crowd::Crowd;

/// Holds tasks back until there are enough of them.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use quintet::sync::Barrier;
///
/// # quintet::block_on(async {
/// let barrier = Arc::new(Barrier::new(3));
/// let tasks: Vec<_> = (0..3)
///     .map(|_| {
///         let barrier = Arc::clone(&barrier);
///         quintet::spawn(async move { barrier.wait().await.is_leader() })
///     })
///     .collect();
/// let mut leaders = 0;
/// for task in tasks {
///     leaders += usize::from(task.await.unwrap());
/// }
/// assert_eq!(leaders, 1);
/// # });
/// ```
#[derive(Debug)]
pub struct Barrier {
    size: usize,
    state: Crowd<State>,
}

#[derive(Debug)]
struct State {
    /// Who has come in this round.
    arrived: usize,
    round: u64,
}

impl Barrier {
    /// Returns a barrier for so many tasks. One for none is one for a single task.
    pub fn new(size: usize) -> Self {
        Barrier {
            size: size.max(1),
            state: Crowd::new(State {
                arrived: 0,
                round: 0,
            }),
        }
    }

    /// Waits until all are there. The last to come is the leader, and the barrier can be used again.
    ///
    /// # Cancel safety
    ///
    /// It is not cancel safe: who has come and goes away is still counted.
    pub async fn wait(&self) -> BarrierWaitResult {
        let mut own_round = None;
        let arrival = self.state.until(&"others at a barrier (Barrier)", |state| {
            let first_look = own_round.is_none();
            let round = *own_round.get_or_insert(state.round);
            state.arrived += usize::from(first_look);
            let is_last = first_look && state.arrived == self.size;
            if is_last {
                state.arrived = 0;
                state.round += 1;
            }
            (state.round != round).then_some(is_last)
        });
        let is_leader = arrival.await;
        if is_leader {
            self.state.wake();
        }
        BarrierWaitResult(is_leader)
    }
}

/// The result of [`Barrier::wait`].
#[derive(Clone, Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Returns whether this is the one of all who waited that came last.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Barrier>();
};
