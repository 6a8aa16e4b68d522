//! Opens the file of a request's path, and never a file outside the root.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use rustix::fs::OFlags;

use crate::conditions::Version;

/// The decoded path of a request: the names of its segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestPath {
    names: Vec<OsString>,
    /// Whether it ends in a slash.
    is_dir: bool,
}

impl RequestPath {
    /// Decodes a path. Returns `None` if it does not begin with a slash, or if a segment is not a
    /// valid name: `..`, also if it is percent-encoded; an encoded slash or NUL; or invalid
    /// percent-encoding.
    pub(crate) fn parse(raw: &str) -> Option<Self> {
        let mut path = RequestPath {
            names: Vec::new(),
            is_dir: true,
        };
        for segment in raw.strip_prefix('/')?.split('/') {
            let name = percent_decode(segment)?;
            path.is_dir = name.is_empty() || name == b".";
            if name == b".." || name.contains(&0) || name.contains(&b'/') {
                return None;
            }
            if !path.is_dir {
                path.names.push(OsString::from_vec(name));
            }
        }
        Some(path)
    }

    /// Whether a name in the path begins with a dot. Symbolic links are not followed: the name of
    /// the link counts, not its target.
    pub(crate) fn is_hidden(&self) -> bool {
        self.names.iter().any(|name| is_hidden(name))
    }

    /// Returns the path below `root`, without resolving symbolic links.
    fn below(&self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        path.extend(&self.names);
        path
    }

    /// Encodes the path as the URL of a directory, with a slash at the end.
    pub(crate) fn to_dir_url(&self) -> String {
        let mut url = String::from("/");
        for name in &self.names {
            url.push_str(&percent_encode(name));
            url.push('/');
        }
        url
    }

    /// Returns the path as text for the user, which is not escaped for HTML.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::from("/");
        for name in &self.names {
            text.push_str(&name.to_string_lossy());
            text.push('/');
        }
        text
    }
}

/// What a path refers to.
#[derive(Debug)]
pub(crate) enum Found {
    File(Opened),
    /// A directory without an index.
    Directory(Opened),
    /// A directory, but the path of the request does not end in a slash.
    MissingSlash,
}

/// An open file or directory below the root.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    /// The path without symbolic links.
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
    is_dir: bool,
}

/// Opens `path` below `root`, which is canonical. This blocks, so call it on a worker.
///
/// # Errors
///
/// Returns `NotFound` if there is no such file, `PermissionDenied` if it may not be served or read,
/// or another error of the system calls.
pub(crate) fn find(root: &Path, path: &RequestPath) -> io::Result<Found> {
    let opened = open(root, &path.below(root))?;
    match (opened.is_dir, path.is_dir) {
        (false, false) => return Ok(Found::File(opened)),
        (false, true) => return Err(io::ErrorKind::NotFound.into()),
        (true, false) => return Ok(Found::MissingSlash),
        (true, true) => {}
    }
    match open(root, &opened.path.join("index.html")) {
        Ok(index) if !index.is_dir => Ok(Found::File(index)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(Found::Directory(opened)),
    }
}

/// Opens a regular file or a directory below the root. Anything else is forbidden, such as a FIFO,
/// a device, or the target of a symbolic link that leads outside.
///
/// Another process may replace the file between a check and the call to `open`. So the checks that
/// count are those of the opened file: its location and its type. The checks before prevent opening
/// a file that is known to be forbidden, since opening a device may have side effects.
fn open(root: &Path, path: &Path) -> io::Result<Opened> {
    let real = resolve(root, path)?;
    ensure_servable(&fs::symlink_metadata(&real)?)?;
    // Do not follow a symbolic link in the last component, and do not wait for a FIFO.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&real)?;

    let path = fs::read_link(link_to(&file)).map_err(|error| {
        let error = format!("cannot read the path of an open file from /proc: {error}");
        io::Error::other(error)
    })?;
    if !path.starts_with(root) {
        return Err(outside());
    }
    let metadata = file.metadata()?;
    ensure_servable(&metadata)?;
    let modified = metadata.modified().ok();
    Ok(Opened {
        file,
        path,
        version: Version::new(metadata.len(), modified, SystemTime::now()),
        is_dir: metadata.is_dir(),
    })
}

/// Resolves all symbolic links in `path`.
///
/// # Errors
///
/// Returns `PermissionDenied` if the result is outside `root`, or the error of the system call.
pub(crate) fn resolve(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let real = fs::canonicalize(path)?;
    if real.starts_with(root) {
        Ok(real)
    } else {
        Err(outside())
    }
}

/// Returns a path to an open file or directory that stays valid if the file is moved.
pub(crate) fn link_to(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn ensure_servable(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() || metadata.is_dir() {
        Ok(())
    } else {
        Err(forbidden("it is neither a file nor a directory"))
    }
}

fn outside() -> io::Error {
    forbidden("it is outside the served directory")
}

fn forbidden(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, reason)
}

/// Whether a name begins with a dot.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// Decodes percent-encoding such as `%2B`. Returns `None` if a percent sign is not followed by two
/// hexadecimal digits.
fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let is_code = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let is_good = text.split('%').skip(1).all(is_code);
    is_good.then(|| percent_encoding::percent_decode_str(text).collect())
}

