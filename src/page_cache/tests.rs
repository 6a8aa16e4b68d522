//! The decisions, against a kernel that answers what it is told to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::Path;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::kernel::Stat;
use super::{BYTES_PER_TICK, Kernel, LEN_MAX, NotFound, PageCache, Probe, Suitability};

const PATH: &str = "some/file";

/// Answers each kind of call in the order of a list. A call that is not on it fails the test, and so
/// does an answer that nobody asked for.
#[derive(Default)]
struct Fake {
    opens: RefCell<VecDeque<Result<(), Errno>>>,
    look_ups: RefCell<VecDeque<Result<(), Errno>>>,
    stats: RefCell<VecDeque<Result<Stat, Errno>>>,
    reads: RefCell<VecDeque<Result<usize, Errno>>>,
    tries: RefCell<VecDeque<Result<(), Errno>>>,
    /// Where reads began.
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
        self.look_ups = RefCell::new(results.into());
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
            + self.look_ups.borrow().len()
            + self.stats.borrow().len()
            + self.reads.borrow().len()
            + self.tries.borrow().len();
        assert_eq!(left, 0, "so many answers were not asked for");
    }
}

#[track_caller]
fn next<T>(answers: &RefCell<VecDeque<Result<T, Errno>>>) -> Result<T, Errno> {
    answers.borrow_mut().pop_front().expect("one call too many")
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
        next(&self.look_ups)
    }

    fn stat(&self, _file: &()) -> Result<Stat, Errno> {
        next(&self.stats)
    }

    fn read(&self, _file: &(), buf: &mut [u8], offset: Option<u64>) -> Result<usize, Errno> {
        self.offsets.borrow_mut().push(offset);
        let n = next(&self.reads)?;
        assert!(n <= buf.len(), "there is room for {} bytes", buf.len());
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

/// Reads a whole file from a kernel that gives all its answers.
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
fn an_empty_file_is_found_to_be_empty() {
    assert_read(&read(&mut on(), &Fake::file(0).reading([Ok(0)])), 0);
    // It states no length, and has contents.
    assert_partial(&read(&mut on(), &Fake::file(0).reading([Ok(1)])), 1);
}

#[test]
fn a_short_read_is_followed_by_another_one() {
    let kernel = Fake::file(10).reading([Ok(4), Ok(5), Ok(1)]);
    assert_read(&read(&mut on(), &kernel), 10);
}

#[test]
fn what_is_not_in_the_cache_is_left_to_a_worker_with_what_there_is() {
    for error in [Errno::AGAIN, Errno::INTR, Errno::IO] {
        let kernel = Fake::file(10).reading([Ok(4), Err(error)]);
        assert_partial(&read(&mut on(), &kernel), 4);
        let mut cache = on();
        assert_partial(&read(&mut cache, &Fake::file(10).reading([Err(error)])), 0);
        // That says nothing of the next file.
        assert_read(&read(&mut cache, &Fake::file(1).reading([Ok(1)])), 1);
    }
}

#[test]
fn a_file_that_has_changed_its_length_is_left_to_a_worker() {
    // Longer, shorter, and gone.
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
fn a_large_file_is_left_to_a_worker_as_a_whole() {
    for len in [LEN_MAX as u64 + 1, u64::MAX] {
        let kernel = Fake::file(len).trying([Ok(())]);
        let Probe::Partial(partial) = read(&mut on(), &kernel) else {
            panic!("it is open");
        };
        assert_eq!(partial.stated_len, len);
        assert_eq!(partial.contents.capacity(), 0);
    }
}

#[test]
fn what_is_no_file_is_not_read_but_not_opened_twice_either() {
    for kind in [
        FileType::Fifo,
        FileType::CharacterDevice,
        FileType::BlockDevice,
        FileType::Directory,
        FileType::Unknown,
    ] {
        let kernel = Fake::default().opening([Ok(())]).stating([stat(kind, 1)]);
        let Probe::Partial(partial) = read(&mut on(), &kernel) else {
            panic!("it is open");
        };
        assert_eq!(partial.is_fifo, Some(kind == FileType::Fifo));
        assert!(partial.contents.is_empty());
    }
    let kernel = Fake::default().opening([Ok(())]).stating([Err(Errno::IO)]);
    let Probe::Partial(partial) = read(&mut on(), &kernel) else {
        panic!("it is open");
    };
    assert_eq!(partial.is_fifo, None, "the worker finds out");
}

#[test]
fn where_nothing_is_said_of_an_open_file_nothing_more_is_tried() {
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
fn only_not_found_is_answered_at_once() {
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
fn devices_are_not_even_opened() {
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

// ---- What is learned ---------------------------------------------------------------------------

#[test]
fn a_file_system_that_cannot_is_remembered_by_its_directory() {
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
fn it_is_remembered_of_files_that_are_not_read_too() {
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
fn names_that_are_not_cached_are_tried_less_often_until_one_is() {
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
fn any_name_that_is_cached_ends_it() {
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
fn what_the_kernel_cannot_is_never_tried() {
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
fn a_filter_of_system_calls_switches_it_off_and_a_file_system_does_not() {
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
        // Reading asks no file system for leave.
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

// ---- The budget --------------------------------------------------------------------------------

#[test]
fn a_tick_has_so_many_bytes_and_the_next_one_has_as_many() {
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
fn all_that_is_read_counts() {
    let file = suitable();
    let ways: [&dyn Fn(&mut PageCache); 5] = [
        &|cache| {
            let kernel = Fake::file(LEN_MAX as u64).reading([Ok(LEN_MAX)]);
            assert_read(&read(cache, &kernel), LEN_MAX);
        },
        // What a worker goes on with.
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
fn an_open_file_is_looked_at_once() {
    let file = Suitability::default();
    let mut cache = on();
    let kernel = Fake::default().stating([regular(1)]).reading([Ok(10)]);
    assert_eq!(read_at(&mut cache, &kernel, &file), Some((10, true)));
    let kernel = Fake::default().reading([Ok(10)]);
    assert_eq!(read_at(&mut cache, &kernel, &file), Some((10, true)));
}

#[test]
fn only_regular_files_that_are_not_read_past_the_cache_are_suitable() {
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
fn a_read_is_filled_up_unless_the_file_ends_or_the_cache_does() {
    let file = suitable();
    for (answers, expected) in [
        (vec![Ok(10)], (10, true)),
        (vec![Ok(4), Ok(6)], (10, true)),
        (vec![Ok(4), Ok(0)], (4, true)),
        (vec![Ok(0)], (0, true)),
        (vec![Ok(4), Err(Errno::AGAIN)], (4, false)),
        (vec![Err(Errno::AGAIN)], (0, false)),
        (vec![Err(Errno::BADF)], (0, false)),
    ] {
        let kernel = Fake::default().reading(answers.clone());
        assert_eq!(
            read_at(&mut on(), &kernel, &file),
            Some(expected),
            "{answers:?}"
        );

        let kernel = Fake::default().reading(answers.clone());
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
fn a_chunk_has_nothing_in_it_but_what_was_read() {
    let file = suitable();
    let mut chunk = vec![b'?'; 100];
    let kernel = Fake::default().reading([Ok(2), Ok(0)]);
    on().read_chunk(&kernel, (&(), &file), (&mut chunk, 10), 0);
    assert_eq!(chunk, b"xx");
}

#[test]
fn an_open_file_that_cannot_is_not_tried_again() {
    let file = suitable();
    let mut cache = on();
    let kernel = Fake::default().reading([Err(Errno::OPNOTSUPP)]);
    assert_eq!(read_at(&mut cache, &kernel, &file), Some((0, false)));
    assert_eq!(read_at(&mut cache, &Fake::default(), &file), None);
    assert!(cache.is_on());
}

#[test]
fn reads_that_are_large_or_empty_are_for_workers() {
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
fn at_the_cursor_a_byte_is_enough() {
    let file = suitable();
    let read = |answer: Result<usize, Errno>| {
        let kernel = Fake::default().reading([answer]);
        let n = on().read_at_cursor(&kernel, (&(), &file), &mut [0; 10]);
        assert_eq!(*kernel.offsets.borrow(), [None]);
        kernel.assert_all_used();
        n
    };
    assert_eq!(read(Ok(1)), Some(1));
    assert_eq!(read(Ok(0)), Some(0));
    assert_eq!(read(Err(Errno::AGAIN)), None);
}

// ---- Opening, and asking for names -------------------------------------------------------------

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
fn a_regular_file_is_opened_and_may_wait_afterwards() {
    for answer in [Ok(()), Err(Errno::AGAIN)] {
        let kernel = found_and_opened().trying([answer]);
        let (_, file) = open(&mut on(), &kernel).unwrap().unwrap();
        assert_eq!(kernel.set_blocking_calls.get(), 1);
        // It is not looked at again.
        let kernel = Fake::default().reading([Ok(10)]);
        assert_eq!(read_at(&mut on(), &kernel, &file), Some((10, true)));
    }
}

#[test]
fn what_is_no_regular_file_is_opened_by_a_worker_alone() {
    for state in [
        stat(FileType::Fifo, 0),
        stat(FileType::CharacterDevice, 0),
        Err(Errno::IO),
    ] {
        let kernel = Fake::default().looking_up([Ok(())]).stating([state]);
        assert!(open(&mut on(), &kernel).is_none());
        // It was exchanged in between.
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
fn opening_answers_not_found_and_no_other_error() {
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
fn a_name_is_there_or_not_or_a_worker_must_look() {
    let exists = |answer| {
        let kernel = Fake::default().looking_up([answer]);
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
