//! The names of threads, and the functions of users that threads call.

use std::fmt;
use std::sync::Arc;

use super::Builder;
use crate::event_loop::Settings;
use crate::panics;
use crate::pool::{self, ThreadHook, ThreadNames};
use crate::report::{Report, Reporter};

/// Sets the names of all threads that a pool may have.
type NameThreads = dyn Fn(&mut pool::Config) + Send + Sync;

/// What users want to be called.
#[derive(Clone, Default)]
pub(super) struct ThreadHooks {
    name: Option<Arc<NameThreads>>,
    on_start: Option<ThreadHook>,
    on_stop: Option<ThreadHook>,
    on_park: Option<ThreadHook>,
    on_unpark: Option<ThreadHook>,
}

impl ThreadHooks {
    /// Sets the hooks of a pool, whose number of workers is known, and of a loop.
    pub(super) fn apply(&self, pool: &mut pool::Config, settings: &mut Settings) {
        if let Some(name) = &self.name {
            name(pool);
        }
        let contained = |hook: &Option<ThreadHook>| {
            let hook = hook.clone()?;
            Some(contained(hook, settings.reporter.clone()))
        };
        pool.on_thread_start = contained(&self.on_start);
        pool.on_thread_stop = contained(&self.on_stop);
        let (on_park, on_unpark) = (contained(&self.on_park), contained(&self.on_unpark));
        settings.on_park = on_park;
        settings.on_unpark = on_unpark;
    }
}

/// Names each thread that a pool may have by a call of `name`.
fn name_each(pool: &mut pool::Config, name: &dyn Fn() -> String) {
    let names = |count| ThreadNames::Each((0..count).map(|_| name()).collect());
    pool.thread_names = names(pool.workers);
    let cpu_threads = *pool.cpu_threads.get_or_insert_with(pool::processors);
    pool.cpu_thread_names = names(cpu_threads);
}

/// Returns a hook whose panic is reported.
fn contained(hook: ThreadHook, reporter: Reporter) -> ThreadHook {
    ThreadHook::new(move || {
        if let Err(payload) = panics::contain(|| hook.call()) {
            reporter.report(&Report::HookPanicked {
                message: panics::message(&*payload).to_owned(),
            });
            panics::discard(payload);
        }
    })
}

impl fmt::Debug for ThreadHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadHooks").finish_non_exhaustive()
    }
}

impl Builder {
    /// Sets the prefix of the names of worker threads. A dash and a number follow it: `prefix-0`.
    /// Those of threads for computations are `prefix-cpu-0` and so on.
    ///
    /// If it contains a NUL byte, [`build`](Builder::build) returns an error.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        self.hooks.name = None;
        let name = name.into();
        self.pool.cpu_thread_names = ThreadNames::Prefix(format!("{name}-cpu"));
        self.pool.thread_names = ThreadNames::Prefix(name);
        self
    }

    /// Sets a function that names the worker threads, and then the threads for computations.
    ///
    /// [`build`](Builder::build) calls it once for each such thread that the runtime may have. A
    /// name that contains a NUL byte is an error of `build`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let number = AtomicUsize::new(1);
    /// let runtime = quintet::runtime::Builder::new()
    ///     .thread_name_fn(move || format!("files-{}", number.fetch_add(1, Ordering::Relaxed)))
    ///     .build()?;
    /// let job = runtime.spawn_blocking(|| std::thread::current().name().map(str::to_owned));
    /// assert_eq!(runtime.block_on(job).unwrap().as_deref(), Some("files-1"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn thread_name_fn<F>(&mut self, function: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.hooks.name = Some(Arc::new(move |pool| name_each(pool, &function)));
        self
    }

    /// Sets a function that each worker thread calls when it starts, before its first job.
    ///
    /// The thread that runs the loop is not started by the runtime and does not call it. A panic is
    /// [reported](Report::HookPanicked), and the thread runs its jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let runtime = quintet::runtime::Builder::new()
    ///     .on_thread_start(move || sender.send("started").unwrap())
    ///     .build()?;
    /// runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
    /// assert_eq!(receiver.recv().unwrap(), "started");
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_thread_start<F>(&mut self, function: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.hooks.on_start = Some(ThreadHook::new(function));
        self
    }

    /// Sets a function that each worker thread calls when it ends, after its last job.
    ///
    /// The drop of a runtime waits for jobs, but not for this function. A panic is
    /// [reported](Report::HookPanicked).
    pub fn on_thread_stop<F>(&mut self, function: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.hooks.on_stop = Some(ThreadHook::new(function));
        self
    }

    /// Sets a function that the loop calls each time before it waits for events.
    ///
    /// The runtime is current in the function, which may spawn or wake tasks: then the loop does
    /// not wait. A panic is [reported](Report::HookPanicked). With a [seed](Builder::seed) the
    /// function is called in the same places in each run only if the OS reports the same events.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let waits = Arc::new(AtomicUsize::new(0));
    /// let counter = Arc::clone(&waits);
    /// let runtime = quintet::runtime::Builder::new()
    ///     .on_thread_park(move || {
    ///         counter.fetch_add(1, Ordering::Relaxed);
    ///     })
    ///     .build()?;
    /// runtime.block_on(quintet::time::sleep(Duration::from_millis(1)));
    /// assert!(waits.load(Ordering::Relaxed) > 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_thread_park<F>(&mut self, function: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.hooks.on_park = Some(ThreadHook::new(function));
        self
    }

    /// Sets a function that the loop calls each time after it has waited for events, before it
    /// delivers them.
    ///
    /// The runtime is current in the function. A panic is [reported](Report::HookPanicked).
    pub fn on_thread_unpark<F>(&mut self, function: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.hooks.on_unpark = Some(ThreadHook::new(function));
        self
    }
}
