//! Tests of the decisions, with a fake kernel that returns given results.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::Path;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::kernel::Stat;
use super::{BYTES_PER_TICK, Kernel, LEN_MAX, NotFound, PageCache, Probe, Suitability};

const PATH: &str = "some/file";

/// Returns the results of a list for each kind of call, in order. A call without a result fails the
/// test, and so does a result without a call.
#[derive(Default)]
struct Fake {
    opens: RefCell<VecDeque<Result<(), Errno>>>,
    lookups: RefCell<VecDeque<Result<(), Errno>>>,
    stats: RefCell<VecDeque<Result<Stat, Errno>>>,
    reads: RefCell<VecDeque<Result<usize, Errno>>>,
    tries: RefCell<VecDeque<Result<(), Errno>>>,
    /// The offsets of all reads.
    offsets: RefCell<Vec<Option<u64>>>,
    is_unsupported: bool,
    is_forbidden: bool,
    is_direct: bool,
    set_blocking_fails: bool,
    permissions_asked: Cell<u32>,
    set_blocking_calls: Cell<u32>,
}

impl Fake {
    fn opening(mut self, results: impl Into<VecDeque<Result<(), Errno>>>) -> Self {
        self.opens = RefCell::new(results.into());
        self
    }

    fn looking_up(mut self, results: impl Into<VecDeque<Result<(), Errno>>>) -> Self {
        self.lookups = RefCell::new(results.into());
        self
    }

    fn stating(mut self, results: impl Into<VecDeque<Result<Stat, Errno>>>) -> Self {
        self.stats = RefCell::new(results.into());
        self
    }

    fn reading(mut self, results: impl Into<VecDeque<Result<usize, Errno>>>) -> Self {
        self.reads = RefCell::new(results.into());
        self
    }

    fn trying(mut self, results: impl Into<VecDeque<Result<(), Errno>>>) -> Self {
        self.tries = RefCell::new(results.into());
        self
    }

    /// A regular file that opens.
    fn file(len: u64) -> Self {
        Fake::default().opening([Ok(())]).stating([regular(len)])
    }

    #[track_caller]
    fn assert_all_used(&self) {
        let left = self.opens.borrow().len()
            + self.lookups.borrow().len()
            + self.stats.borrow().len()
            + self.reads.borrow().len()
            + self.tries.borrow().len();
        assert_eq!(left, 0, "results are left over");
    }
}

#[track_caller]
fn next<T>(results: &RefCell<VecDeque<Result<T, Errno>>>) -> Result<T, Errno> {
    results
        .borrow_mut()
        .pop_front()
        .expect("a call has no result")
}

impl Kernel for Fake {
    type File = ();

    fn is_supported(&self) -> bool {
        !self.is_unsupported
    }

    fn is_permitted(&self) -> bool {
        self.permissions_asked.set(self.permissions_asked.get() + 1);
        !self.is_forbidden
    }

    fn open(&self, _path: &Path) -> Result<(), Errno> {
        next(&self.opens)
    }

    fn look_up(&self, _path: &Path) -> Result<(), Errno> {
        next(&self.lookups)
    }

    fn stat(&self, _file: &()) -> Result<Stat, Errno> {
        next(&self.stats)
    }

    fn read(&self, _file: &(), buf: &mut [u8], offset: Option<u64>) -> Result<usize, Errno> {
        self.offsets.borrow_mut().push(offset);
        let n = next(&self.reads)?;
        assert!(n <= buf.len(), "the buffer has {} bytes", buf.len());
        buf[..n].fill(b'x');
        Ok(n)
    }

    fn try_read(&self, _file: &()) -> Result<(), Errno> {
        next(&self.tries)
    }

    fn is_buffered(&self, _file: &()) -> bool {
        !self.is_direct
    }

    fn set_blocking(&self, _file: &()) -> Result<(), Errno> {
        self.set_blocking_calls
            .set(self.set_blocking_calls.get() + 1);
        if self.set_blocking_fails {
            return Err(Errno::IO);
        }
        Ok(())
    }
}

fn stat(kind: FileType, len: u64) -> Result<Stat, Errno> {
    Ok(Stat { kind, len })
}

fn regular(len: u64) -> Result<Stat, Errno> {
    stat(FileType::RegularFile, len)
}

fn suitable() -> Suitability {
    let suitability = Suitability::default();
    suitability.set(true);
    suitability
}

