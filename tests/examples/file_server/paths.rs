//! What a path leads to, and that it never leads out.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::client::Client;
use super::site::{SMALL, Site};

const SECRET: &str = "this must not be served";

/// A site with a secret beside its root, and one in a directory whose name begins like the root's.
fn site_with_secrets() -> Site {
    let site = Site::new();
    fs::write(site.outside().join("secret.txt"), SECRET).expect("a file");
    fs::create_dir(site.outside().join("www-private")).expect("a directory");
    fs::write(site.outside().join("www-private/secret.txt"), SECRET).expect("a file");
    fs::create_dir(site.root().join("sub")).expect("a directory");
    site
}

#[test]
fn no_spelling_leads_out() {
    let site = site_with_secrets();
    let server = site.serve();
    let absolute = site.outside().join("secret.txt");
    let absolute = absolute.display();
    for target in [
        "/../secret.txt",
        "/..",
        "/../",
        "/../www/small.txt",
        "/../www-private/secret.txt",
        "/sub/../../secret.txt",
        "/sub/../small.txt",
        "/./../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E/secret.txt",
        "/.%2e/secret.txt",
        "/%2e./secret.txt",
        "/..%2fsecret.txt",
        "/..%2Fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/sub%2f..%2f..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/%5c..%5c..%5csecret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/%c0%ae%c0%ae%c0%afsecret.txt",
        "/..%00/secret.txt",
        "/%00",
        "/small.txt%00",
        "/small.txt%00.html",
        "/..;/secret.txt",
        "/.../secret.txt",
        "/~/secret.txt",
        "//../secret.txt",
        "/hash/../../secret.txt",
        "/hash/%2e%2e/secret.txt",
        "/hash//../secret.txt",
        "/live/../../secret.txt",
        "http://test/../secret.txt",
        "http://test/%2e%2e/secret.txt",
        &format!("/{absolute}"),
        &format!("{absolute}"),
        &format!("/hash{absolute}"),
        &format!("/%2f{absolute}"),
    ] {
        let response = server.get(target);
        assert!(
            matches!(response.status, 400 | 404),
            "{target}: {}",
            response.status
        );
        assert!(!response.text().contains(SECRET), "{target}");
    }
    server.assert_serves();
}

#[test]
fn links_are_followed_inside_and_forbidden_out() {
    let site = site_with_secrets();
    let root = site.root();
    let link = |target: &str, name: &str| symlink(target, root.join(name)).expect("a link");
    link("small.txt", "relative");
    link(&root.join("small.txt").display().to_string(), "absolute");
    link("../small.txt", "sub/up");
    link("sub", "dir");
    link("relative", "chain");
    link("../secret.txt", "out");
    link(
        &site.outside().join("secret.txt").display().to_string(),
        "out-absolute",
    );
    link("..", "out-dir");
    link("../www-private", "sibling");
    link("out", "out-chain");
    link("/dev/null", "device");
    link("/dev/zero", "endless");
    link("nowhere", "dangling");
    link("loop", "loop");
    let server = site.serve();

    for (target, status) in [
        ("/relative", 200),
        ("/absolute", 200),
        ("/sub/up", 200),
        ("/dir/up", 200),
        ("/chain", 200),
        ("/dir", 301),
        ("/out", 403),
        ("/out-absolute", 403),
        ("/out-chain", 403),
        ("/out-dir", 403),
        ("/out-dir/", 403),
        ("/out-dir/secret.txt", 403),
        ("/sibling/secret.txt", 403),
        ("/hash/out", 403),
        ("/device", 403),
        ("/endless", 403),
        ("/dangling", 404),
        ("/loop", 403),
        // Out, and in again.
        ("/out-dir/www/small.txt", 200),
    ] {
        let response = server.get(target);
        assert_eq!(response.status, status, "{target}");
        match status {
            200 => assert_eq!(response.body, SMALL, "{target}"),
            _ => assert!(!response.text().contains(SECRET), "{target}"),
        }
    }

    // A listing has links to what can be had only.
    fs::remove_file(root.join("index.html")).expect("the index");
    let listing = server.get("/");
    let text = listing.text();
    assert!(text.contains("<a href=\"relative\">"), "{text}");
    assert!(text.contains("<a href=\"dir/\">"), "{text}");
    assert!(!text.contains("<a href=\"out"), "{text}");
    assert!(text.contains("<td>out-absolute</td>"), "{text}");
    assert!(!text.contains("<a href=\"../\">"), "{text}");
}

