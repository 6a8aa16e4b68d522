//! What `--metrics` serves, and that it is served only then.

use std::fs;

use super::site::Site;

/// The value of a sample in the text.
#[track_caller]
fn sample(text: &str, key: &str) -> u64 {
    let values = text.lines().filter_map(|line| line.strip_prefix(key));
    let mut values = values.filter_map(|rest| rest.strip_prefix(' '));
    let value = values.next().unwrap_or_else(|| panic!("no {key}: {text}"));
    assert!(values.next().is_none(), "{key} comes once: {text}");
    value.parse().expect("a whole number")
}

#[test]
fn the_numbers_of_the_runtime_are_served_as_open_metrics() {
    let site = Site::new();
    let server = site.serve_with(&["--metrics"]);
    let mut client = server.connect();
    client.send("GET", "/metrics", &[]);
    let first = client.response();
    assert_eq!(first.status, 200);
    assert_eq!(
        first.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = first.text();
    assert!(text.starts_with("# TYPE quintet_"), "{text}");
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    // The task of the server, the connection.
    assert!(sample(text, "quintet_tasks_alive") >= 2, "{text}");

    // Between the two: a file, for which a job runs.
    client.send("GET", "/small.txt", &[]);
    assert_eq!(client.response().status, 200);
    client.send("GET", "/metrics", &[]);
    let second = client.response();
    let jobs = "quintet_jobs_done_total{class=\"plain\"}";
    assert!(sample(second.text(), jobs) > sample(text, jobs));
    let ticks = "quintet_ticks_total";
    assert!(sample(second.text(), ticks) > sample(text, ticks));
}

#[test]
fn head_has_the_type_and_no_text() {
    let site = Site::new();
    let server = site.serve_with(&["--metrics"]);
    let mut client = server.connect();
    client.send("HEAD", "/metrics", &[]);
    let head = client.response();
    assert_eq!(head.status, 200);
    let content_type = head.header("content-type").expect("a type");
    assert!(content_type.starts_with("application/openmetrics-text"));
    // The connection goes on, so nothing followed the head.
    client.send("GET", "/small.txt", &[]);
    assert_eq!(client.response().status, 200);
    client.send("POST", "/metrics", &[("content-length", "0")]);
    assert_eq!(client.response().status, 405);
}

#[test]
fn without_the_option_it_is_a_path_like_others() {
    let site = Site::new();
    let server = site.serve();
    assert_eq!(server.get("/metrics").status, 404);
    fs::write(site.root().join("metrics"), "of the user").expect("a file");
    assert_eq!(server.get("/metrics").text(), "of the user");
}

#[test]
fn only_this_one_path_is_taken() {
    let site = Site::new();
    fs::create_dir(site.root().join("metrics")).expect("a directory");
    fs::write(site.root().join("metrics/file"), "of the user").expect("a file");
    let server = site.serve_with(&["--metrics"]);
    assert!(server.get("/metrics?since=1").text().ends_with("# EOF\n"));
    assert_eq!(server.get("/metrics/file").text(), "of the user");
    assert!(server.get("/metrics/").text().contains("file"));
    assert_eq!(server.get("/metrics.txt").status, 404);
}
