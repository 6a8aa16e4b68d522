//! Parts of files.

use super::site::{CHUNK, Site, pattern, set_modified};

#[test]
fn parts_arrive_byte_for_byte() {
    const LEN: usize = 2 * CHUNK + 1000;
    let site = Site::new();
    let contents = pattern(LEN);
    site.write("file.bin", &contents);
    let server = site.serve();

    let mut client = server.connect();
    for (range, start, end) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=1-3".to_owned(), 1, 4),
        (format!("bytes=0-{}", CHUNK - 1), 0, CHUNK),
        (format!("bytes=7-{}", CHUNK + 6), 7, CHUNK + 7),
        (
            format!("bytes={}-{}", CHUNK - 1, CHUNK),
            CHUNK - 1,
            CHUNK + 1,
        ),
        (format!("bytes=3-{}", 2 * CHUNK + 3), 3, 2 * CHUNK + 4),
        (format!("bytes={CHUNK}-"), CHUNK, LEN),
        (format!("bytes={}-", LEN - 1), LEN - 1, LEN),
        ("bytes=0-".to_owned(), 0, LEN),
        (format!("bytes=5-{}", LEN + 1000), 5, LEN),
        ("bytes=-1".to_owned(), LEN - 1, LEN),
        (format!("bytes=-{}", CHUNK + 1), LEN - CHUNK - 1, LEN),
        (format!("bytes=-{}", 2 * LEN), 0, LEN),
        ("bytes=0-99999999999999999999999".to_owned(), 0, LEN),
    ] {
        client.send("GET", "/file.bin", &[("Range", &range)]);
        let response = client.response();
        assert_eq!(response.status, 206, "{range}");
        let expected = format!("bytes {start}-{}/{LEN}", end - 1);
        assert_eq!(
            response.header("content-range"),
            Some(&*expected),
            "{range}"
        );
        assert!(response.body == contents[start..end], "{range}");
    }
}

#[test]
fn what_is_no_single_range_gets_the_whole_file() {
    let site = Site::new();
    let contents = pattern(1000);
    site.write("file.bin", &contents);
    let server = site.serve();

    let mut client = server.connect();
    for range in [
        "bytes=0-1,5-6",
        "bytes=9-5",
        "bytes=a-b",
        "bytes",
        "lines=1-2",
        "",
    ] {
        client.send("GET", "/file.bin", &[("Range", range)]);
        let response = client.response();
        assert_eq!(response.status, 200, "{range}");
        assert_eq!(response.header("content-range"), None, "{range}");
        assert_eq!(response.body, contents, "{range}");
    }
    // A range is something of a GET.
    client.send("HEAD", "/file.bin", &[("Range", "bytes=0-1")]);
    let response = client.response();
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-length"), Some("1000"));
}

#[test]
fn what_is_not_there_cannot_be_had() {
    let site = Site::new();
    site.write("file.bin", &pattern(1000));
    site.write("empty", b"");
    let server = site.serve();

    for (target, range, len) in [
        ("/file.bin", "bytes=1000-", 1000),
        ("/file.bin", "bytes=5000-6000", 1000),
        ("/file.bin", "bytes=-0", 1000),
        ("/file.bin", "bytes=99999999999999999999999-", 1000),
        ("/empty", "bytes=0-", 0),
    ] {
        let response = server.get_with(target, &[("Range", range)]);
        assert_eq!(response.status, 416, "{range}");
        let expected = format!("bytes */{len}");
        assert_eq!(
            response.header("content-range"),
            Some(&*expected),
            "{range}"
        );
    }
}

#[test]
fn a_download_is_resumed_only_if_the_file_is_the_same() {
    let site = Site::new();
    let path = site.write("file.txt", b"the first version");
    set_modified(&path, 784_111_777);
    let server = site.serve();

    let first = server.get("/file.txt");
    let etag = first.header("etag").expect("a tag").to_owned();
    let date = first.header("last-modified").expect("a date").to_owned();
    let resume = |validator: &str| {
        server.get_with(
            "/file.txt",
            &[("Range", "bytes=4-"), ("If-Range", validator)],
        )
    };
    for validator in [&etag, &date] {
        let response = resume(validator);
        assert_eq!(response.status, 206, "{validator}");
        assert_eq!(response.body, b"first version");
    }

    let path = site.write("file.txt", b"the other version");
    set_modified(&path, 784_111_779);
    for validator in [&etag, &date] {
        let response = resume(validator);
        assert_eq!(response.status, 200, "{validator}");
        assert_eq!(response.body, b"the other version");
    }
}
