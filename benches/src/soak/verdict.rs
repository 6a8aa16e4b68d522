//! Whether anything grows: the last third of the samples beside the second.
//!
//! The first third is left out: there caches, buffers and the slabs of the loop grow to what the
//! load needs. What is compared is the median of each third.

use super::server::Status;
use crate::report::{Table, Timeline, number};

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    Memory,
    Descriptors,
    Tasks,
    Waits,
}

impl Quantity {
    pub(super) const ALL: [Quantity; 4] = [
        Quantity::Memory,
        Quantity::Descriptors,
        Quantity::Tasks,
        Quantity::Waits,
    ];

    fn title(self) -> &'static str {
        match self {
            Quantity::Memory => "resident memory (KiB)",
            Quantity::Descriptors => "descriptors",
            Quantity::Tasks => "tasks",
            Quantity::Waits => "timers, sockets and jobs waited for",
        }
    }

    fn of(self, status: &Status) -> u64 {
        match self {
            Quantity::Memory => status.resident / 1024,
            Quantity::Descriptors => status.descriptors,
            Quantity::Tasks => status.tasks,
            Quantity::Waits => status.waits,
        }
    }

    /// Returns the highest value that is not growth. The load itself varies from one moment to the
    /// next, and the allocator takes memory in pieces.
    fn limit(self, second: u64) -> u64 {
        match self {
            Quantity::Memory => second + second / 50 + 128,
            Quantity::Descriptors | Quantity::Tasks | Quantity::Waits => second + second / 20 + 4,
        }
    }
}

/// The samples of a quantity, and the medians of their thirds.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    quantity: Quantity,
    timeline: Timeline,
    thirds: [u64; 3],
}

impl Judged {
    /// Returns how it has grown, if it has.
    pub(super) fn fault(&self) -> Option<String> {
        let [_, second, last] = self.thirds;
        let limit = self.quantity.limit(second);
        (last > limit).then(|| {
            let title = self.quantity.title();
            format!("{title}: {second} in the second third, {last} in the last (at most {limit})")
        })
    }
}

impl AsRef<Timeline> for Judged {
    fn as_ref(&self) -> &Timeline {
        &self.timeline
    }
}

pub(super) fn judged(quantity: Quantity, samples: &[Status]) -> Judged {
    let values: Vec<u64> = samples.iter().map(|status| quantity.of(status)).collect();
    let third = values.len() / 3;
    let [first, second, last] = [
        &values[..third],
        &values[third..2 * third],
        &values[2 * third..],
    ];
    Judged {
        quantity,
        thirds: [median(first), median(second), median(last)],
        timeline: Timeline {
            title: quantity.title().to_owned(),
            values,
        },
    }
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// Makes a table with a row for each quantity.
pub(super) fn table(quantities: &[Judged]) -> Table {
    let mut table = Table::new(["what", "course"]);
    for column in ["first third", "second", "last", "at most"] {
        table.column(column);
    }
    for one in quantities {
        let [first, second, last] = one.thirds;
        let limit = one.quantity.limit(second);
        let mut cells = vec![one.timeline.title.clone(), one.timeline.course()];
        let numbers = [first, second, last, limit];
        cells.extend(numbers.map(|value| number(value as f64)));
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{Quantity, judged, table};
    use crate::soak::server::Status;

    fn samples(tasks: impl IntoIterator<Item = u64>) -> Vec<Status> {
        let status = |tasks| Status {
            tasks,
            ..Status::default()
        };
        tasks.into_iter().map(status).collect()
    }

    #[test]
    fn what_stays_or_falls_or_grows_at_first_only_is_no_fault() {
        let judge = |samples: &[Status]| judged(Quantity::Tasks, samples).fault();
        assert_eq!(judge(&samples([100; 90])), None);
        assert_eq!(judge(&samples((0..90).rev())), None);
        let growing_first = (0..90).map(|second| u64::min(second, 30) * 10);
        assert_eq!(judge(&samples(growing_first)), None);
        // One peak is not growth.
        let peak = (0..90).map(|second| if second == 80 { 1000 } else { 100 });
        assert_eq!(judge(&samples(peak)), None);
    }

    #[test]
    fn one_thing_more_in_each_second_is_a_fault() {
        let growing = samples((0..90).map(|second| 100 + second));
        let fault = judged(Quantity::Tasks, &growing).fault().unwrap();
        assert_eq!(
            fault,
            "tasks: 145 in the second third, 175 in the last (at most 156)"
        );
        let text = table(&[judged(Quantity::Tasks, &growing)]).to_string();
        assert!(text.contains("| tasks"), "{text}");
        assert!(text.contains("156"), "{text}");
    }
}