fn on() -> PageCache {
    PageCache::new(true)
}

/// Reads a whole file, and checks that all results of the kernel were used.
#[track_caller]
fn read(cache: &mut PageCache, kernel: &Fake) -> Probe<()> {
    let probe = cache.read(kernel, Path::new(PATH));
    kernel.assert_all_used();
    probe
}

#[track_caller]
fn assert_read(probe: &Probe<()>, len: usize) {
    match probe {
        Probe::Read(contents) => assert!(*contents == vec![b'x'; len], "{probe:?}"),
        _ => panic!("{probe:?}"),
    }
}

#[track_caller]
fn assert_partial(probe: &Probe<()>, front: usize) {
    match probe {
        Probe::Partial(partial) => assert!(partial.contents == vec![b'x'; front], "{probe:?}"),
        _ => panic!("{probe:?}"),
    }
}

#[track_caller]
fn assert_not_tried(probe: &Probe<()>) {
    assert!(matches!(probe, Probe::NotTried), "{probe:?}");
}

// ---- Whole files -------------------------------------------------------------------------------

#[test]
fn a_cached_file_is_read_by_one_call_for_each_step() {
    for len in [1, 4096, LEN_MAX] {
        let kernel = Fake::file(len as u64).reading([Ok(len)]);
        assert_read(&read(&mut on(), &kernel), len);
        assert_eq!(
            *kernel.offsets.borrow(),
            [None],
            "at the cursor, which moves on"
        );
    }
}

#[test]
fn an_empty_file_is_read() {
    assert_read(&read(&mut on(), &Fake::file(0).reading([Ok(0)])), 0);
    // The metadata states the length 0, but there are contents.
    assert_partial(&read(&mut on(), &Fake::file(0).reading([Ok(1)])), 1);
}

#[test]
fn a_short_read_is_followed_by_another_one() {
    let kernel = Fake::file(10).reading([Ok(4), Ok(5), Ok(1)]);
    assert_read(&read(&mut on(), &kernel), 10);
}

#[test]
fn a_worker_continues_after_the_cached_bytes() {
    for error in [Errno::AGAIN, Errno::INTR, Errno::IO] {
        let kernel = Fake::file(10).reading([Ok(4), Err(error)]);
        assert_partial(&read(&mut on(), &kernel), 4);
        let mut cache = on();
        assert_partial(&read(&mut cache, &Fake::file(10).reading([Err(error)])), 0);
        // The next file is tried.
        assert_read(&read(&mut cache, &Fake::file(1).reading([Ok(1)])), 1);
    }
}

#[test]
fn a_worker_continues_a_file_that_has_changed_its_length() {
    // Longer, shorter, and empty.
    assert_partial(&read(&mut on(), &Fake::file(10).reading([Ok(11)])), 11);
    assert_partial(&read(&mut on(), &Fake::file(10).reading([Ok(9), Ok(0)])), 9);
    assert_partial(&read(&mut on(), &Fake::file(10).reading([Ok(0)])), 0);
    // Longer, found in two steps.
    assert_partial(
        &read(&mut on(), &Fake::file(10).reading([Ok(4), Ok(7)])),
        11,
    );
}

#[test]
fn a_worker_reads_all_of_a_large_file() {
    for len in [LEN_MAX as u64 + 1, u64::MAX] {
        let kernel = Fake::file(len).trying([Ok(())]);
        let Probe::Partial(partial) = read(&mut on(), &kernel) else {
            panic!("the file is open");
        };
        assert_eq!(partial.stated_len, len);
        assert_eq!(partial.contents.capacity(), 0);
    }
}

#[test]
fn what_is_not_a_regular_file_is_opened_once_and_not_read() {
    for kind in [
        FileType::Fifo,
        FileType::CharacterDevice,
        FileType::BlockDevice,
        FileType::Directory,
        FileType::Unknown,
    ] {
        let kernel = Fake::default().opening([Ok(())]).stating([stat(kind, 1)]);
        let Probe::Partial(partial) = read(&mut on(), &kernel) else {
            panic!("the file is open");
        };
        assert_eq!(partial.is_fifo, Some(kind == FileType::Fifo));
        assert!(partial.contents.is_empty());
    }
    let kernel = Fake::default().opening([Ok(())]).stating([Err(Errno::IO)]);
    let Probe::Partial(partial) = read(&mut on(), &kernel) else {
        panic!("the file is open");
    };
    assert_eq!(partial.is_fifo, None, "the worker finds out");
}

