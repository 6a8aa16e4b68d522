//! The children of one scope.
//!
//! The scope's future and every `Scope` refer to them, but the end of the scope drops all children
//! even if a `Scope` is left. No borrow is held while a child is polled or dropped: the child is
//! taken out of its slot first.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::job::{ChildJob, Output, ScopeJob};
use super::queue::{ChildQueue, ChildWaker};
use super::scoped_join_handle::ScopedJoinHandle;
use crate::context;
use crate::coop;
use crate::panics::{self, Payload};
use crate::ready;
use crate::slots::{self, Key, Slots};
use crate::sync::waker_kind;
use crate::tasks::{Identity, Origin};
use crate::vars::Vars;
use crate::waits::{self, ScopeNow, ScopeRecord};

/// All children of a scope.
pub(super) struct Children<'env> {
    slots: RefCell<Slots<ScopedTask<'env>>>,
    queue: Arc<ChildQueue>,
    state: Cell<ScopeState>,
    /// How many children have been spawned in all.
    spawned: Cell<u64>,
    record: OnceCell<Arc<ScopeRecord>>,
}

/// The reference of the scope's future, which closes the scope when it is dropped. Other references
/// may outlive the scope, but then hold no child.
pub(super) struct Owned<'env>(Rc<Children<'env>>);

impl<'env> Owned<'env> {
    pub(super) fn new() -> Self {
        Owned(Children::new())
    }

    pub(super) fn share(&self) -> Rc<Children<'env>> {
        Rc::clone(&self.0)
    }
}

impl<'env> Deref for Owned<'env> {
    type Target = Children<'env>;

    fn deref(&self) -> &Children<'env> {
        &self.0
    }
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

/// The state of a scope. It changes in this order only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ScopeState {
    /// Children are accepted.
    Open,
    /// Children are dropped and new ones are refused; the body continues.
    Cancelled,
    /// An error has ended the scope: the body is dropped too.
    Halted,
    /// The scope has completed or was dropped.
    Ended,
}

struct ScopedTask<'env> {
    /// Absent while it is being polled.
    body: Option<ChildBody<'env>>,
    member: Arc<ChildWaker>,
    /// How many children were spawned before it.
    sequence: u64,
}

/// The part of a child that is taken out of the slot while it is polled.
struct ChildBody<'env> {
    /// `None` once it was dropped.
    job: Option<Pin<Box<dyn ScopeJob + 'env>>>,
    waker: Waker,
    /// Its values of context variables, initially those of the code that spawned it.
    vars: Vars,
}

impl ChildBody<'_> {
    /// Polls the child. Returns whether it has ended.
    fn poll(&mut self) -> Result<bool, Payload> {
        let ChildBody { job, waker, vars } = self;
        let mut cx = Context::from_waker(waker);
        vars.with(|| {
            panics::contain(|| match job {
                Some(job) => poll_member(job.as_mut(), &mut cx).is_ready(),
                None => true,
            })
        })
    }
}

impl Drop for ChildBody<'_> {
    fn drop(&mut self) {
        let job = self.job.take();
        self.vars.with(|| drop(job));
        let vars = mem::take(&mut self.vars);
        panics::drop_contained(vars, "the destructor of a context variable's value");
    }
}

impl<'env> Children<'env> {
    fn new() -> Rc<Self> {
        Rc::new(Children {
            slots: RefCell::new(Slots::new()),
            queue: ChildQueue::new(),
            state: Cell::new(ScopeState::Open),
            spawned: Cell::new(0),
            record: OnceCell::new(),
        })
    }

    pub(super) fn queue(&self) -> &Arc<ChildQueue> {
        &self.queue
    }

    pub(super) fn state(&self) -> ScopeState {
        self.state.get()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.borrow().len() == 0
    }

    /// Moves on to `state`, unless the scope is beyond it.
    pub(super) fn advance(&self, state: ScopeState) {
        self.state.set(self.state.get().max(state));
    }

    /// Refuses new children; the scope's next poll drops the present ones.
    pub(super) fn cancel(&self) {
        self.advance(ScopeState::Cancelled);
        self.queue.call();
    }

    /// Adds a child at the end of the queue. `settle` converts its output to that of the handle.
    #[track_caller]
    pub(super) fn spawn<F, T, S>(&self, future: F, settle: S) -> ScopedJoinHandle<T>
    where
        F: Future + 'env,
        T: 'env,
        S: FnOnce(F::Output) -> Option<T> + 'env,
    {
        let identity = identify(Location::caller());
        let id = identity.id;
        let cell = Rc::new(Output::new());
        let job = ChildJob::new(future, settle, Rc::clone(&cell), identity);
        if self.state() != ScopeState::Open {
            drop(job);
            return ScopedJoinHandle::new(cell, None, id);
        }
        let member = self.insert(Box::pin(job));
        member.wake_by_ref();
        ScopedJoinHandle::new(cell, Some(member), id)
    }

