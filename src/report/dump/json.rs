//! Dumps as JSON.

use std::fmt::Write;
use std::panic::Location;
use std::time::Duration;

use super::{Cycle, Dump, Holder, TaskDump, WaitReason};
use crate::identity::Id;

impl Dump {
    /// Returns the dump as JSON (RFC 8259), on one line.
    ///
    /// It is an object:
    ///
    /// | key | value |
    /// |---|---|
    /// | `runtime` | the name of the runtime, or a description of its loop |
    /// | `tasks` | a list of [tasks](Dump::tasks) |
    /// | `cycles` | a list of [cycles](Dump::cycles), each an object with `tasks`, a list of ids, and [`certain`](Cycle::is_certain) |
    ///
    /// Each task is an object:
    ///
    /// | key | value |
    /// |---|---|
    /// | `id` | [`id`](TaskDump::id), a number |
    /// | `name` | [`name`](TaskDump::name), or `null` |
    /// | `file`, `line`, `column` | [`location`](TaskDump::location) |
    /// | `age_ns`, `polls` | [`age`](TaskDump::age) in nanoseconds, [`polls`](TaskDump::polls) |
    /// | `busy_ns`, `longest_poll_ns`, `waiting_ns` | [`busy`](TaskDump::busy), [`longest_poll`](TaskDump::longest_poll) and [`waiting`](TaskDump::waiting) in nanoseconds, or `null` |
    /// | `referenced` | [`is_referenced`](TaskDump::is_referenced) |
    /// | `joined_by` | [`joined_by`](TaskDump::joined_by), or `null` |
    /// | `waits` | a list of [waits](TaskDump::waits) |
    ///
    /// Each wait is an object with `text`, the text for humans, and `kind`: `running`, `ready`,
    /// `check`, `close`, `timer`, `source`, `worker`, `join`, `permits`, `channel`, `other` or
    /// `unknown`. A `timer` also has `left_ns`, or `null` if it never fires; a `source` has `fd`,
    /// `direction` (`read` or `write`) and `description`; a `join` has `task`, an id. Those of
    /// `permits` are named as the methods of [`PermitWait`](crate::runtime::PermitWait): `file`,
    /// `line` and `column` of the location, `waited_ns`, `missing`, `unknown_holders`, and
    /// `holders`, a list of objects with `task`, `permits` and `certain`. So are those of
    /// `channel`, by [`ChannelWait`](crate::runtime::ChannelWait): the location, `waited_ns`,
    /// `last_sender` and `last_receiver`, an id or `null`.
    ///
    /// The keys and kinds stay, and others may be added; `text` may change. Durations are rounded
    /// down to `u64::MAX` nanoseconds, 584 years.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = quintet::runtime::Builder::new().name("web").build()?;
    /// let json = runtime.dump().to_json();
    /// assert_eq!(json, r#"{"runtime":"runtime `web`","tasks":[],"cycles":[]}"#);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        json.push_str("{\"runtime\":");
        push_string(&mut json, &self.title);
        json.push_str(",\"tasks\":");
        push_list(&mut json, &self.tasks, push_task);
        json.push_str(",\"cycles\":");
        push_list(&mut json, &self.cycles, push_cycle);
        json.push('}');
        json
    }
}

#[inline]
fn push_task(json: &mut String, task: &TaskDump) {
    push_key(json, '{', "id");
    push_display(json, task.id);
    push_key(json, ',', "name");
    push_option(json, task.name.as_deref(), push_string);
    push_location(json, task.location);
    push_key(json, ',', "age_ns");
    push_duration(json, task.age);
    push_key(json, ',', "polls");
    push_display(json, task.polls);
    push_key(json, ',', "busy_ns");
    push_option(json, task.busy, push_duration);
    push_key(json, ',', "longest_poll_ns");
    push_option(json, task.longest_poll, push_duration);
    push_key(json, ',', "waiting_ns");
    push_option(json, task.waiting, push_duration);
    push_key(json, ',', "referenced");
    push_display(json, task.is_ref);
    push_key(json, ',', "joined_by");
    push_option(json, task.joined_by, push_display);
    push_key(json, ',', "waits");
    push_list(json, &task.waits, push_wait);
    json.push('}');
}

