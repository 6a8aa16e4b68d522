//! What is served, and what is said about it.

use std::ffi::OsStr;
use std::fs;
use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::{Request, Response};
use quintet::net::TcpStream;

use super::site::{CHUNK, SMALL, Server, Site, pattern, set_modified};

/// Fetches with the client of hyper, which knows nothing of this server.
fn fetch(server: &Server, target: &str) -> Response<Bytes> {
    quintet::block_on(async {
        let stream = TcpStream::connect(server.addr).await;
        let stream = stream.expect("the server listens");
        let (mut sender, connection) = handshake(stream).await.expect("a connection");
        let connection = quintet::spawn(connection);
        let request = Request::get(target).header("host", "test");
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        let response = sender.send_request(request).await.expect("a response");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body");
        drop(sender);
        let ended = connection.await.expect("no panic");
        ended.expect("an orderly end");
        Response::from_parts(head, body.to_bytes())
    })
}

#[test]
fn files_arrive_byte_for_byte() {
    let site = Site::new();
    let server = site.serve();
    for len in [0, 1, 4095, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 17] {
        let contents = pattern(len);
        site.write("file.bin", &contents);

        let fetched = fetch(&server, "/file.bin");
        assert_eq!(fetched.status(), 200);
        assert!(*fetched.body() == contents, "{len} bytes");
        let response = server.get("/file.bin");
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-length"), Some(&*len.to_string()));
        assert!(response.body == contents, "{len} bytes");
    }
}

