//! The text for Prometheus, read by a small parser with the rules of `OpenMetrics` 1.0.

#![expect(
    clippy::cognitive_complexity,
    clippy::too_many_lines,
    reason = "each assertion counts, and the rules are easier to read in one place"
)]

use std::collections::{BTreeMap, BTreeSet};

use quintet::runtime::{Builder, Metrics};
use quintet::time::{Duration, sleep};
use quintet::{spawn, spawn_blocking};

/// A sample: its name, its labels, its value.
type Sample = (String, BTreeMap<String, String>, f64);

#[derive(Debug, Default)]
struct Family {
    kind: String,
    unit: Option<String>,
    help: String,
    samples: Vec<Sample>,
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Parses `{key="value",…}`, which may be absent, and returns it with the rest.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut found = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return (found, text);
    };
    loop {
        let (key, after) = rest.split_once("=\"").expect("a label has a value");
        assert!(is_name(key), "{key}");
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().expect("the value ends") {
                (end, '"') => break end,
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("`{c}` must not be escaped"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(
            found.insert(key.to_owned(), value).is_none(),
            "{key} comes once"
        );
        rest = &after[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return (found, after);
        }
        rest = rest
            .strip_prefix(',')
            .expect("labels are divided by commas");
    }
}

/// Parses a text, and checks that each family is whole, in one place, and named by its type.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut last = String::new();
    let body = text.strip_suffix("# EOF\n").expect("the end is marked");
    assert!(!body.contains("# EOF"));
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let mut word = || words.next().expect("three words");
            let (what, name, value) = (word(), word(), word());
            assert!(is_name(name));
            if name != last {
                assert!(!families.contains_key(name), "{name} is in one place");
                last = name.to_owned();
            }
            let family = families.entry(name.to_owned()).or_default();
            assert!(family.samples.is_empty(), "descriptions come first");
            match what {
                "TYPE" => {
                    assert!(["counter", "gauge", "histogram"].contains(&value));
                    assert!(std::mem::replace(&mut family.kind, value.to_owned()).is_empty());
                }
                "UNIT" => {
                    assert!(
                        name.ends_with(&format!("_{value}")),
                        "{name} ends with its unit"
                    );
                    assert!(family.unit.replace(value.to_owned()).is_none());
                }
                "HELP" => {
                    assert!(!value.contains('\\') && value.ends_with('.'));
                    assert!(std::mem::replace(&mut family.help, value.to_owned()).is_empty());
                }
                other => panic!("{other}"),
            }
        } else {
            let end = line.find(['{', ' ']).expect("a sample has a value");
            let (name, rest) = line.split_at(end);
            let (labels, rest) = labels(rest);
            let value: f64 = rest.strip_prefix(' ').unwrap().parse().unwrap();
            let family = families
                .get_mut(&last)
                .expect("a sample follows its family");
            let suffix = name
                .strip_prefix(&last)
                .expect("a sample has the name of its family");
            let is_of_kind = match family.kind.as_str() {
                "counter" => suffix == "_total",
                "gauge" => suffix.is_empty(),
                _ => ["_bucket", "_count", "_sum"].contains(&suffix),
            };
            assert!(is_of_kind, "{line}");
            assert!(value >= 0.0, "{line}");
            family.samples.push((name.to_owned(), labels, value));
        }
    }
    for (name, family) in &families {
        assert!(!family.kind.is_empty() && !family.help.is_empty(), "{name}");
        assert_eq!(name.ends_with("_seconds"), family.unit.is_some(), "{name}");
        let places: BTreeSet<_> = family
            .samples
            .iter()
            .map(|(name, labels, _)| (name, labels))
            .collect();
        assert_eq!(
            places.len(),
            family.samples.len(),
            "{name}: no sample comes twice"
        );
        if family.kind == "histogram" {
            check_histogram(family);
        }
    }
    families
}

/// Checks that the buckets of each histogram rise, and end with all.
fn check_histogram(family: &Family) {
    let mut all: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (name, labels, value) in &family.samples {
        let mut labels = labels.clone();
        if let Some(limit) = labels.remove("le") {
            assert!(name.ends_with("_bucket"));
            let limit = limit.replace("+Inf", "inf").parse().unwrap();
            all.entry(labels).or_default().push((limit, *value));
        } else if name.ends_with("_count") {
            counts.insert(labels, *value);
        }
    }
    assert_eq!(all.len(), counts.len());
    for (labels, buckets) in all {
        assert!(buckets.is_sorted_by(|one, other| one.0 < other.0 && one.1 <= other.1));
        assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, counts[&labels]));
    }
}

