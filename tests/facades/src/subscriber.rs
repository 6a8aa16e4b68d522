//! A subscriber that notes all that it is told.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;

/// The target of a waker's events.
pub(crate) const WAKER: &str = "tokio::task::waker";

/// What a span or an event says.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) target: &'static str,
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

/// A span.
#[derive(Clone, Debug)]
pub(crate) struct SeenSpan {
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) said: Said,
    /// The threads on which it was entered, one for each time.
    pub(crate) entered: Vec<ThreadId>,
    pub(crate) exited: usize,
    references: usize,
    metadata: &'static Metadata<'static>,
}

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct SeenEvent {
    pub(crate) said: Said,
    /// The spans that were entered, the current one last.
    pub(crate) within: Vec<u64>,
}

#[derive(Debug, Default)]
struct Seen {
    spans: Vec<SeenSpan>,
    events: Vec<SeenEvent>,
    entered: HashMap<ThreadId, Vec<u64>>,
}

/// See the [module](self). A clone shares what was noted.
#[derive(Clone, Default)]
pub(crate) struct Notebook {
    seen: Arc<Mutex<Seen>>,
    /// Called for each call of the subscriber, after it was noted.
    on_call: Option<Arc<dyn Fn(Call) + Send + Sync>>,
}

/// A call of the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    NewSpan,
    Enter,
    Exit,
    Close,
    Event,
}

impl Notebook {
    /// Whose calls call `f`.
    pub(crate) fn calling(f: impl Fn(Call) + Send + Sync + 'static) -> Self {
        Notebook {
            on_call: Some(Arc::new(f)),
            ..Notebook::default()
        }
    }

    /// Makes it the subscriber of this thread while `f` runs.
    pub(crate) fn during<R>(&self, f: impl FnOnce() -> R) -> R {
        with_default(self.clone(), f)
    }

    /// The spans, in the order in which they began.
    pub(crate) fn spans(&self) -> Vec<SeenSpan> {
        self.seen().spans.clone()
    }

    /// The spans of tasks of this kind.
    pub(crate) fn spans_of(&self, kind: &str) -> Vec<SeenSpan> {
        let mut spans = self.spans();
        spans.retain(|span| span.said.fields.get("kind").is_some_and(|own| own == kind));
        spans
    }

    /// The only span of a task with this name.
    #[track_caller]
    pub(crate) fn span_named(&self, name: &str) -> SeenSpan {
        let mut spans = self.spans();
        spans.retain(|span| {
            span.said
                .fields
                .get("task.name")
                .is_some_and(|own| own == name)
        });
        assert_eq!(spans.len(), 1, "spans named {name}: {spans:#?}");
        spans.remove(0)
    }

    /// The events with this target.
    pub(crate) fn events_of(&self, target: &str) -> Vec<SeenEvent> {
        let mut events = self.seen().events.clone();
        events.retain(|event| event.said.target == target);
        events
    }

    /// What happened to the wakers of the task with this span.
    pub(crate) fn waker_ops(&self, span: &SeenSpan) -> Vec<String> {
        let events = self.events_of(WAKER);
        let own = events
            .into_iter()
            .filter(|event| event.said.fields["task.id"] == span.id.to_string());
        own.map(|event| event.said.fields["op"].clone()).collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn called(&self, call: Call) {
        if let Some(on_call) = &self.on_call {
            on_call(call);
        }
    }
}

impl SeenSpan {
    pub(crate) fn is_closed(&self) -> bool {
        self.references == 0
    }
}

impl Seen {
    fn span(&mut self, id: &Id) -> &mut SeenSpan {
        let span = &mut self.spans[id.into_u64() as usize - 1];
        assert!(!span.is_closed(), "a closed span is used: {span:?}");
        span
    }

    fn entered_here(&mut self) -> &mut Vec<u64> {
        self.entered.entry(thread::current().id()).or_default()
    }
}

impl Subscriber for Notebook {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut seen = self.seen();
        let current = seen.entered_here().last().copied();
        let contextual = current.filter(|_| attributes.is_contextual());
        let mut said = Said::new(attributes.metadata());
        attributes.record(&mut said);
        let id = seen.spans.len() as u64 + 1;
        seen.spans.push(SeenSpan {
            id,
            parent: attributes.parent().map(Id::into_u64).or(contextual),
            said,
            entered: Vec::new(),
            exited: 0,
            references: 1,
            metadata: attributes.metadata(),
        });
        drop(seen);
        self.called(Call::NewSpan);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut self.seen().span(span).said);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut seen = self.seen();
        let within = seen.entered_here().clone();
        let mut said = Said::new(event.metadata());
        event.record(&mut said);
        seen.events.push(SeenEvent { said, within });
        drop(seen);
        self.called(Call::Event);
    }

    fn enter(&self, span: &Id) {
        let mut seen = self.seen();
        seen.span(span).entered.push(thread::current().id());
        seen.entered_here().push(span.into_u64());
        drop(seen);
        self.called(Call::Enter);
    }

    fn exit(&self, span: &Id) {
        let mut seen = self.seen();
        seen.span(span).exited += 1;
        let left = seen.entered_here().pop();
        assert_eq!(left, Some(span.into_u64()), "spans are left in order");
        drop(seen);
        self.called(Call::Exit);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.seen().span(id).references += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut seen = self.seen();
        let span = seen.span(&id);
        span.references -= 1;
        let is_closed = span.is_closed();
        drop(seen);
        if is_closed {
            self.called(Call::Close);
        }
        is_closed
    }

    fn current_span(&self) -> Current {
        let mut seen = self.seen();
        let Some(id) = seen.entered_here().last().copied() else {
            return Current::none();
        };
        let id = Id::from_u64(id);
        let metadata = seen.span(&id).metadata;
        Current::new(id, metadata)
    }
}

impl Said {
    fn new(metadata: &'static Metadata<'static>) -> Self {
        Said {
            target: metadata.target(),
            name: metadata.name(),
            level: *metadata.level(),
            fields: BTreeMap::new(),
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}
