//! Describes what was measured: the machine, the compiler and the versions.

use std::fs;
use std::process::Command;
use std::thread;

use crate::runtimes::{NODE, PACKAGES};

/// The lock file of the workspace, which contains the versions of the runtimes.
const LOCK: &str = include_str!("../../Cargo.lock");

/// Describes the processors and the kernel.
pub(crate) fn describe() -> String {
    let cores = cpus();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // Without the suffix of the distribution or the build.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    format!("{cores} × {model}, Linux {kernel}")
}

/// Returns the number of processors, including those that this process may not run on.
pub(crate) fn cpus() -> usize {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let listed = cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    match listed {
        0 => thread::available_parallelism().map_or(1, usize::from),
        listed => listed,
    }
}

/// Returns the first line of `program --version`, or `None` if the program cannot be run.
pub(crate) fn version_of(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned())
}

/// Returns the runtimes with their versions.
pub(crate) fn versions() -> Vec<(String, String)> {
    let mut versions: Vec<_> = PACKAGES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), locked(LOCK, name)?)))
        .collect();
    if let Some(node) = version_of(NODE) {
        versions.push((NODE.to_owned(), node.trim_start_matches('v').to_owned()));
    }
    versions
}

/// Returns the version of a package in a lock file.
fn locked(lock: &str, name: &str) -> Option<String> {
    let mut lines = lock.lines();
    lines.find(|line| *line == format!("name = \"{name}\""))?;
    let version = lines.next()?.strip_prefix("version = \"")?;
    version.strip_suffix('"').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{describe, locked};

    #[test]
    fn a_version_is_found_in_the_lock_file() {
        let lock = "[[package]]\nname = \"smol-hyper\"\nversion = \"0.1\"\n\n\
                    [[package]]\nname = \"smol\"\nversion = \"2.0.2\"\n";

        assert_eq!(locked(lock, "smol").as_deref(), Some("2.0.2"));
        assert_eq!(locked(lock, "sm"), None);
    }

    #[test]
    fn the_description_names_the_kernel() {
        assert!(describe().contains("Linux "));
    }
}
