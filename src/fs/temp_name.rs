//! Names of temporary files.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::process;

/// How often another name is tried if a file has the name already.
const ATTEMPTS: usize = 100;

/// Returns a name that hardly any other file has: `.quintet-` and 16 hexadecimal digits, followed
/// by `suffix`.
fn temp_name(suffix: &str) -> String {
    // Each state is a new one, and the first one of a thread is random.
    let number = RandomState::new().hash_one(process::id());
    format!(".quintet-{number:016x}{suffix}")
}

/// Calls `create` with a new name, and with another one if it exists already. Returns the name as
/// well.
pub(super) fn with_new_name<T>(
    suffix: &str,
    create: impl Fn(&str) -> io::Result<T>,
) -> io::Result<(T, String)> {
    let mut attempts = 1;
    loop {
        let name = temp_name(suffix);
        match create(&name) {
            Ok(created) => return Ok((created, name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < ATTEMPTS => {
                attempts += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::temp_name;

    #[test]
    fn names_differ_and_have_the_documented_form() {
        let names: HashSet<String> = (0..1000).map(|_| temp_name(".tmp")).collect();
        assert_eq!(names.len(), 1000);
        for name in names {
            let number = name.strip_prefix(".quintet-").unwrap();
            let number = number.strip_suffix(".tmp").unwrap();
            assert_eq!(number.len(), 16);
            assert!(number.chars().all(|digit| digit.is_ascii_hexdigit()));
        }
    }
}
