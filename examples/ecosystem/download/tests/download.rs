//! The program, as a child, with a server of the test that breaks off.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

const PROGRAM: &str = env!("CARGO_BIN_EXE_download");

fn sample() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n % 249) as u8).collect()
}

/// Serves `sample` from each path; breaks off the first response of `/broken` in the middle.
fn started() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        let mut requests = HashMap::new();
        while let Ok((stream, _)) = listener.accept() {
            let path = path_and_range(&stream);
            let Some((path, from)) = path else { continue };
            let count = requests.entry(path.clone()).or_insert(0);
            *count += 1;
            let is_cut = path == "/broken" && *count == 1;
            respond(stream, &path, from, is_cut);
        }
    });
    addr
}

fn path_and_range(mut stream: &TcpStream) -> Option<(String, Option<usize>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?.to_lowercase();
    let path = head.split(' ').nth(1)?.to_owned();
    let range = head
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes="));
    let from = range.and_then(|range| range.trim_end_matches('-').parse().ok());
    Some((path, from))
}

fn respond(mut stream: TcpStream, path: &str, from: Option<usize>, is_cut: bool) {
    let sample = sample();
    let head = match from {
        _ if path == "/missing" => "HTTP/1.1 404 Not Found\r\ncontent-length: 0".to_owned(),
        Some(from) if from >= sample.len() => format!(
            "HTTP/1.1 416 Range\r\ncontent-range: bytes */{}\r\ncontent-length: 0",
            sample.len()
        ),
        Some(from) => format!(
            "HTTP/1.1 206 Partial\r\ncontent-length: {}",
            sample.len() - from
        ),
        None => format!("HTTP/1.1 200 OK\r\ncontent-length: {}", sample.len()),
    };
    let mut body = &sample[from.unwrap_or(0).min(sample.len())..];
    if is_cut {
        body = &body[..100_000];
    }
    if path == "/missing" {
        body = &[];
    }
    let head = format!("{head}\r\nconnection: close\r\n\r\n");
    // The client may go at any time.
    let _gone = stream.write_all(head.as_bytes());
    let _gone = stream.write_all(body);
    let _gone = stream.shutdown(Shutdown::Write);
    let _gone = stream.read_to_end(&mut Vec::new());
}

fn download(dir: &tempfile::TempDir, addr: &str, paths: &[&str]) -> Output {
    let urls = paths.iter().map(|path| format!("http://{addr}{path}"));
    let output = Command::new(PROGRAM).arg(dir.path()).args(urls).output();
    output.expect("it has been built")
}

#[test]
fn several_files_are_downloaded() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = download(&dir, &started(), &["/a", "/b", "/c", "/d", "/e", "/f"]);
    assert!(output.status.success(), "{output:?}");
    for name in ["a", "b", "c", "d", "e", "f"] {
        assert!(fs::read(dir.path().join(name)).expect("it is there") == sample());
    }
}

#[test]
fn a_download_that_broke_off_goes_on() {
    let (dir, addr) = (tempfile::tempdir().expect("a directory"), started());
    let output = download(&dir, &addr, &["/broken"]);
    assert!(!output.status.success());
    let part = dir.path().join("broken.part");
    assert!(fs::read(&part).expect("it is there") == sample()[..100_000]);
    assert!(!dir.path().join("broken").exists());

    let output = download(&dir, &addr, &["/broken"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.ends_with("/broken: 300000 bytes, from 100000\n"),
        "{text}"
    );
    assert!(fs::read(dir.path().join("broken")).expect("it is there") == sample());
    assert!(!part.exists());

    // One that was received whole, and not renamed.
    fs::write(&part, sample()).expect("it is written");
    let output = download(&dir, &addr, &["/broken"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn errors_name_what_cannot_be_downloaded() {
    let (dir, addr) = (tempfile::tempdir().expect("a directory"), started());
    let output = download(&dir, &addr, &["/missing", "/a"]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("/missing: 404"), "{text}");
    // The other one is not lost for that.
    assert!(dir.path().join("a").exists());
    assert!(!dir.path().join("missing").exists());
    let output = download(&dir, &addr, &["/"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no name for a file"));
}
