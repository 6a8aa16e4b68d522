//! From the path of a request to an open file below the root, and never to anything else.

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

/// The path of a request, decoded: names one below the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestPath {
    names: Vec<OsString>,
    /// Whether it ends in a slash.
    is_dir: bool,
}

impl RequestPath {
    /// Decodes a path. None if it does not begin with a slash, or if something in it can be no
    /// name: `..`, in whatever way it is written; a slash or a zero behind percent signs; what is
    /// not percent-encoding.
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

    /// Whether something in it begins with a dot. Where a symbolic link leads does not matter: the
    /// link's own name says whether it is hidden.
    pub(crate) fn is_hidden(&self) -> bool {
        self.names.iter().any(|name| is_hidden(name))
    }

    /// The path below `root`, before symbolic links.
    fn below(&self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        path.extend(&self.names);
        path
    }

    /// Encodes it again, with slashes around.
    pub(crate) fn to_dir_url(&self) -> String {
        let mut url = String::from("/");
        for name in &self.names {
            url.push_str(&percent_encode(name));
            url.push('/');
        }
        url
    }

    /// For people; not for HTML as it is.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::from("/");
        for name in &self.names {
            text.push_str(&name.to_string_lossy());
            text.push('/');
        }
        text
    }
}

/// What is there.
#[derive(Debug)]
pub(crate) enum Found {
    File(Opened),
    /// A directory without an index.
    Directory(Opened),
    /// A directory, but the request's path has no slash at its end.
    MissingSlash,
}

/// A file or directory below the root, open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    /// Where it really is.
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
    is_dir: bool,
}

/// Looks for `path` below `root`, which is canonical. It blocks, so call it on a worker.
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

/// Opens what is below the root and nothing else, whatever symbolic links say; and only files and
/// directories: a FIFO or a device is forbidden.
///
/// Between a look at a path and its opening somebody may put something else there. So it is what
/// was opened that counts: where it is, and what it is. The looks before are there so that what is
/// known to be forbidden is not opened at all: that may do something to a device.
fn open(root: &Path, path: &Path) -> io::Result<Opened> {
    let real = resolve(root, path)?;
    ensure_servable(&fs::symlink_metadata(&real)?)?;
    // No link in the last place is followed, and no FIFO is waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&real)?;

    let path = fs::read_link(link_to(&file)).map_err(|error| {
        let error = format!("/proc does not say where an open file is: {error}");
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

/// Follows all symbolic links, and says where that leads.
pub(crate) fn resolve(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let real = fs::canonicalize(path)?;
    if real.starts_with(root) {
        Ok(real)
    } else {
        Err(outside())
    }
}

/// A path to an open file or directory that stays right when it is moved.
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
    forbidden("it leads out of the directory that is served")
}

fn forbidden(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// Whether a name says that it is not for everybody.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// Decodes `%2B` and the like; none if a percent sign has no two hexadecimal digits behind it.
fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let is_code = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let is_good = text.split('%').skip(1).all(is_code);
    is_good.then(|| percent_encoding::percent_decode_str(text).collect())
}

/// What stands for itself in a URL, whatever stands around it (RFC 3986, section 2.3), and all else.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Encodes a name such that it is one segment of a URL, whatever bytes it has.
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
            let names = names(raw).unwrap_or_else(|| panic!("{raw} is refused"));
            assert_eq!(names, expected, "{raw}");
            let path = RequestPath::parse(raw).expect("parsed before");
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
