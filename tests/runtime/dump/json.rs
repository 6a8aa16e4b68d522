//! `Dump::to_json`, read by a small parser.

use std::collections::BTreeMap;
use std::future::pending;
use std::iter::Peekable;
use std::str::Chars;

use quintet::net::UnixStream;
use quintet::time::sleep;

use super::{DAY, dump_of, named};

/// A JSON value, with numbers as they are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    pub(super) fn parse(text: &str) -> Json {
        let mut chars = text.chars().peekable();
        let value = value(&mut chars);
        assert_eq!(chars.next(), None, "something follows the value: {text}");
        value
    }

    pub(super) fn get(&self, key: &str) -> &Json {
        match self {
            Json::Object(members) => members.get(key).unwrap_or_else(|| panic!("no {key}")),
            other => panic!("not an object: {other:?}"),
        }
    }

    pub(super) fn items(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            other => panic!("not a list: {other:?}"),
        }
    }

    pub(super) fn text(text: &str) -> Json {
        Json::Text(text.to_owned())
    }

    pub(super) fn number(number: impl ToString) -> Json {
        Json::Number(number.to_string())
    }
}

fn expect(chars: &mut Peekable<Chars<'_>>, expected: &str) {
    for c in expected.chars() {
        assert_eq!(chars.next(), Some(c), "in {expected}");
    }
}

/// Parses the members of a list or object after its first bracket.
fn members(
    chars: &mut Peekable<Chars<'_>>,
    end: char,
    mut add: impl FnMut(&mut Peekable<Chars<'_>>),
) {
    if chars.next_if_eq(&end).is_some() {
        return;
    }
    loop {
        add(chars);
        match chars.next() {
            Some(',') => {}
            c => return assert_eq!(c, Some(end)),
        }
    }
}

fn value(chars: &mut Peekable<Chars<'_>>) -> Json {
    match chars.next().expect("a value") {
        'n' => {
            expect(chars, "ull");
            Json::Null
        }
        't' => {
            expect(chars, "rue");
            Json::Bool(true)
        }
        'f' => {
            expect(chars, "alse");
            Json::Bool(false)
        }
        '"' => Json::Text(string(chars)),
        '[' => {
            let mut items = Vec::new();
            members(chars, ']', |chars| items.push(value(chars)));
            Json::List(items)
        }
        '{' => {
            let mut object = BTreeMap::new();
            members(chars, '}', |chars| {
                expect(chars, "\"");
                let key = string(chars);
                expect(chars, ":");
                let twice = object.insert(key, value(chars));
                assert_eq!(twice, None, "a key that is there twice");
            });
            Json::Object(object)
        }
        digit @ ('0'..='9' | '-') => {
            let mut number = String::from(digit);
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                number.push(digit);
            }
            Json::Number(number)
        }
        other => panic!("{other:?} begins no value"),
    }
}

/// Parses a string after its first quotation mark.
fn string(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut text = String::new();
    loop {
        match chars.next().expect("the end of a string") {
            '"' => return text,
            '\\' => match chars.next() {
                Some(c @ ('"' | '\\')) => text.push(c),
                Some('u') => {
                    let digits: String = chars.take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).expect("four digits");
                    text.push(char::from_u32(code).expect("no surrogate"));
                }
                other => panic!("{other:?} is not escaped by our writer"),
            },
            c if c < ' ' => panic!("{c:?} must be escaped"),
            c => text.push(c),
        }
    }
}

#[test]
fn a_dump_is_valid_json_with_all_that_is_known() {
    let name = "a \"name\"\n\\ \u{1} é \u{1f600}";
    let line = line!() + 2;
    let (dump, _) = dump_of(|_| {
        let joined = named(name).spawn(sleep(DAY));
        named("joining").spawn(joined)
    });
    let json = Json::parse(&dump.to_json());
    assert_eq!(json.get("runtime"), &Json::text("runtime `dumped`"));
    let [joined, joining] = json.get("tasks").items() else {
        panic!("{json:?}");
    };
    let [id, joining_id] = [0, 1].map(|index: usize| dump.tasks()[index].id());
    assert_eq!(joined.get("id"), &Json::number(id));
    assert_eq!(joined.get("name"), &Json::text(name));
    assert_eq!(joined.get("file"), &Json::text(file!()));
    assert_eq!(joined.get("line"), &Json::number(line));
    assert_eq!(joined.get("age_ns"), &Json::number(0));
    assert_eq!(joined.get("polls"), &Json::number(1));
    assert_eq!(joined.get("referenced"), &Json::Bool(true));
    assert_eq!(joined.get("joined_by"), &Json::number(joining_id));
    let waiting = if cfg!(debug_assertions) {
        Json::number(0)
    } else {
        Json::Null
    };
    assert_eq!(joined.get("waiting_ns"), &waiting);
    assert_eq!(
        joined.get("busy_ns") == &Json::Null,
        !cfg!(debug_assertions)
    );
    let [timer] = joined.get("waits").items() else {
        panic!("{joined:?}");
    };
    assert_eq!(timer.get("kind"), &Json::text("timer"));
    assert_eq!(timer.get("left_ns"), &Json::number(DAY.as_nanos()));
    let [join] = joining.get("waits").items() else {
        panic!("{joining:?}");
    };
    assert_eq!(join.get("kind"), &Json::text("join"));
    assert_eq!(join.get("task"), &Json::number(id));
    let text = format!("waits for the end of task {id}");
    assert_eq!(join.get("text"), &Json::text(&text));
    assert_eq!(joining.get("joined_by"), &Json::Null);
}

#[test]
fn every_kind_of_wait_has_its_own_keys() {
    let (dump, _) = dump_of(|_| {
        let (one, other) = UnixStream::pair().unwrap();
        named("source").spawn(async move { one.readable().await });
        named("unknown").spawn(pending::<()>());
        named("never").spawn(sleep(std::time::Duration::MAX));
        let lock = quintet::sync::Notify::new();
        named("other").spawn(async move { lock.notified().await });
        named("job").spawn_blocking(|| ()).unref();
        named("nameless").spawn(async {});
        other
    });
    let json = Json::parse(&dump.to_json());
    let waits = |name: &str| {
        let mut tasks = json.get("tasks").items().iter();
        let task = tasks.find(|task| task.get("name") == &Json::text(name));
        let waits = task.unwrap_or_else(|| panic!("no {name}")).get("waits");
        waits.items()[0].clone()
    };
    let source = waits("source");
    assert_eq!(source.get("kind"), &Json::text("source"));
    assert_eq!(source.get("direction"), &Json::text("read"));
    assert!(matches!(source.get("fd"), Json::Number(_)));
    assert!(matches!(source.get("description"), Json::Text(_)));
    assert_eq!(waits("unknown").get("kind"), &Json::text("unknown"));
    assert_eq!(waits("never").get("left_ns"), &Json::Null);
    assert_eq!(waits("other").get("kind"), &Json::text("other"));
}

#[test]
fn a_task_without_a_name_has_null() {
    let (dump, _) = dump_of(|runtime| runtime.spawn(pending::<()>()));
    let json = Json::parse(&dump.to_json());
    assert_eq!(json.get("tasks").items()[0].get("name"), &Json::Null);
}