/// Another process swaps a directory for a link that leads out, and back, all the time.
#[test]
fn no_moment_is_a_way_out() {
    let site = site_with_secrets();
    let (sub, parked) = (site.root().join("sub"), site.root().join("parked"));
    let link = site.root().join("link");
    fs::write(sub.join("secret.txt"), SMALL).expect("a file");
    fs::write(site.outside().join("www-private/secret-name"), SECRET).expect("a file");
    symlink("../www-private", &link).expect("a link");
    let server = site.serve_with(&["--quiet"]);
    let addr = server.addr;

    let is_done = AtomicBool::new(false);
    let responses = thread::scope(|scope| {
        scope.spawn(|| {
            let swap = |from: &PathBuf, to| fs::rename(from, to).expect("a new place");
            while !is_done.load(Ordering::Relaxed) {
                swap(&sub, &parked);
                swap(&link, &sub);
                swap(&sub, &link);
                swap(&parked, &sub);
            }
        });
        let asking = scope.spawn(|| {
            let mut client = Client::connect(addr);
            let ask = |target| {
                client.send("GET", target, &[]);
                client.response()
            };
            let targets = ["/sub/secret.txt", "/sub/"].into_iter().cycle();
            targets.take(2000).map(ask).collect::<Vec<_>>()
        });
        let responses = asking.join();
        is_done.store(true, Ordering::Relaxed);
        responses
    });
    for response in responses.expect("all requests have a response") {
        let (status, text) = (response.status, response.text());
        assert!(matches!(status, 200 | 403 | 404), "{status}");
        assert!(
            !text.contains(SECRET) && !text.contains("secret-name"),
            "{text}"
        );
    }
}

#[test]
fn what_begins_with_a_dot_is_hidden() {
    let site = Site::new();
    let root = site.root();
    for dir in [".git/objects", "sub/.cache", "sub/shown"] {
        fs::create_dir_all(root.join(dir)).expect("a directory");
    }
    for file in [
        ".env",
        ".git/config",
        ".git/index.html",
        "sub/.cache/x",
        "sub/a.b",
    ] {
        site.write(file, SMALL);
    }
    symlink(".git/config", root.join("shown")).expect("a link");
    symlink("small.txt", root.join(".shown")).expect("a link");
    fs::remove_file(root.join("index.html")).expect("the index");
    let hidden = [
        "/.env",
        "/.git",
        "/.git/",
        "/.git/config",
        "/.git/objects/",
        "/.git/nowhere",
        "/%2egit/config",
        "/./.git/config",
        "//.git//config",
        "/sub/.cache/x",
        "/.shown",
        "/hash/.env",
        "/hash/.git/config",
        "/hash/%2Eenv",
    ];

    let server = site.serve();
    for target in hidden {
        let response = server.get(target);
        assert_eq!(response.status, 404, "{target}");
        // Nothing says that there is something.
        let text = response.text().replace(target, "");
        let nowhere = server.get("/nowhere").text().replace("/nowhere", "");
        assert_eq!(text, nowhere, "{target}");
    }
    for target in ["/", "/sub/"] {
        let listing = server.get(target);
        for name in [".env", ".git", ".cache", ".shown"] {
            assert!(!listing.text().contains(name), "{}", listing.text());
        }
    }
    assert!(server.get("/sub/").text().contains("<a href=\"a.b\">"));
    assert_eq!(server.get("/shown").body, SMALL, "by the name of the link");

    let server = site.serve_with(&["--hidden"]);
    for target in hidden {
        let expected = match target {
            "/.git" => 301,
            "/.git/nowhere" => 404,
            _ => 200,
        };
        assert_eq!(server.get(target).status, expected, "{target}");
    }
    let listing = server.get("/");
    assert!(
        listing.text().contains("<a href=\".git/\">"),
        "{}",
        listing.text()
    );
    assert_eq!(server.get("/../small.txt").status, 400);
}

#[test]
fn an_index_is_a_file_of_the_site() {
    let site = site_with_secrets();
    let index = site.root().join("sub/index.html");
    let server = site.serve();

    symlink("../../secret.txt", &index).expect("a link");
    assert_eq!(server.get("/sub/").status, 403);

    fs::remove_file(&index).expect("the link");
    fs::create_dir(&index).expect("a directory");
    assert!(server.get("/sub/").text().contains("index.html/"));
}

#[test]
fn what_is_no_file_is_forbidden_and_blocks_no_client() {
    let site = Site::new();
    let fifo = site.root().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo can be run").success());
    let _socket = UnixListener::bind(site.root().join("socket")).expect("a socket");
    let server = site.serve();

    // More often than there are workers.
    for _ in 0..5 {
        assert_eq!(server.get("/fifo").status, 403);
        assert_eq!(server.get("/hash/fifo").status, 403);
        assert_eq!(server.get("/socket").status, 403);
    }
    fs::remove_file(site.root().join("index.html")).expect("the index");
    assert!(server.get("/").text().contains("<td>fifo</td>"));
}

#[test]
fn a_file_that_gets_shorter_ends_its_response_early() {
    let site = Site::new();
    site.write_big();
    let server = site.serve();
    let mut client = server.connect();
    client.send("GET", "/big", &[]);
    assert_eq!(client.head().header("content-length"), Some("1073741824"));
    client.bytes(1000);

    let file = fs::File::options()
        .write(true)
        .open(site.root().join("big"));
    file.expect("a file").set_len(1000).expect("a shorter file");

    // The client can tell, for it does not get what was announced.
    assert!(client.rest().len() < 1 << 30);
    server.wait_for_error("unexpected end of file");
    server.assert_serves();
}
