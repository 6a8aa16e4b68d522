//! Conditional and range requests (RFC 9110, sections 13 and 14): decides from a request's headers
//! and a file's version what to send. This module does no I/O and reads no clock.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName};

/// The validators of a file, which identify its current contents, and its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) len: u64,
    /// Including the quotes.
    pub(crate) etag: String,
    /// In HTTP's date format. `None` if HTTP cannot represent the time.
    pub(crate) last_modified: Option<String>,
}

impl Version {
    pub(crate) fn new(len: u64, modified: Option<SystemTime>, now: SystemTime) -> Self {
        let since_epoch = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
        let nanos = since_epoch.map_or(0, |since_epoch| since_epoch.as_nanos());
        Version {
            len,
            etag: format!("\"{len:x}-{nanos:x}\""),
            // HTTP forbids a `Last-Modified` in the future. Times before 1970 are left out, since
            // httpdate panics on them.
            last_modified: since_epoch
                .map(|since_epoch| (UNIX_EPOCH + since_epoch).min(now))
                .map(httpdate::fmt_http_date),
        }
    }

    /// Returns the time of the last modification in whole seconds, as clients see it.
    fn modified(&self) -> Option<SystemTime> {
        self.last_modified.as_deref().and_then(parse_date)
    }
}

/// How to respond to a request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 200: the whole file.
    Whole,
    /// 206: this range, which is not empty.
    Part(Range<u64>),
    /// 304: the client has the current version.
    NotModified,
    /// 412: the file is not the version that the client expects.
    PreconditionFailed,
    /// 416: the range lies outside the file.
    Unsatisfiable,
}

/// Evaluates the conditions and the range of a request, in the order of RFC 9110, section 13.2.2.
pub(crate) fn evaluate(method: &Method, headers: &HeaderMap, version: &Version) -> Outcome {
    if let Some(etags) = list(headers, header::IF_MATCH) {
        if !is_listed(&etags, &version.etag, Comparison::Strong) {
            return Outcome::PreconditionFailed;
        }
    } else if let Some(date) = date(headers, header::IF_UNMODIFIED_SINCE)
        && version.modified().is_some_and(|modified| modified > date)
    {
        return Outcome::PreconditionFailed;
    }
    if let Some(etags) = list(headers, header::IF_NONE_MATCH) {
        if is_listed(&etags, &version.etag, Comparison::Weak) {
            return Outcome::NotModified;
        }
    } else if let Some(date) = date(headers, header::IF_MODIFIED_SINCE)
        && version.modified().is_some_and(|modified| modified <= date)
    {
        return Outcome::NotModified;
    }
    // `Range` is defined for GET only.
    match only(headers, header::RANGE) {
        Some(range) if *method == Method::GET && is_same_version(headers, version) => {
            parse_range(range, version.len)
        }
        _ => Outcome::Whole,
    }
}

/// Whether the version named by `If-Range`, if there is one, is the current version.
fn is_same_version(headers: &HeaderMap, version: &Version) -> bool {
    if !headers.contains_key(header::IF_RANGE) {
        return true;
    }
    match only(headers, header::IF_RANGE) {
        Some(etag) if etag.contains('"') => etag == version.etag,
        Some(date) => parse_date(date).is_some_and(|date| version.modified() == Some(date)),
        None => false,
    }
}

/// Parses a `Range` header. If it is invalid or has several ranges, the response is the whole file.
fn parse_range(range: &str, len: u64) -> Outcome {
    let spec = match range.split_once('=') {
        Some((unit, spec)) if unit.trim().eq_ignore_ascii_case("bytes") => spec.trim(),
        _ => return Outcome::Whole,
    };
    let Some((first, last)) = spec.split_once('-') else {
        return Outcome::Whole;
    };
    let range = match (position(first), position(last)) {
        (Some(first), Some(last)) if first > last => return Outcome::Whole,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(len),
        (Some(first), None) if last.is_empty() => first..len,
        (None, Some(0)) if first.is_empty() => return Outcome::Unsatisfiable,
        // The suffix of an empty file is empty, which 206 cannot express.
        (None, Some(_)) if first.is_empty() && len == 0 => return Outcome::Whole,
        (None, Some(suffix)) if first.is_empty() => len.saturating_sub(suffix)..len,
        _ => return Outcome::Whole,
    };
    if range.is_empty() {
        Outcome::Unsatisfiable
    } else {
        Outcome::Part(range)
    }
}

