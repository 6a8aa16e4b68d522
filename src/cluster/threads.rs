//! The threads of the loops: how they start, and what each of them does.

use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::{self, Scope, ScopedJoinHandle};

use super::member::MemberShared;
use super::{Configure, Member};
use crate::identity::{Name, Origin};
use crate::io_error::cannot;
use crate::panics::{self, Payload};
use crate::runtime::{Builder, Handle, Runtime};
use crate::sync::mpsc::UnboundedSender;
use crate::task::CancellationToken;
use crate::time;

/// How the future of a member has ended.
pub(super) enum MemberOutcome<T, E> {
    Output(T),
    Failed(E),
    Panicked(Payload),
    /// It was dropped at the deadline.
    CutOff,
}

/// Why a loop cannot start.
pub(super) enum StartFailure {
    Error(io::Error),
    /// A function of the settings has panicked.
    Panicked(Payload),
}

impl From<io::Error> for StartFailure {
    fn from(error: io::Error) -> Self {
        StartFailure::Error(error)
    }
}

/// What all threads need.
pub(super) struct LoopSpec<'a, F, T, E> {
    pub(super) main: &'a F,
    pub(super) configure: &'a Configure,
    /// Where the cluster is run.
    pub(super) location: &'static Location<'static>,
    /// Cancelled at the deadline.
    pub(super) cut_off: CancellationToken,
    pub(super) supervisor: Handle,
    pub(super) outcomes: UnboundedSender<(usize, MemberOutcome<T, E>)>,
}

/// The threads, which run.
pub(super) struct Threads<'scope>(Vec<ScopedJoinHandle<'scope, ()>>);

impl Threads<'_> {
    /// Waits until they have ended, in the order of their numbers.
    pub(super) fn join(self) {
        for thread in self.0 {
            if let Err(payload) = thread.join() {
                std::panic::resume_unwind(payload);
            }
        }
    }
}

/// A loop that has been built, or why it could not be.
type Built = Result<Handle, StartFailure>;

/// Starts a thread for each of `names`, and when all loops have been built, runs the closure on
/// all. If one cannot be built, the threads end.
pub(super) fn start<'scope, F, T, E>(
    scope: &'scope Scope<'scope, '_>,
    names: Vec<String>,
    shutdown: &CancellationToken,
    spec: &'scope LoopSpec<'_, F, T, E>,
) -> Result<Threads<'scope>, StartFailure>
where
    F: AsyncFn(Member) -> Result<T, E> + Sync,
    T: Send,
    E: Send,
{
    let (mut threads, mut built, mut gates) = (Vec::new(), Vec::new(), Vec::new());
    for (index, name) in names.into_iter().enumerate() {
        let (built_sender, built_receiver) = std_mpsc::channel();
        let (gate, opened) = std_mpsc::channel();
        let builder = thread::Builder::new().name(name.clone());
        let thread = builder
            .spawn_scoped(scope, move || {
                spec.run_loop(index, &name, &built_sender, &opened);
            })
            .map_err(|error| cannot(format!("start the thread of loop {index}"), error))?;
        threads.push(thread);
        built.push(built_receiver);
        gates.push(gate);
    }
    let mut handles = Vec::new();
    for receiver in built {
        let built = receiver.recv().expect("a thread sends what it has built");
        handles.push(built?);
    }
    let shared = Arc::new(MemberShared {
        handles,
        shutdown: shutdown.clone(),
    });
    for (index, gate) in gates.into_iter().enumerate() {
        let member = Member::new(index, Arc::clone(&shared));
        gate.send(member).expect("a thread waits for its start");
    }
    Ok(Threads(threads))
}

impl<F, T, E> LoopSpec<'_, F, T, E>
where
    F: AsyncFn(Member) -> Result<T, E>,
{
    /// What the thread of a loop does.
    fn run_loop(
        &self,
        index: usize,
        name: &str,
        built: &std_mpsc::Sender<Built>,
        opened: &std_mpsc::Receiver<Member>,
    ) {
        let runtime = match panics::contain(|| self.build(index, name)) {
            Ok(Ok(runtime)) => runtime,
            Ok(Err(error)) => {
                let error = cannot(format!("build loop {index}"), error);
                let _another_has_failed = built.send(Err(StartFailure::Error(error)));
                return;
            }
            Err(payload) => {
                let _another_has_failed = built.send(Err(StartFailure::Panicked(payload)));
                return;
            }
        };
        let _another_has_failed = built.send(Ok(runtime.handle().clone()));
        let Ok(member) = opened.recv() else { return };
        // It waits for this thread to send an outcome.
        let supervised = self.supervisor.keep_alive();
        let outcome = panics::contain(|| self.run_member(&runtime, member));
        let outcome = outcome.unwrap_or_else(MemberOutcome::Panicked);
        // Before the loop shuts down, which may take a while: the others are told at once.
        let _supervisor_waits = self.outcomes.send((index, outcome));
        drop(supervised);
    }

    fn build(&self, index: usize, name: &str) -> io::Result<Runtime> {
        let mut builder = Builder::new();
        builder.name(name);
        (self.configure)(index, &mut builder);
        builder.build()
    }

    fn run_member(&self, runtime: &Runtime, member: Member) -> MemberOutcome<T, E> {
        let is_paused = {
            let _entered = runtime.enter();
            time::is_paused()
        };
        // The supervisor may wake it. Paused time would not advance while it may.
        let _supervised = (!is_paused).then(|| runtime.handle().keep_alive());
        let origin = Origin {
            name: Some(Name::new("root".to_owned())),
            location: self.location,
        };
        let main = async {
            let main = (self.main)(member);
            self.cut_off.run_until_cancelled(main).await
        };
        match runtime.block_on_root(Box::pin(main), origin) {
            Some(Ok(output)) => MemberOutcome::Output(output),
            Some(Err(error)) => MemberOutcome::Failed(error),
            None => MemberOutcome::CutOff,
        }
    }
}