    fn insert(&self, job: Pin<Box<dyn ScopeJob + 'env>>) -> Arc<ChildWaker> {
        let sequence = self.spawned.get();
        self.spawned.set(sequence + 1);
        let mut slots = self.slots.borrow_mut();
        let key = slots.insert_with(|key| {
            let member = ChildWaker::new(key, &self.queue);
            let waker = Waker::from(Arc::clone(&member));
            ScopedTask {
                body: Some(ChildBody {
                    job: Some(job),
                    waker,
                    vars: Vars::inherit(),
                }),
                member,
                sequence,
            }
        });
        drop(slots);
        self.member(key).expect("the key was inserted above")
    }

    /// Polls a child, or drops it if it was aborted. A child that has ended is removed from the
    /// slab before it is dropped.
    pub(super) fn run(&self, key: Key) -> Result<(), Payload> {
        let Some((mut body, aborted)) = self.begin(key) else {
            return Ok(());
        };
        if aborted {
            coop::charge(0);
            self.end(key, body);
            return Ok(());
        }
        let polled = coop::charge_turn(|| body.poll());
        if let Ok(false) = polled {
            self.put_back(key, body);
        } else {
            self.end(key, body);
        }
        polled.map(|_| ())
    }

    /// Takes a child out of its slot. `None` if it has ended.
    fn begin(&self, key: Key) -> Option<(ChildBody<'env>, bool)> {
        let mut slots = self.slots.borrow_mut();
        let child = slots.get_mut(key)?;
        child.member.begin_turn();
        let body = child.body.take()?;
        Some((body, child.member.is_aborted()))
    }

    fn put_back(&self, key: Key, body: ChildBody<'env>) {
        let mut slots = self.slots.borrow_mut();
        let child = slots.get_mut(key);
        child.expect("a running child keeps its slot").body = Some(body);
    }

    fn end(&self, key: Key, body: ChildBody<'env>) {
        self.remove(key);
        drop(body);
    }

    fn remove(&self, key: Key) -> Option<ScopedTask<'env>> {
        let child = self.slots.borrow_mut().remove(key)?;
        child.member.retire();
        Some(child)
    }

    /// Drops all children in the order in which they were spawned. The scope refuses new ones by
    /// now.
    pub(super) fn drop_all(&self) {
        if self.is_empty() {
            return;
        }
        for key in self.in_order() {
            let child = self.remove(key);
            drop(child);
        }
    }

    /// The children's keys in the order in which they were spawned.
    fn in_order(&self) -> Vec<Key> {
        let children = self.slots.borrow();
        slots::in_order(children.iter().map(|(key, child)| (child.sequence, key)))
    }

    /// Wakes all children.
    pub(super) fn wake_all(&self) {
        for key in self.in_order() {
            let member = self.member(key);
            if let Some(member) = member {
                member.wake();
            }
        }
    }

    fn member(&self, key: Key) -> Option<Arc<ChildWaker>> {
        let slots = self.slots.borrow();
        slots.get(key).map(|child| Arc::clone(&child.member))
    }

    /// Records which wakers there are, after a poll of the scope by `cx` in which no member was
    /// left to be polled. `body` is that of the scope's body.
    pub(super) fn record_wakers(&self, cx: &Context<'_>, body: &Arc<ChildWaker>) {
        if waits::are_tracked() {
            self.record_wakers_now(cx, body);
        }
    }

    #[cold]
    fn record_wakers_now(&self, cx: &Context<'_>, body: &Arc<ChildWaker>) {
        // Two references are in the slot, or in the scope's future: the member, and the waker that
        // it is polled with.
        let of_body = Arc::strong_count(body).saturating_sub(2);
        let slots = self.slots.borrow();
        let of_children = slots.iter().map(|(_, child)| {
            let job = child.body.as_ref().and_then(|body| body.job.as_ref());
            let of_handle = job.map_or(0, |job| job.count_of_handle());
            (Arc::strong_count(&child.member), 2 + of_handle)
        });
        // Sums, since a waker that awaits a child is that of another member.
        let (all, own) = of_children.fold((0, 0), |sum, child| (sum.0 + child.0, sum.1 + child.1));
        let now = ScopeNow {
            task: context::acting_id().unwrap_or(0),
            waker: waker_kind(cx.waker()),
            clones: (of_body + all).saturating_sub(own),
        };
        if let Some(record) = self.record.get() {
            return record.set(now);
        }
        let record = self.record.get_or_init(|| ScopeRecord::new(now));
        context::with(|event_loop| event_loop.waits.add_scope(record));
    }

    /// Ends the scope: drops all children, and disables their wakers.
    pub(super) fn close(&self) {
        self.advance(ScopeState::Ended);
        self.queue.close();
        self.drop_all();
    }
}

/// Polls a member with its own waker, that of `cx`.
pub(super) fn poll_member<F: Future + ?Sized>(
    member: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let _polling = waits::are_tracked().then(|| ready::polling_member(cx.waker()));
    member.poll(cx)
}

/// The identity of a child. Its id comes from the same numbers as those of tasks.
fn identify(location: &'static Location<'static>) -> Identity {
    let origin = || Origin {
        name: None,
        location,
    };
    let identity = context::with(|event_loop| event_loop.tasks.identify(origin()));
    identity.unwrap_or_else(|| Identity::new(origin()))
}

impl fmt::Debug for Children<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children")
            .field("state", &self.state())
            .field("len", &self.slots.borrow().len())
            .finish_non_exhaustive()
    }
}