/// Parses a byte position. A number that overflows becomes `u64::MAX`.
fn position(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// The contents are identical byte for byte.
    Strong,
    /// The contents are equivalent.
    Weak,
}

/// Whether the strong entity tag `etag` is in `list`, the value of `If-Match` or `If-None-Match`.
fn is_listed(mut list: &str, etag: &str, comparison: Comparison) -> bool {
    if list.trim() == "*" {
        return true;
    }
    // A tag may contain commas, so search for its closing quote.
    while let Some(start) = list.find('"') {
        let Some(len) = list[start + 1..].find('"') else {
            return false;
        };
        let end = start + 1 + len + 1;
        let is_weak = list[..start].ends_with("W/");
        if list[start..end] == *etag && !(is_weak && comparison == Comparison::Strong) {
            return true;
        }
        list = &list[end..];
    }
    false
}

/// Returns all values of a header, joined by commas.
fn list(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values = headers.get_all(name);
    let values: Vec<_> = values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Returns the value of a header that occurs exactly once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value.trim())
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    only(headers, name).and_then(parse_date)
}

fn parse_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    /// A file of 1000 bytes, modified between two seconds.
    fn version() -> Version {
        let modified = UNIX_EPOCH + Duration::from_millis(784_111_777_500);
        let version = Version::new(1000, Some(modified), SystemTime::now());
        assert_eq!(version.last_modified.as_deref(), Some(MODIFIED));
        version
    }

    /// Returns the outcome of a GET with these headers. `ETAG` is replaced by the file's tag.
    fn outcome(version: &Version, headers: &[(HeaderName, &str)]) -> Outcome {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = value.replace("ETAG", &version.etag);
            map.append(name, value.parse().expect("a header's value"));
        }
        evaluate(&Method::GET, &map, version)
    }

    #[test]
    fn ranges() {
        for (range, expected) in [
            ("bytes=0-0", Outcome::Part(0..1)),
            ("bytes=0-999", Outcome::Part(0..1000)),
            ("bytes=10-19", Outcome::Part(10..20)),
            ("bytes=990-2000", Outcome::Part(990..1000)),
            ("bytes=999-", Outcome::Part(999..1000)),
            ("bytes=0-", Outcome::Part(0..1000)),
            ("bytes=-1", Outcome::Part(999..1000)),
            ("bytes=-5000", Outcome::Part(0..1000)),
            ("bytes=0-99999999999999999999999", Outcome::Part(0..1000)),
            ("bytes=0-18446744073709551615", Outcome::Part(0..1000)),
            ("BYTES = 1-2 ", Outcome::Part(1..3)),
            ("bytes=1000-", Outcome::Unsatisfiable),
            ("bytes=1000-1001", Outcome::Unsatisfiable),
            ("bytes=99999999999999999999999-", Outcome::Unsatisfiable),
            ("bytes=-0", Outcome::Unsatisfiable),
            ("bytes=5-4", Outcome::Whole),
            ("bytes=", Outcome::Whole),
            ("bytes=-", Outcome::Whole),
            ("bytes=5", Outcome::Whole),
            ("bytes=a-b", Outcome::Whole),
            ("bytes=+1-2", Outcome::Whole),
            ("bytes=1--2", Outcome::Whole),
            ("bytes=0-1,5-6", Outcome::Whole),
            ("lines=0-1", Outcome::Whole),
            ("", Outcome::Whole),
        ] {
            let headers = [(header::RANGE, range)];
            assert_eq!(outcome(&version(), &headers), expected, "{range}");
        }
    }

    #[test]
    fn ranges_of_an_empty_file() {
        let empty = Version::new(0, None, SystemTime::now());
        for (range, expected) in [
            ("bytes=0-", Outcome::Unsatisfiable),
            ("bytes=0-0", Outcome::Unsatisfiable),
            ("bytes=-0", Outcome::Unsatisfiable),
            ("bytes=-5", Outcome::Whole),
        ] {
            let headers = [(header::RANGE, range)];
            assert_eq!(outcome(&empty, &headers), expected, "{range}");
        }
    }

    #[test]
    fn a_repeated_range_and_the_range_of_a_head_are_ignored() {
        let range = (header::RANGE, "bytes=0-1");
        let twice = [range.clone(), range.clone()];
        assert_eq!(outcome(&version(), &twice), Outcome::Whole);

        let headers = HeaderMap::from_iter([(header::RANGE, "bytes=0-1".parse().expect("value"))]);
        let outcome = evaluate(&Method::HEAD, &headers, &version());
        assert_eq!(outcome, Outcome::Whole);
    }

    #[test]
    fn if_range_selects_a_range_only_of_the_same_version() {
        for (if_range, expected) in [
            ("ETAG", Outcome::Part(0..2)),
            (MODIFIED, Outcome::Part(0..2)),
            ("W/ETAG", Outcome::Whole),
            ("\"other\"", Outcome::Whole),
            (LATER, Outcome::Whole),
            (EARLIER, Outcome::Whole),
            ("yesterday", Outcome::Whole),
        ] {
            let headers = [(header::RANGE, "bytes=0-1"), (header::IF_RANGE, if_range)];
            assert_eq!(outcome(&version(), &headers), expected, "{if_range}");
        }
    }

    #[test]
    fn conditions() {
        for (name, value, expected) in [
            (header::IF_NONE_MATCH, "ETAG", Outcome::NotModified),
            (header::IF_NONE_MATCH, "W/ETAG", Outcome::NotModified),
            (header::IF_NONE_MATCH, "*", Outcome::NotModified),
            (header::IF_NONE_MATCH, "\"a,b\", ETAG", Outcome::NotModified),
            (header::IF_NONE_MATCH, "\"a\",\"b\"", Outcome::Whole),
            (header::IF_NONE_MATCH, "nonsense", Outcome::Whole),
            (header::IF_MODIFIED_SINCE, MODIFIED, Outcome::NotModified),
            (header::IF_MODIFIED_SINCE, LATER, Outcome::NotModified),
            (header::IF_MODIFIED_SINCE, EARLIER, Outcome::Whole),
            (header::IF_MODIFIED_SINCE, "nonsense", Outcome::Whole),
            (header::IF_MATCH, "ETAG", Outcome::Whole),
            (header::IF_MATCH, "*", Outcome::Whole),
            (header::IF_MATCH, "W/ETAG", Outcome::PreconditionFailed),
            (header::IF_MATCH, "\"a\"", Outcome::PreconditionFailed),
            (header::IF_UNMODIFIED_SINCE, MODIFIED, Outcome::Whole),
            (header::IF_UNMODIFIED_SINCE, LATER, Outcome::Whole),
            (
                header::IF_UNMODIFIED_SINCE,
                EARLIER,
                Outcome::PreconditionFailed,
            ),
        ] {
            let text = format!("{name}: {value}");
            assert_eq!(outcome(&version(), &[(name, value)]), expected, "{text}");
        }
    }

    #[test]
    fn tags_take_precedence_over_dates_and_conditions_over_ranges() {
        let headers = [
            (header::IF_NONE_MATCH, "\"other\""),
            (header::IF_MODIFIED_SINCE, LATER),
        ];
        assert_eq!(outcome(&version(), &headers), Outcome::Whole);

        let headers = [
            (header::IF_MATCH, "ETAG"),
            (header::IF_UNMODIFIED_SINCE, EARLIER),
            (header::RANGE, "bytes=-1"),
        ];
        assert_eq!(outcome(&version(), &headers), Outcome::Part(999..1000));

        let headers = [
            (header::IF_NONE_MATCH, "ETAG"),
            (header::RANGE, "bytes=5000-"),
        ];
        assert_eq!(outcome(&version(), &headers), Outcome::NotModified);
    }

    #[test]
    fn times_outside_the_range_of_http_dates() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let before_1970 = UNIX_EPOCH.checked_sub(Duration::from_secs(1));
        assert_eq!(Version::new(0, before_1970, now).last_modified, None);
        assert_eq!(Version::new(0, None, now).last_modified, None);

        let year_40000 = UNIX_EPOCH.checked_add(Duration::from_secs(1_200_000_000_000));
        let version = Version::new(0, year_40000, now);
        assert_eq!(version.last_modified.as_deref(), Some(MODIFIED));
    }
}
