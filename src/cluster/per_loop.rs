//! Values that the loops take, each its own.

use std::fmt;
use std::sync::Mutex;

use crate::primitive;

/// A value for each loop of a [cluster](super), which takes it.
///
/// All loops run the same closure, which can capture this by reference.
///
/// # Examples
///
/// Each loop has a channel to the next one:
///
/// ```
/// use quintet::cluster::{self, PerLoop};
/// use quintet::sync::mpsc;
///
/// # fn main() -> std::io::Result<()> {
/// let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel(8)).unzip();
/// let receivers = PerLoop::new(receivers);
/// let received = cluster::run(3, async |member| {
///     let mut receiver = receivers.take(member.index());
///     let next = (member.index() + 1) % member.count();
///     senders[next].send(member.index()).await.unwrap();
///     std::io::Result::Ok(receiver.recv().await)
/// })?;
/// assert_eq!(received, [Some(2), Some(0), Some(1)]);
/// # Ok(())
/// # }
/// ```
pub struct PerLoop<T> {
    values: Box<[Mutex<Option<T>>]>,
}

impl<T> PerLoop<T> {
    /// Keeps `values`, of which loop 0 takes the first.
    pub fn new(values: impl IntoIterator<Item = T>) -> Self {
        let values = values.into_iter().map(|value| Mutex::new(Some(value)));
        PerLoop {
            values: values.collect(),
        }
    }

    /// Returns for how many loops there are values, including those that have been taken.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Takes the value of the loop with the number `index`.
    ///
    /// # Panics
    ///
    /// If that loop has taken its value, or if there is none for it.
    #[track_caller]
    pub fn take(&self, index: usize) -> T {
        let Some(value) = self.values.get(index) else {
            panic!(
                "loop {index} can take no value: there are {} values, for loops with lower \
                 numbers; make as many as the cluster has loops",
                self.count()
            );
        };
        match primitive::lock(value).take() {
            Some(value) => value,
            None => panic!("loop {index} has taken its value already"),
        }
    }
}

impl<T> fmt::Debug for PerLoop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerLoop")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::PerLoop;

    #[test]
    fn each_loop_takes_its_own() {
        let values = PerLoop::new(["a", "b"]);
        assert_eq!(values.count(), 2);
        assert_eq!(values.take(1), "b");
        assert_eq!(values.take(0), "a");
        assert_eq!(values.count(), 2);
    }

    #[test]
    #[should_panic(expected = "loop 0 has taken its value already")]
    fn none_takes_two() {
        let values = PerLoop::new(["a", "b"]);
        values.take(0);
        values.take(0);
    }

    #[test]
    #[should_panic(expected = "there are 2 values")]
    fn there_is_none_for_other_loops() {
        PerLoop::new(["a", "b"]).take(2);
    }
}
