//! The numbers of a runtime, as a recorder of the crate `metrics` gets them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit, with_local_recorder,
};
use quintet::runtime::{Builder, Metrics, MetricsFeed, Runtime};
use quintet::task::{set_immediate, yield_now};
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking};

use crate::panics::{on_panic, panic_message};
use crate::random::Random;

#[derive(Debug, Default)]
struct Records {
    counters: BTreeMap<String, u64>,
    gauges: BTreeMap<String, f64>,
    /// The values with their numbers.
    histograms: BTreeMap<String, Vec<(f64, usize)>>,
    /// By name: the kind, the unit, the text.
    described: BTreeMap<String, (&'static str, Option<Unit>, String)>,
    descriptions: usize,
}

/// A recorder that notes what it is told.
#[derive(Clone, Debug, Default)]
struct Ledger(Arc<Mutex<Records>>);

/// One key of it.
struct Entry {
    key: String,
    ledger: Ledger,
}

impl Ledger {
    fn entry(&self, key: &Key) -> Arc<Entry> {
        Arc::new(Entry {
            key: text(key),
            ledger: self.clone(),
        })
    }

    fn describe(&self, kind: &'static str, name: KeyName, unit: Option<Unit>, text: SharedString) {
        let mut records = self.0.lock().unwrap();
        records.descriptions += 1;
        let described = (kind, unit, text.into_owned());
        records
            .described
            .insert(name.as_str().to_owned(), described);
    }

    fn counter(&self, key: &str) -> u64 {
        self.0.lock().unwrap().counters[key]
    }

    fn gauge(&self, key: &str) -> f64 {
        self.0.lock().unwrap().gauges[key]
    }

    fn histogram(&self, key: &str) -> Vec<(f64, usize)> {
        let records = self.0.lock().unwrap();
        records.histograms.get(key).cloned().unwrap_or_default()
    }
}

/// A key as Prometheus writes it.
fn text(key: &Key) -> String {
    let labels: Vec<String> = key
        .labels()
        .map(|label| format!("{}=\"{}\"", label.key(), label.value()))
        .collect();
    match labels.is_empty() {
        true => key.name().to_owned(),
        false => format!("{}{{{}}}", key.name(), labels.join(",")),
    }
}

impl Recorder for Ledger {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe("counter", key, unit, text);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe("gauge", key, unit, text);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe("histogram", key, unit, text);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.entry(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.entry(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.entry(key))
    }
}

impl CounterFn for Entry {
    fn increment(&self, _: u64) {
        panic!("the runtime knows how much it has counted");
    }

    fn absolute(&self, value: u64) {
        let mut records = self.ledger.0.lock().unwrap();
        let before = records.counters.insert(self.key.clone(), value);
        assert!(before <= Some(value), "{} falls", self.key);
    }
}

impl GaugeFn for Entry {
    fn increment(&self, _: f64) {
        panic!("the runtime knows the value");
    }

    fn decrement(&self, _: f64) {
        panic!("the runtime knows the value");
    }

    fn set(&self, value: f64) {
        let mut records = self.ledger.0.lock().unwrap();
        records.gauges.insert(self.key.clone(), value);
    }
}

impl HistogramFn for Entry {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        let mut records = self.ledger.0.lock().unwrap();
        let values = records.histograms.entry(self.key.clone()).or_default();
        values.push((value, count));
    }
}

fn feed_of(runtime: &Runtime) -> MetricsFeed {
    MetricsFeed::new(runtime.handle().clone())
}

#[test]
fn counters_and_gauges_are_those_of_the_runtime() {
    let ledger = Ledger::default();
    let runtime = Builder::new().measure(false).build().unwrap();
    runtime.block_on(async {
        spawn(yield_now()).await.unwrap();
        set_immediate(|| ()).await.unwrap();
        spawn_blocking(|| ()).await.unwrap();
        drop(spawn(std::future::pending::<()>()));
    });
    with_local_recorder(&ledger, || feed_of(&runtime).send());

    let metrics = runtime.metrics();
    assert_eq!(
        ledger.counter("quintet_tasks_spawned"),
        metrics.tasks.spawned
    );
    assert_eq!(ledger.counter("quintet_ticks"), metrics.ticks);
    assert_eq!(ledger.counter("quintet_jobs_done{class=\"plain\"}"), 1);
    assert_eq!(ledger.counter("quintet_callbacks{phase=\"check\"}"), 2);
    assert_eq!(ledger.gauge("quintet_tasks_alive"), 1.0);
    assert_eq!(ledger.gauge("quintet_threads{pool=\"worker\"}"), 1.0);
    let active = ledger.gauge("quintet_active_seconds");
    assert!(active > 0.0 && active <= metrics.utilization.active.as_secs_f64());
    assert!(ledger.0.lock().unwrap().histograms.is_empty());
}

/// What the text for Prometheus has, without histograms: the key, without `_total`, and the value.
fn exposed(metrics: &Metrics) -> BTreeMap<String, f64> {
    let text = metrics.to_prometheus();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (key, value) = line.rsplit_once(' ').unwrap();
            (key.replacen("_total", "", 1), value.parse().unwrap())
        })
        .collect()
}

