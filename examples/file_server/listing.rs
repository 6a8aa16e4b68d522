//! Creates the page of a directory that has no `index.html`.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use crate::conditions::Version;
use crate::files::{self, Opened};
use crate::page::{Escaped, Page};

/// The maximum number of entries on a page.
const ENTRIES_MAX: usize = 10_000;

/// A row of the table.
#[derive(Debug)]
struct Entry {
    name: OsString,
    kind: Kind,
    modified: Option<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Directory,
    File(u64),
    /// An entry that is not served: a FIFO, a device, or a link that leads outside the root.
    Other,
}

/// Returns the page of an open directory as HTML. This blocks, so call it on a worker.
///
/// # Errors
///
/// Returns an error if the directory cannot be read.
pub(crate) fn page(
    root: &Path,
    dir: &Opened,
    title: &str,
    shows_hidden: bool,
) -> io::Result<String> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(files::link_to(&dir.file))? {
        let entry = entry?;
        if !shows_hidden && files::is_hidden(&entry.file_name()) {
            continue;
        }
        entries.push(describe(root, &entry));
        if entries.len() == ENTRIES_MAX {
            break;
        }
    }
    let is_cut = entries.len() == ENTRIES_MAX;
    entries.sort_by(|a, b| {
        let is_file = |entry: &Entry| entry.kind != Kind::Directory;
        (is_file(a), &a.name).cmp(&(is_file(b), &b.name))
    });
    let body = Listing {
        entries: &entries,
        has_parent: dir.path != root,
        is_cut,
    };
    Ok(Page { title, body }.to_string())
}

fn describe(root: &Path, entry: &fs::DirEntry) -> Entry {
    let mut described = Entry {
        name: entry.file_name(),
        kind: Kind::Other,
        modified: None,
    };
    let real = files::resolve(root, &entry.path());
    let Ok(metadata) = real.and_then(fs::symlink_metadata) else {
        return described;
    };
    if metadata.is_dir() {
        described.kind = Kind::Directory;
    } else if metadata.is_file() {
        described.kind = Kind::File(metadata.len());
    }
    let modified = metadata.modified().ok();
    described.modified = Version::new(0, modified, SystemTime::now()).last_modified;
    described
}

struct Listing<'a> {
    entries: &'a [Entry],
    has_parent: bool,
    /// Whether the directory may have more entries.
    is_cut: bool,
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<table>")?;
        writeln!(f, "<tr><th>Name</th><th>Size</th><th>Modified</th></tr>")?;
        if self.has_parent {
            writeln!(
                f,
                "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>"
            )?;
        }
        for entry in self.entries {
            writeln!(f, "{entry}")?;
        }
        write!(f, "</table>")?;
        if self.is_cut {
            write!(f, "\n<p>Only {ENTRIES_MAX} entries are listed.</p>")?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = files::percent_encode(&self.name);
        let name = self.name.to_string_lossy();
        let name = Escaped(&name);
        write!(f, "<tr><td>")?;
        match &self.kind {
            Kind::Directory => write!(f, "<a href=\"{url}/\">{name}/</a></td><td>")?,
            Kind::File(len) => write!(f, "<a href=\"{url}\">{name}</a></td><td>{}", Size(*len))?,
            Kind::Other => write!(f, "{name}</td><td>")?,
        }
        let modified = self.modified.as_deref().unwrap_or_default();
        write!(f, "</td><td>{modified}</td></tr>")
    }
}

/// A number of bytes, displayed with a unit.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        // Tenths of a unit as an integer: ten times 16 EiB overflows u64, and f64 would round.
        let mut tenths = u128::from(self.0) * 10 / 1024;
        let mut units = UNITS.iter();
        let mut unit = units.next();
        while tenths >= 10_240 {
            tenths /= 1024;
            unit = units.next();
        }
        write!(
            f,
            "{}.{} {}",
            tenths / 10,
            tenths % 10,
            unit.unwrap_or(&"EiB")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_displayed_with_binary_units() {
        for (len, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (1024 * 1024, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(Size(len).to_string(), expected);
        }
    }

    #[test]
    fn names_are_escaped_in_text_and_encoded_in_links() {
        let entry = Entry {
            name: "<b> & \"c\" 100%.txt".into(),
            kind: Kind::File(7),
            modified: None,
        };
        assert_eq!(
            entry.to_string(),
            "<tr><td><a href=\"%3Cb%3E%20%26%20%22c%22%20100%25.txt\">\
             &lt;b&gt; &amp; &quot;c&quot; 100%.txt</a></td><td>7 B</td><td></td></tr>"
        );
    }
}
