//! What panics say.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::rc::Rc;
use std::sync::Once;

/// Calls `f`, which must panic, and returns what it says.
#[track_caller]
pub(crate) fn panic_message<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => text(&*payload).to_owned(),
    }
}

/// The text of a payload.
#[track_caller]
pub(crate) fn text(payload: &(dyn Any + Send)) -> &str {
    text_of(payload).expect("the payload is a text")
}

fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
}

/// A panic that was to be.
#[derive(Debug)]
pub(crate) struct Panicked {
    pub(crate) message: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

impl From<&PanicHookInfo<'_>> for Panicked {
    fn from(info: &PanicHookInfo<'_>) -> Self {
        let location = info.location().expect("a panic has a location");
        Panicked {
            message: text_of(info.payload()).unwrap_or("?").to_owned(),
            file: location.file().to_owned(),
            line: location.line(),
        }
    }
}

/// Calls `f`, which must panic on this thread, and returns how.
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> Panicked {
    let panicked = Rc::new(RefCell::new(None));
    let last = Rc::clone(&panicked);
    let before = hook_here(Some(Rc::new(move |panic| {
        last.replace(Some(panic));
    })));
    let result = catch_unwind(AssertUnwindSafe(f));
    hook_here(before);
    assert!(result.is_err(), "this was to panic");
    panicked.take().expect("the hook was called")
}

/// Calls `hook` for each panic of this thread, in place of the hook of the process.
pub(crate) fn on_panic(hook: impl Fn(Panicked) + 'static) {
    hook_here(Some(Rc::new(hook)));
}

type Hook = Rc<dyn Fn(Panicked)>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Sets the hook of this thread, and returns the one before.
///
/// The hook of the process is set once: tests run beside each other.
fn hook_here(hook: Option<Hook>) -> Option<Hook> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let here = HOOK.try_with(|hook| hook.borrow().clone());
            match here.ok().flatten() {
                Some(hook) => hook(Panicked::from(info)),
                None => before(info),
            }
        }));
    });
    HOOK.replace(hook)
}