#[test]
fn all_that_the_text_for_prometheus_has_is_sent() {
    let mut random = Random(15);
    for name in [None, Some("one"), Some("two words")] {
        let mut builder = Builder::new();
        builder.measure(false).seed(15).start_paused(true);
        if let Some(name) = name {
            builder.name(name);
        }
        let runtime = builder.build().unwrap();
        let ledger = Ledger::default();
        let mut feed = feed_of(&runtime);
        for _ in 0..3 {
            let tasks = random.below(20);
            runtime.block_on(async move {
                for i in 0..tasks {
                    drop(spawn(sleep(Duration::from_millis(i as u64))));
                    drop(spawn_blocking(|| ()));
                }
                sleep(Duration::from_millis(9)).await;
            });
            with_local_recorder(&ledger, || feed.send());
            let mut expected = exposed(&runtime.metrics());
            let records = ledger.0.lock().unwrap();
            let counters = records.counters.iter();
            let counters = counters.map(|(key, value)| (key.clone(), *value as f64));
            let mut sent: BTreeMap<_, _> = counters.chain(records.gauges.clone()).collect();
            // Time passes between the two.
            let label = name.map(|name| format!("{{runtime=\"{name}\"}}"));
            let idle = format!("quintet_idle_seconds{}", label.unwrap_or_default());
            assert!(sent.remove(&idle).unwrap() <= expected.remove(&idle).unwrap());
            assert_eq!(sent, expected);
        }
    }
}

/// The names of these keys, without their labels.
fn names<T>(values: &BTreeMap<String, T>) -> BTreeSet<&str> {
    let names = values.keys().map(|key| key.split('{').next());
    names.map(Option::unwrap).collect()
}

#[test]
fn each_name_is_described_once() {
    let ledger = Ledger::default();
    let runtime = Builder::new().measure(true).build().unwrap();
    let mut feed = feed_of(&runtime);
    with_local_recorder(&ledger, || {
        feed.send();
        feed.send();
    });

    let records = ledger.0.lock().unwrap();
    let described = |kind| {
        let all = records.described.iter();
        let all = all.filter(|(_, (own, ..))| *own == kind);
        all.map(|(name, _)| &**name).collect::<BTreeSet<_>>()
    };
    assert_eq!(described("counter"), names(&records.counters));
    assert_eq!(described("gauge"), names(&records.gauges));
    let histograms = described("histogram");
    assert!(histograms.contains("quintet_poll_duration_seconds"));
    for (name, (_, unit, text)) in &records.described {
        let is_in_seconds = name.ends_with("_seconds");
        let expected = if is_in_seconds {
            Unit::Seconds
        } else {
            Unit::Count
        };
        assert_eq!(*unit, Some(expected), "{name}");
        assert!(text.ends_with('.'), "{name}: {text}");
    }
    assert_eq!(records.descriptions, records.described.len());
}

#[test]
fn histograms_get_each_duration_once() {
    let ledger = Ledger::default();
    let runtime = Builder::new()
        .measure(true)
        .start_paused(true)
        .build()
        .unwrap();
    let mut feed = feed_of(&runtime);
    for round in 1..=3 {
        runtime.block_on(async {
            for _ in 0..10 {
                sleep(Duration::from_millis(1)).await;
            }
        });
        with_local_recorder(&ledger, || feed.send());
        let metrics = runtime.metrics();
        let times = metrics.poll_times.as_ref().unwrap();
        let sent = ledger.histogram("quintet_poll_duration_seconds");
        let count: usize = sent.iter().map(|(_, count)| count).sum();
        assert_eq!(count as u64, times.count());
        let sum: f64 = sent
            .iter()
            .map(|(value, count)| value * *count as f64)
            .sum();
        let (low, slack) = (times.sum().as_secs_f64(), 16e-9 * count as f64);
        assert!(low <= sum && sum <= low * 1.25 + slack, "{sum} for {low}");
        let longest = sent.iter().map(|(value, _)| *value).fold(0.0, f64::max);
        assert!(longest <= times.max().as_secs_f64());
        let late = ledger.histogram("quintet_timer_lateness_seconds");
        assert_eq!(
            late.iter().map(|(_, count)| count).sum::<usize>(),
            10 * round
        );
    }
}

#[test]
fn a_feed_sends_in_each_period_and_does_not_keep_the_runtime_alive() {
    let ledger = Ledger::default();
    let runtime = Builder::new()
        .name("fed")
        .start_paused(true)
        .build()
        .unwrap();
    with_local_recorder(&ledger, || {
        let feed = feed_of(&runtime);
        runtime
            .spawn(feed.send_each(Duration::from_secs(1)))
            .unref();
        let key = "quintet_timers_armed{runtime=\"fed\"}";
        let seen = ledger.clone();
        drop(runtime.spawn(async move {
            sleep(Duration::from_millis(100)).await;
            let first = seen.counter(key);
            sleep(Duration::from_millis(800)).await;
            assert_eq!(seen.counter(key), first);
            sleep(Duration::from_millis(200)).await;
            assert!(seen.counter(key) > first);
        }));
        runtime.run().unwrap();
    });
}

#[test]
fn a_period_of_zero_is_refused() {
    on_panic(|_| {});
    let runtime = Builder::new().build().unwrap();
    let feed = feed_of(&runtime);
    let message = panic_message(|| runtime.block_on(feed.send_each(Duration::ZERO)));
    assert!(message.contains("period"), "{message}");
}

#[test]
fn without_a_recorder_nothing_happens() {
    let runtime = Builder::new().build().unwrap();
    let mut feed = feed_of(&runtime);
    feed.send();
    feed.send();
    let ledger = Ledger::default();
    with_local_recorder(&ledger, || feed.send());
    assert_eq!(ledger.counter("quintet_ticks"), runtime.metrics().ticks);
}