#[test]
fn a_forbidden_stat_turns_the_cache_off() {
    for error in [Errno::NOSYS, Errno::PERM] {
        let mut cache = on();
        let kernel = Fake::default().opening([Ok(())]).stating([Err(error)]);
        assert_partial(&read(&mut cache, &kernel), 0);
        kernel.assert_all_used();
        assert!(!cache.is_on());

        let mut cache = on();
        let kernel = Fake::default().looking_up([Ok(())]).stating([Err(error)]);
        assert!(cache.open(&kernel, Path::new(PATH)).is_none());
        assert!(!cache.is_on());
    }
}

#[test]
fn not_found_is_the_only_error_returned_by_a_read() {
    let kernel = Fake::default().opening([Err(Errno::NOENT)]);
    assert!(matches!(read(&mut on(), &kernel), Probe::NotFound));
    for error in [
        Errno::ACCESS,
        Errno::NOTDIR,
        Errno::LOOP,
        Errno::MFILE,
        Errno::INVAL,
        Errno::NXIO,
    ] {
        let mut cache = on();
        assert_not_tried(&read(&mut cache, &Fake::default().opening([Err(error)])));
        // The next one is tried.
        assert_read(&read(&mut cache, &Fake::file(1).reading([Ok(1)])), 1);
    }
}

#[test]
fn devices_are_not_opened() {
    let mut cache = on();
    let kernel = Fake::default();
    for path in ["/dev/null", "/dev/shm/x", "/dev/a/b"] {
        assert_not_tried(&cache.read(&kernel, Path::new(path)));
        assert!(cache.open(&kernel, Path::new(path)).is_none());
        assert!(cache.exists(&kernel, Path::new(path)).is_none());
    }
    let kernel = Fake::file(1).reading([Ok(1)]);
    assert_read(&cache.read(&kernel, Path::new("/device")), 1);
}

// ---- What is remembered ------------------------------------------------------------------------

#[test]
fn an_unsupported_file_system_is_remembered_by_directory() {
    let mut cache = on();
    let kernel = Fake::file(10).reading([Err(Errno::OPNOTSUPP)]);
    assert_partial(&read(&mut cache, &kernel), 0);
    for _ in 0..100 {
        assert_not_tried(&read(&mut cache, &Fake::default()));
    }
    let kernel = Fake::file(1).reading([Ok(1)]);
    assert_read(&cache.read(&kernel, Path::new("other/file")), 1);
}

#[test]
fn it_is_remembered_even_if_the_file_is_not_read() {
    let unable = [Err(Errno::OPNOTSUPP)];
    let mut cache = on();
    let kernel = Fake::file(LEN_MAX as u64 + 1).trying(unable);
    assert_partial(&read(&mut cache, &kernel), 0);
    assert_not_tried(&read(&mut cache, &Fake::default()));

    let mut cache = on();
    let kernel = found_and_opened().trying(unable);
    let (_, file) = open(&mut cache, &kernel).unwrap().unwrap();
    assert!(open(&mut cache, &Fake::default()).is_none());
    assert_eq!(read_at(&mut cache, &Fake::default(), &file), None);
}

#[test]
fn uncached_names_are_tried_less_often_until_one_is_cached() {
    let mut cache = on();
    let uncached = || Fake::default().opening([Err(Errno::AGAIN)]);
    assert_not_tried(&read(&mut cache, &uncached()));
    assert_not_tried(&read(&mut cache, &uncached()));
    // Skipped, once.
    assert_not_tried(&read(&mut cache, &Fake::default()));
    assert_read(&read(&mut cache, &Fake::file(1).reading([Ok(1)])), 1);
    assert_not_tried(&read(&mut cache, &uncached()));
    assert_read(&read(&mut cache, &Fake::file(1).reading([Ok(1)])), 1);
}