/// Returns the sum of the samples of this name that have the label, if one is given.
fn value(families: &BTreeMap<String, Family>, name: &str, label: Option<(&str, &str)>) -> f64 {
    let samples = families.values().flat_map(|family| &family.samples);
    let has = |labels: &BTreeMap<String, String>| {
        label.is_none_or(|(key, value)| labels.get(key).is_some_and(|found| found == value))
    };
    let values = samples.filter(|(found, labels, _)| found == name && has(labels));
    values.map(|(.., value)| value).sum()
}

fn busy(name: &str, measure: bool) -> Metrics {
    let runtime = Builder::new().name(name).measure(measure).build().unwrap();
    runtime.block_on(async {
        spawn(async {}).await.unwrap();
        spawn_blocking(|| ()).await.unwrap();
        sleep(Duration::from_millis(1)).await;
    });
    runtime.metrics()
}

#[test]
fn the_text_is_valid_and_has_the_numbers() {
    for measure in [true, false] {
        let metrics = busy("a \"name\"\nwith \\", measure);
        let families = parse(&metrics.to_prometheus());
        let count = |name, label| value(&families, name, label) as u64;
        for family in families.values() {
            for (_, labels, _) in &family.samples {
                assert_eq!(labels["runtime"], "a \"name\"\nwith \\");
            }
        }
        assert_eq!(count("quintet_ticks_total", None), metrics.ticks);
        assert_eq!(count("quintet_sleeps_total", None), metrics.sleeps);
        assert_eq!(count("quintet_polls_total", None), metrics.polls());
        assert_eq!(count("quintet_callbacks_total", None), metrics.callbacks());
        let timers = Some(("phase", "timers"));
        assert_eq!(count("quintet_callbacks_total", timers), 1);
        assert_eq!(
            count("quintet_polls_total", Some(("phase", "start"))),
            metrics.start.polls
        );
        let by = |by| count("quintet_wakes_total", Some(("by", by)));
        assert_eq!((by("timer"), by("message")), (1, 1));
        assert_eq!(by("task"), metrics.wakes.queued);
        assert_eq!(count("quintet_tasks_spawned_total", None), 3);
        assert_eq!(count("quintet_tasks_alive", None), 0);
        let returned = Some(("outcome", "returned"));
        assert_eq!(count("quintet_tasks_finished_total", returned), 3);
        assert_eq!(
            count("quintet_jobs_done_total", Some(("class", "plain"))),
            1
        );
        assert_eq!(count("quintet_threads", Some(("pool", "worker"))), 1);
        assert_eq!(count("quintet_timers_armed_total", None), 1);
        let active = value(&families, "quintet_active_seconds_total", None);
        assert!((active - metrics.utilization.active.as_secs_f64()).abs() < 1e-9);
        let has = |name: &str| families.contains_key(name);
        assert_eq!(has("quintet_poll_duration_seconds"), measure);
        if measure {
            let polls = count("quintet_poll_duration_seconds_count", None);
            assert_eq!(polls, metrics.polls());
            let runs = count("quintet_job_run_seconds_count", Some(("class", "plain")));
            assert_eq!(runs, 1);
            assert_eq!(count("quintet_timer_lateness_seconds_count", None), 1);
            assert_eq!(count("quintet_phase_duration_seconds_count", timers), 1);
            let sum = value(&families, "quintet_poll_duration_seconds_sum", None);
            let expected = metrics.poll_times.as_ref().unwrap().sum().as_secs_f64();
            assert!((sum - expected).abs() < 1e-9);
        }
    }
}

#[test]
fn several_runtimes_share_one_text() {
    let all = [busy("one", true), busy("other", false)];
    let families = parse(&Metrics::prometheus_of(&all));
    let ticks = |name| value(&families, "quintet_ticks_total", Some(("runtime", name))) as u64;
    assert_eq!((ticks("one"), ticks("other")), (all[0].ticks, all[1].ticks));
}

#[test]
fn a_runtime_without_a_name_has_no_label_for_it() {
    let runtime = quintet::runtime::Runtime::new().unwrap();
    let text = runtime.metrics().to_prometheus();
    let families = parse(&text);
    assert!(families["quintet_ticks"].samples[0].1.is_empty());
    assert!(text.contains("\nquintet_ticks_total 0\n"));
}