#[inline]
fn push_cycle(json: &mut String, cycle: &Cycle) {
    push_key(json, '{', "tasks");
    let ids: Vec<Id> = cycle.tasks().collect();
    push_list(json, &ids, |json, id| push_display(json, id));
    push_key(json, ',', "certain");
    push_display(json, cycle.is_certain);
    json.push('}');
}

#[inline]
fn push_wait(json: &mut String, wait: &WaitReason) {
    push_key(json, '{', "kind");
    push_string(json, wait.kind());
    match wait {
        WaitReason::Timer { left, .. } => {
            push_key(json, ',', "left_ns");
            push_option(json, *left, push_duration);
        }
        WaitReason::Source {
            fd,
            is_read,
            description,
        } => {
            push_key(json, ',', "fd");
            push_display(json, fd);
            push_key(json, ',', "direction");
            push_string(json, if *is_read { "read" } else { "write" });
            push_key(json, ',', "description");
            push_string(json, description);
        }
        WaitReason::Join(id) => {
            push_key(json, ',', "task");
            push_display(json, id);
        }
        WaitReason::Permits(wait) => {
            push_location(json, wait.location);
            push_key(json, ',', "waited_ns");
            push_duration(json, wait.waited);
            push_key(json, ',', "missing");
            push_display(json, wait.missing);
            push_key(json, ',', "unknown_holders");
            push_display(json, wait.unknown);
            push_key(json, ',', "holders");
            push_list(json, &wait.holders, push_holder);
        }
        WaitReason::Channel(wait) => {
            push_location(json, wait.location);
            push_key(json, ',', "waited_ns");
            push_duration(json, wait.waited);
            push_key(json, ',', "last_sender");
            push_option(json, wait.last_sender, push_display);
            push_key(json, ',', "last_receiver");
            push_option(json, wait.last_receiver, push_display);
        }
        _ => {}
    }
    push_key(json, ',', "text");
    push_string(json, &wait.to_string());
    json.push('}');
}

fn push_holder(json: &mut String, holder: &Holder) {
    push_key(json, '{', "task");
    push_display(json, holder.id);
    push_key(json, ',', "permits");
    push_display(json, holder.permits);
    push_key(json, ',', "certain");
    push_display(json, holder.is_certain);
    json.push('}');
}

fn push_location(json: &mut String, location: &Location<'_>) {
    push_key(json, ',', "file");
    push_string(json, location.file());
    push_key(json, ',', "line");
    push_display(json, location.line());
    push_key(json, ',', "column");
    push_display(json, location.column());
}

/// Adds the key of a value, after `before`.
fn push_key(json: &mut String, before: char, key: &str) {
    json.push(before);
    push_string(json, key);
    json.push(':');
}

/// Adds a number or a boolean value, whose `Display` output is JSON.
fn push_display(json: &mut String, value: impl std::fmt::Display) {
    let _infallible = write!(json, "{value}");
}

fn push_duration(json: &mut String, duration: Duration) {
    push_display(json, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
}

fn push_option<T>(json: &mut String, value: Option<T>, push: impl FnOnce(&mut String, T)) {
    match value {
        Some(value) => push(json, value),
        None => json.push_str("null"),
    }
}

fn push_list<T>(json: &mut String, values: &[T], push: impl Fn(&mut String, &T)) {
    json.push('[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push(json, value);
    }
    json.push(']');
}

/// Adds a string, with quotation marks and escapes.
#[inline]
fn push_string(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => push_display(json, format_args!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut json = String::new();
        push_string(&mut json, "a \"b\" \\ \n \u{1f} \u{7f} é \u{1f600}");
        assert_eq!(
            json,
            "\"a \\\"b\\\" \\\\ \\u000a \\u001f \u{7f} é \u{1f600}\""
        );
    }

    #[test]
    fn a_duration_that_overflows_is_the_largest_number() {
        let mut json = String::new();
        push_duration(&mut json, Duration::MAX);
        assert_eq!(json, u64::MAX.to_string());
    }
}