#[test]
fn any_cached_name_resets_its_directory() {
    let ends: [&dyn Fn(&mut PageCache); 5] = [
        &|cache| assert_partial(&read(cache, &Fake::file(1).reading([Err(Errno::AGAIN)])), 0),
        &|cache| {
            let kernel = Fake::default().opening([Err(Errno::NOENT)]);
            assert!(matches!(read(cache, &kernel), Probe::NotFound));
        },
        &|cache| {
            let kernel = Fake::default().looking_up([Ok(())]);
            assert_eq!(cache.exists(&kernel, Path::new(PATH)), Some(true));
        },
        &|cache| {
            let kernel = Fake::default().looking_up([Err(Errno::NOENT)]);
            assert_eq!(cache.exists(&kernel, Path::new(PATH)), Some(false));
        },
        &|cache| assert!(open(cache, &found_and_opened().trying([Ok(())])).is_some()),
    ];
    for end in ends {
        let mut cache = on();
        for _ in 0..3 {
            let kernel = Fake::default().opening([Err(Errno::AGAIN)]);
            while !kernel.opens.borrow().is_empty() {
                assert_not_tried(&cache.read(&kernel, Path::new(PATH)));
            }
        }
        for _ in 0..3 {
            assert_not_tried(&read(&mut cache, &Fake::default()));
        }
        end(&mut cache);
        let kernel = Fake::default().opening([Err(Errno::AGAIN)]);
        assert_not_tried(&read(&mut cache, &kernel));
        assert_read(&read(&mut cache, &Fake::file(1).reading([Ok(1)])), 1);
    }
}

#[test]
fn an_unsupported_kernel_turns_the_cache_off() {
    let mut cache = on();
    let kernel = Fake {
        is_unsupported: true,
        ..Fake::default()
    };
    assert_not_tried(&read(&mut cache, &kernel));
    assert!(!cache.is_on());
    assert_not_tried(&read(&mut PageCache::new(false), &Fake::default()));
}

#[test]
fn a_seccomp_filter_turns_the_cache_off_and_a_file_system_does_not() {
    for error in [Errno::NOSYS, Errno::PERM] {
        for is_forbidden in [false, true] {
            let mut cache = on();
            let kernel = Fake {
                is_forbidden,
                ..Fake::default().opening([Err(error)])
            };
            assert_not_tried(&read(&mut cache, &kernel));
            assert_eq!(kernel.permissions_asked.get(), 1);
            assert_eq!(cache.is_on(), !is_forbidden);
        }
        // For a read no permission is tested, because a file system does not return these errors.
        let mut cache = on();
        assert_partial(&read(&mut cache, &Fake::file(10).reading([Err(error)])), 0);
        assert!(!cache.is_on());
        let mut cache = on();
        let kernel = Fake::default().reading([Err(error)]);
        let regular = suitable();
        let part = cache.read_at(&kernel, (&(), &regular), &mut [0; 4], 0);
        assert_eq!(part.unwrap().len, 0);
        assert!(!cache.is_on());
    }
}

// ---- The limit of bytes ------------------------------------------------------------------------

#[test]
fn the_limit_of_bytes_is_reset_in_each_tick() {
    let reads_per_tick = BYTES_PER_TICK.div_ceil(5000);
    let mut cache = on();
    for tick in [0, 1, 2, 7] {
        for _ in 0..reads_per_tick {
            let kernel = Fake::file(5000).reading([Ok(5000)]);
            assert_read(&read(cache.at_tick(tick), &kernel), 5000);
        }
        let cache = cache.at_tick(tick);
        assert_not_tried(&read(cache, &Fake::default()));
        assert!(cache.open(&Fake::default(), Path::new(PATH)).is_none());
        assert!(cache.exists(&Fake::default(), Path::new(PATH)).is_none());
        let regular = suitable();
        let part = cache.read_at(&Fake::default(), (&(), &regular), &mut [0; 4], 0);
        assert!(part.is_none());
        assert!(cache.is_on());
    }
}

#[test]
fn all_reads_count_toward_the_limit() {
    let file = suitable();
    let ways: [&dyn Fn(&mut PageCache); 5] = [
        &|cache| {
            let kernel = Fake::file(LEN_MAX as u64).reading([Ok(LEN_MAX)]);
            assert_read(&read(cache, &kernel), LEN_MAX);
        },
        // Bytes after which a worker continues.
        &|cache| {
            let kernel = Fake::file(LEN_MAX as u64).reading([Ok(LEN_MAX + 1)]);
            assert_partial(&read(cache, &kernel), LEN_MAX + 1);
        },
        &|cache| {
            let kernel = Fake::default().reading([Ok(LEN_MAX)]);
            let mut buf = vec![0; LEN_MAX];
            let part = cache.read_at(&kernel, (&(), &file), &mut buf, 0);
            assert!(part.unwrap().is_whole());
        },
        &|cache| {
            let kernel = Fake::default().reading([Ok(LEN_MAX)]);
            let buf = &mut Vec::new();
            let part = cache.read_chunk(&kernel, (&(), &file), (buf, LEN_MAX), 0);
            assert!(part.unwrap().is_whole());
        },
        &|cache| {
            let kernel = Fake::default().reading([Ok(LEN_MAX)]);
            let mut buf = vec![0; LEN_MAX];
            let n = cache.read_at_cursor(&kernel, (&(), &file), &mut buf);
            assert_eq!(n, Some(LEN_MAX));
        },
    ];
    for way in ways {
        let mut cache = on();
        for _ in 0..BYTES_PER_TICK / LEN_MAX {
            way(&mut cache);
        }
        assert_not_tried(&read(&mut cache, &Fake::default()));
    }
}