/// The ASCII characters to encode: all but the unreserved ones of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Encodes a name of arbitrary bytes as one segment of a URL.
pub(crate) fn percent_encode(name: &OsStr) -> String {
    percent_encoding::percent_encode(name.as_bytes(), RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(raw: &str) -> Option<Vec<String>> {
        let path = RequestPath::parse(raw)?;
        let names = path.names.iter();
        Some(names.map(|name| name.to_string_lossy().into()).collect())
    }

    #[test]
    fn paths_are_decoded() {
        for (raw, expected, is_dir) in [
            ("/", &[][..], true),
            ("/a", &["a"], false),
            ("/a/", &["a"], true),
            ("/a/b.txt", &["a", "b.txt"], false),
            ("//a///b", &["a", "b"], false),
            ("/./a/.", &["a"], true),
            ("/%61", &["a"], false),
            ("/a%20b%25", &["a b%"], false),
            ("/...", &["..."], false),
            ("/..a", &["..a"], false),
            ("/a\\..\\b", &["a\\..\\b"], false),
            ("/%252e%252e", &["%2e%2e"], false),
            ("/é", &["é"], false),
            ("/%C3%A9", &["é"], false),
        ] {
            let names = names(raw).unwrap_or_else(|| panic!("{raw} is rejected"));
            assert_eq!(names, expected, "{raw}");
            let path = RequestPath::parse(raw).expect("it has been parsed before");
            assert_eq!(path.is_dir, is_dir, "{raw}");
        }
    }

    #[test]
    fn invalid_paths_are_rejected() {
        for raw in [
            "",
            "*",
            "a",
            "/..",
            "/../a",
            "/a/..",
            "/a/../b",
            "/%2e%2e/a",
            "/.%2E/a",
            "/%2E./",
            "/a%2fb",
            "/..%2f..%2fetc",
            "/%00",
            "/a%00.txt",
            "/%",
            "/%4",
            "/%zz",
            "/%+1",
            "/a%2",
        ] {
            assert_eq!(names(raw), None, "{raw}");
        }
    }

    #[test]
    fn names_that_begin_with_a_dot_are_hidden() {
        for (raw, expected) in [
            ("/", false),
            ("/a.b/c.", false),
            ("/./a", false),
            ("/.git", true),
            ("/.git/", true),
            ("/%2Egit/config", true),
            ("/a/.b/c", true),
            ("/a/b/.c", true),
            ("/...", true),
        ] {
            let path = RequestPath::parse(raw).expect("a path");
            assert_eq!(path.is_hidden(), expected, "{raw}");
        }
    }

    #[test]
    fn decoding_reverses_encoding() {
        let name: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
        let encoded = percent_encode(OsStr::from_bytes(&name));
        assert!(encoded.is_ascii());
        assert_eq!(percent_decode(&encoded), Some(name));
    }

    #[test]
    fn a_redirect_stays_on_this_server() {
        let path = RequestPath::parse("//evil.example/%0d%0ax").expect("a path");
        assert_eq!(path.to_dir_url(), "/evil.example/%0D%0Ax/");
    }
}
