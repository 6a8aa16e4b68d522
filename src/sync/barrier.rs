//! A barrier: tasks wait until a given number of them has arrived.

use std::fmt;

use super::watchers::Watchers;

/// A barrier: tasks wait until a given number of them has arrived.
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
pub struct Barrier {
    size: usize,
    state: Watchers<BarrierState>,
}

struct BarrierState {
    /// The number of tasks that have arrived in this round.
    arrived: usize,
    round: u64,
}

impl Barrier {
    /// Creates a barrier for `size` tasks. Zero counts as one.
    pub fn new(size: usize) -> Self {
        Barrier {
            size: size.max(1),
            state: Watchers::new(BarrierState {
                arrived: 0,
                round: 0,
            }),
        }
    }

    /// Waits until all tasks have arrived. The last one is the leader. Then the barrier can be used
    /// again.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: a task whose future is dropped is still counted.
    pub async fn wait(&self) -> BarrierWaitResult {
        // Counted even if the budget is spent, because the last to arrive is the leader.
        let (round, is_leader) = self.state.with(|state| state.arrive(self.size));
        if is_leader {
            self.state.wake();
        }
        let others = self
            .state
            .until(&"other tasks at a barrier (Barrier)", |state| {
                (state.round != round).then_some(())
            });
        others.await;
        BarrierWaitResult(is_leader)
    }
}

impl BarrierState {
    /// Counts a task. Returns its round, and whether it is the last of the round.
    fn arrive(&mut self, size: usize) -> (u64, bool) {
        let round = self.round;
        self.arrived += 1;
        let is_last = self.arrived == size;
        if is_last {
            self.arrived = 0;
            self.round += 1;
        }
        (round, is_last)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// The result of [`Barrier::wait`].
#[derive(Clone, Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Returns whether this task is the leader: the last one that arrived.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

assert_impl!(Barrier: Send + Sync);