// ---- Open files --------------------------------------------------------------------------------

fn read_at(cache: &mut PageCache, kernel: &Fake, file: &Suitability) -> Option<(usize, bool)> {
    let part = cache.read_at(kernel, (&(), file), &mut [0; 10], 7);
    kernel.assert_all_used();
    part.map(|part| (part.len, part.is_whole()))
}

#[test]
fn the_suitability_of_an_open_file_is_probed_once() {
    let file = Suitability::default();
    let mut cache = on();
    let kernel = Fake::default().stating([regular(1)]).reading([Ok(10)]);
    assert_eq!(read_at(&mut cache, &kernel, &file), Some((10, true)));
    let kernel = Fake::default().reading([Ok(10)]);
    assert_eq!(read_at(&mut cache, &kernel, &file), Some((10, true)));
}

#[test]
fn only_regular_files_without_o_direct_are_suitable() {
    let is_direct = |is_direct| Fake {
        is_direct,
        ..Fake::default()
    };
    for kernel in [
        is_direct(false).stating([stat(FileType::Fifo, 0)]),
        is_direct(false).stating([stat(FileType::CharacterDevice, 0)]),
        is_direct(false).stating([Err(Errno::IO)]),
        is_direct(true).stating([regular(1)]),
    ] {
        let file = Suitability::default();
        assert_eq!(read_at(&mut on(), &kernel, &file), None);
        assert_eq!(read_at(&mut on(), &Fake::default(), &file), None);
    }
}

#[test]
fn a_read_fills_the_buffer_up_to_the_end_of_the_file_or_the_cache() {
    let file = suitable();
    for (results, expected) in [
        (vec![Ok(10)], (10, true)),
        (vec![Ok(4), Ok(6)], (10, true)),
        (vec![Ok(4), Ok(0)], (4, true)),
        (vec![Ok(0)], (0, true)),
        (vec![Ok(4), Err(Errno::AGAIN)], (4, false)),
        (vec![Err(Errno::AGAIN)], (0, false)),
        (vec![Err(Errno::BADF)], (0, false)),
    ] {
        let kernel = Fake::default().reading(results.clone());
        assert_eq!(
            read_at(&mut on(), &kernel, &file),
            Some(expected),
            "{results:?}"
        );

        let kernel = Fake::default().reading(results.clone());
        let mut chunk = vec![b'?'; 3];
        let part = on().read_chunk(&kernel, (&(), &file), (&mut chunk, 10), 7);
        assert_eq!(part.map(|part| (part.len, part.is_whole())), Some(expected));
        assert_eq!(chunk, vec![b'x'; expected.0]);
    }
    let kernel = Fake::default().reading([Ok(4), Ok(5), Ok(1)]);
    read_at(&mut on(), &kernel, &file);
    assert_eq!(*kernel.offsets.borrow(), [Some(7), Some(11), Some(16)]);
}

#[test]
fn a_chunk_contains_only_what_was_read() {
    let file = suitable();
    let mut chunk = vec![b'?'; 100];
    let kernel = Fake::default().reading([Ok(2), Ok(0)]);
    on().read_chunk(&kernel, (&(), &file), (&mut chunk, 10), 0);
    assert_eq!(chunk, b"xx");
}

#[test]
fn an_unsupported_open_file_is_not_tried_again() {
    let file = suitable();
    let mut cache = on();
    let kernel = Fake::default().reading([Err(Errno::OPNOTSUPP)]);
    assert_eq!(read_at(&mut cache, &kernel, &file), Some((0, false)));
    assert_eq!(read_at(&mut cache, &Fake::default(), &file), None);
    assert!(cache.is_on());
}