#[test]
fn types_go_by_the_extension() {
    let site = Site::new();
    let server = site.serve();
    for (name, expected) in [
        ("a.html", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.PNG", "image/png"),
        ("a.wasm", "application/wasm"),
        ("a.unknown", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ] {
        site.write(name, b"x");
        let response = fetch(&server, &format!("/{name}"));
        assert_eq!(response.status(), 200);
        let content_type = response.headers().get("content-type");
        assert_eq!(content_type.expect("a type"), expected, "{name}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[test]
fn a_head_is_the_head_of_a_get() {
    let site = Site::new();
    let server = site.serve();
    let mut client = server.connect();
    for target in ["/small.txt", "/", "/nowhere", "/live"] {
        client.send("HEAD", target, &[]);
        let head = client.response();

        let get = match target {
            "/live" => continue,
            target => server.get(target),
        };
        assert_eq!(head.status, get.status, "{target}");
        for name in [
            "content-type",
            "content-length",
            "etag",
            "last-modified",
            "accept-ranges",
        ] {
            assert_eq!(head.header(name), get.header(name), "{name} of {target}");
        }
    }
    // Had a body come, this would begin with it.
    client.send("GET", "/small.txt", &[]);
    assert_eq!(client.response().body, SMALL);
}

#[test]
fn versions_are_told_and_recognised() {
    let site = Site::new();
    let path = site.write("page.txt", b"the first version");
    set_modified(&path, 784_111_777);
    let server = site.serve();

    let first = server.get("/page.txt");
    let etag = first.header("etag").expect("a tag");
    let date = first.header("last-modified").expect("a date");
    assert_eq!(date, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(first.header("accept-ranges"), Some("bytes"));

    for (name, value, status) in [
        ("If-Modified-Since", date, 304),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 200),
        ("If-None-Match", etag, 304),
        ("If-None-Match", "\"another\"", 200),
        ("If-Match", "\"another\"", 412),
        ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 412),
    ] {
        for method in ["GET", "HEAD"] {
            let mut client = server.connect();
            client.send(method, "/page.txt", &[(name, value)]);
            let response = client.response();
            assert_eq!(response.status, status, "{method} {name}: {value}");
            if status == 304 {
                assert_eq!(response.header("etag"), Some(etag));
                assert_eq!(response.header("last-modified"), Some(date));
            }
        }
    }

    let path = site.write("page.txt", b"the other version");
    set_modified(&path, 784_111_778);
    for condition in [("If-None-Match", etag), ("If-Modified-Since", date)] {
        let response = server.get_with("/page.txt", &[condition]);
        assert_eq!(response.body, b"the other version");
    }
}

#[test]
fn a_directory_is_its_index_or_a_listing() {
    let site = Site::new();
    fs::create_dir_all(site.root().join("sub/deep")).expect("new directories");
    site.write("sub/notes.txt", &[b'x'; 1536]);
    let server = site.serve();

    let index = fs::read(site.root().join("index.html")).expect("the index");
    assert_eq!(server.get("/").body, index);

    let moved = server.get("/sub?query");
    assert_eq!(moved.status, 301);
    assert_eq!(moved.header("location"), Some("/sub/"));

    let listing = server.get("/sub/");
    assert_eq!(listing.status, 200);
    assert_eq!(
        listing.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let text = listing.text();
    assert!(text.contains("<a href=\"../\">"), "{text}");
    assert!(text.contains("<a href=\"deep/\">deep/</a>"), "{text}");
    assert!(
        text.contains("<a href=\"notes.txt\">notes.txt</a></td><td>1.5 KiB"),
        "{text}"
    );
    assert!(text.contains(" GMT</td>"), "{text}");

    // A slash behind a file makes it a directory that is not there.
    assert_eq!(server.get("/small.txt/").status, 404);
    assert_eq!(server.get("/small.txt/x").status, 404);
}

#[test]
fn pages_of_the_server_have_a_style() {
    let site = Site::new();
    fs::create_dir(site.root().join("sub")).expect("a new directory");
    let server = site.serve();
    for (target, status, title) in [
        ("/nowhere", 404, "404 Not Found"),
        ("/%zz", 400, "400 Bad Request"),
        ("/sub", 301, "301 Moved Permanently"),
        ("/sub/", 200, "/sub/"),
    ] {
        let response = server.get(target);
        assert_eq!(response.status, status, "{target}");
        let text = response.text();
        for part in [
            "<!DOCTYPE html>",
            "<style>",
            "prefers-color-scheme: dark",
            &format!("<title>{title}</title>"),
            &format!("<h1>{title}</h1>"),
        ] {
            assert!(text.contains(part), "{target}: {part}: {text}");
        }
    }
    let text = server.get("/no<b>where?a=<b>");
    assert!(!text.text().contains("<b>"), "{}", text.text());
}

#[test]
fn every_name_in_a_listing_can_be_followed() {
    let site = Site::new();
    fs::create_dir(site.root().join("odd")).expect("a new directory");
    let names: [&[u8]; 12] = [
        b"plain.txt",
        b"with space",
        b"percent%20sign",
        b"question?mark#hash",
        b"<script>alert(1)<script>",
        b"quotes\"and'apostrophes",
        b"back\\slash",
        b"colon:javascript:alert(1)",
        b"&amp;",
        b"new\nline\ttab\x01",
        "ünïcödé ☃".as_bytes(),
        b"not\xffutf8\x80",
    ];
    for name in names {
        let path = site.root().join("odd").join(OsStr::from_bytes(name));
        fs::write(path, name).expect("the name is good");
    }
    let server = site.serve();

    let listing = server.get("/odd/");
    let text = listing.text();
    assert!(!text.contains("<script>"), "{text}");
    let links = text.split("<a href=\"").skip(1);
    let links = links.map(|rest| rest.split('"').next().expect("a quote"));
    let mut found: Vec<_> = links
        .filter(|link| *link != "../")
        .map(|link| server.get(&format!("/odd/{link}")))
        .inspect(|response| assert_eq!(response.status, 200))
        .map(|response| response.body)
        .collect();
    found.sort();
    let mut expected = names.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn only_reading_is_allowed() {
    let site = Site::new();
    let server = site.serve();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let mut client = server.connect();
        client.send(method, "/small.txt", &[("Content-Length", "0")]);
        let response = client.response();
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET, HEAD"));
    }

    // The response must reach a client that is still sending.
    let mut client = server.connect();
    let len = (2 * 1024 * 1024).to_string();
    client.send("POST", "/small.txt", &[("Content-Length", &len)]);
    client.send_raw(&vec![b'x'; 2 * 1024 * 1024]);
    assert_eq!(client.response().status, 405);
    server.assert_serves();
}

#[test]
fn bad_requests_are_told_so() {
    let site = Site::new();
    let server = site.serve();
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000));
    let long_header = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1_000_000));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    for (request, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET /small.txt\r\n\r\n", 400),
        ("GET /small.txt HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400),
        ("GET small.txt HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (&long_path, 414),
        (&long_header, 431),
        (&many_headers, 431),
    ] {
        let mut client = server.connect();
        client.send_raw(request.as_bytes());
        let text: String = request.chars().take(60).collect();
        assert_eq!(client.response().status, status, "{text}");
    }
    server.assert_serves();
}

#[test]
fn a_connection_serves_many_requests_also_at_once() {
    let site = Site::new();
    let large = pattern(3 * CHUNK);
    site.write("large", &large);
    let server = site.serve();

    let mut client = server.connect();
    for _ in 0..3 {
        client.send("GET", "/small.txt", &[]);
        assert_eq!(client.response().body, SMALL);
    }
    let get = |target| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let pipelined = get("/large") + &get("/small.txt") + &get("/nowhere");
    client.send_raw(pipelined.as_bytes());
    assert!(client.response().body == large);
    assert_eq!(client.response().body, SMALL);
    assert_eq!(client.response().status, 404);

    client.send("GET", "/small.txt", &[("Connection", "close")]);
    assert_eq!(client.response().body, SMALL);
    assert_eq!(client.rest(), b"");

    let mut client = server.connect();
    client.send_raw(b"GET /small.txt HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().body, SMALL);
    assert_eq!(client.rest(), b"");
}

/// As `printf … | nc -N` does: everything is asked, then the write side is closed.
#[test]
fn a_client_that_half_closes_gets_the_whole_response() {
    let site = Site::new();
    // More than the buffers on the way hold.
    let large = pattern(8 * 1024 * 1024);
    site.write("large", &large);
    fs::create_dir(site.root().join("sub")).expect("a new directory");
    let server = site.serve();
    let ask = |requests: &str| {
        let mut client = server.connect();
        client.send_raw(requests.as_bytes());
        let socket = client.socket();
        socket.shutdown(Shutdown::Write).expect("it is connected");
        client
    };
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");

    for (target, status) in [("/small.txt", 200), ("/sub/", 200), ("/nowhere", 404)] {
        let mut client = ask(&get(target));
        assert_eq!(client.response().status, status, "{target}");
        assert_eq!(client.rest(), b"", "{target}");
    }
    let mut client = ask(&get("/large"));
    assert!(client.response().body == large);
    assert_eq!(client.rest(), b"");

    let mut client = ask(&get("/hash/large"));
    assert!(client.response().text().ends_with("  large\n"));
    assert_eq!(client.rest(), b"");

    let mut client = ask(&(get("/small.txt") + &get("/large") + &get("/nowhere")));
    assert_eq!(client.response().body, SMALL);
    assert!(client.response().body == large);
    assert_eq!(client.response().status, 404);
    assert_eq!(client.rest(), b"");

    // Half a request is none.
    let mut client = ask("GET /small.txt HTTP/1.1\r\nHo");
    assert_eq!(client.rest(), b"");
    server.assert_serves();
}

#[test]
fn a_hash_is_that_of_sha256sum() {
    let site = Site::new();
    // An example of FIPS 180-4.
    site.write("a's", &vec![b'a'; 1_000_000]);
    fs::create_dir(site.root().join("sub")).expect("a new directory");
    let server = site.serve();

    let response = server.get("/hash/a's");
    assert_eq!(response.status, 200);
    assert_eq!(
        response.text(),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0  a's\n"
    );
    // Not a whole number of what is hashed at a time, nor of the algorithm's blocks; and nothing.
    for (len, expected) in [
        (
            0,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            3,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
    ] {
        site.write("abc", &b"abc"[..len]);
        assert_eq!(server.get("/hash/abc").text(), format!("{expected}  abc\n"));
    }
    assert_eq!(server.get("/hash/nowhere").status, 404);
    assert_eq!(server.get("/hash/sub/").status, 404);
    assert_eq!(server.get("/hash/").status, 200);
    assert_eq!(server.get("/hash").status, 404);
}

#[test]
fn the_clock_ticks() {
    let site = Site::new();
    let server = site.serve();
    let mut client = server.connect();
    client.send("GET", "/live", &[]);
    let head = client.head();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    for _ in 0..2 {
        let event = String::from_utf8(client.chunk()).expect("a text");
        assert!(event.starts_with("data: {\"time\": \""), "{event}");
        assert!(event.contains("\"connections\": 1"), "{event}");
        assert!(event.ends_with("}\n\n"), "{event}");
    }
}

#[test]
fn each_request_is_a_line_of_the_log() {
    let site = Site::new();
    let server = site.serve();
    server.get("/small.txt");
    server.get("/nowhere\u{9b}31m?query");
    let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();

    let line = fields(&server.wait_for_line("small.txt"));
    assert_eq!(line[..4], ["GET", "/small.txt", "200", "13"]);
    assert!(line[4].parse::<f64>().is_ok_and(|ms| ms >= 0.0), "{line:?}");
    assert_eq!(line[5..], ["ms"]);
    // What could move the cursor of a terminal does not get there.
    let line = fields(&server.wait_for_line("nowhere"));
    assert_eq!(line[..3], ["GET", "/nowhere\\u{9b}31m", "404"]);
}