#[test]
fn large_and_empty_reads_are_left_to_workers() {
    let file = suitable();
    let mut cache = on();
    let mut large = vec![0; LEN_MAX + 1];
    for buf in [&mut [][..], &mut large] {
        assert_eq!(cache.read_at(&Fake::default(), (&(), &file), buf, 0), None);
        assert_eq!(
            cache.read_at_cursor(&Fake::default(), (&(), &file), buf),
            None
        );
        let len = buf.len();
        let mut chunk = Vec::new();
        let part = cache.read_chunk(&Fake::default(), (&(), &file), (&mut chunk, len), 0);
        assert_eq!((part, chunk.capacity()), (None, 0));
    }
}

#[test]
fn a_read_at_the_cursor_needs_one_cached_byte() {
    let file = suitable();
    let read = |result: Result<usize, Errno>| {
        let kernel = Fake::default().reading([result]);
        let n = on().read_at_cursor(&kernel, (&(), &file), &mut [0; 10]);
        assert_eq!(*kernel.offsets.borrow(), [None]);
        kernel.assert_all_used();
        n
    };
    assert_eq!(read(Ok(1)), Some(1));
    assert_eq!(read(Ok(0)), Some(0));
    assert_eq!(read(Err(Errno::AGAIN)), None);
}

// ---- Opening and looking up paths ---------------------------------------------------------------

/// A regular file, looked up and then opened.
fn found_and_opened() -> Fake {
    Fake::file(1)
        .looking_up([Ok(())])
        .stating([regular(1), regular(1)])
}

#[track_caller]
fn open(cache: &mut PageCache, kernel: &Fake) -> Option<Result<((), Suitability), NotFound>> {
    let opened = cache.open(kernel, Path::new(PATH));
    kernel.assert_all_used();
    opened
}

#[test]
fn a_regular_file_is_opened_and_set_to_blocking() {
    for result in [Ok(()), Err(Errno::AGAIN)] {
        let kernel = found_and_opened().trying([result]);
        let (_, file) = open(&mut on(), &kernel).unwrap().unwrap();
        assert_eq!(kernel.set_blocking_calls.get(), 1);
        // It is not probed again.
        let kernel = Fake::default().reading([Ok(10)]);
        assert_eq!(read_at(&mut on(), &kernel, &file), Some((10, true)));
    }
}

#[test]
fn what_is_not_a_regular_file_is_left_to_a_worker() {
    for state in [
        stat(FileType::Fifo, 0),
        stat(FileType::CharacterDevice, 0),
        Err(Errno::IO),
    ] {
        let kernel = Fake::default().looking_up([Ok(())]).stating([state]);
        assert!(open(&mut on(), &kernel).is_none());
        // It was replaced in between.
        let kernel = found_and_opened().stating([regular(1), state]);
        assert!(open(&mut on(), &kernel).is_none());
    }
    let kernel = Fake {
        set_blocking_fails: true,
        ..found_and_opened()
    };
    assert!(open(&mut on(), &kernel).is_none());
}

#[test]
fn not_found_is_the_only_error_returned_by_an_open() {
    let open = |kernel: &Fake| open(&mut on(), kernel).map(|opened| opened.unwrap_err());
    let missing = [Err(Errno::NOENT)];
    let unfound = Fake::default().looking_up(missing);
    assert_eq!(open(&unfound), Some(NotFound));
    let found = || Fake::default().looking_up([Ok(())]).stating([regular(1)]);
    assert_eq!(open(&found().opening(missing)), Some(NotFound));
    for error in [Errno::ACCESS, Errno::AGAIN, Errno::MFILE, Errno::PERM] {
        assert_eq!(open(&Fake::default().looking_up([Err(error)])), None);
        assert_eq!(open(&found().opening([Err(error)])), None);
    }
}

#[test]
fn exists_returns_only_what_is_cached() {
    let exists = |result| {
        let kernel = Fake::default().looking_up([result]);
        let exists = on().exists(&kernel, Path::new(PATH));
        kernel.assert_all_used();
        exists
    };
    assert_eq!(exists(Ok(())), Some(true));
    assert_eq!(exists(Err(Errno::NOENT)), Some(false));
    for error in [
        Errno::AGAIN,
        Errno::ACCESS,
        Errno::NOTDIR,
        Errno::LOOP,
        Errno::NOSYS,
    ] {
        assert_eq!(exists(Err(error)), None);
    }
}
