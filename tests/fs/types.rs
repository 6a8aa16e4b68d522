//! Traits that the types implement.

use std::io::SeekFrom;
use std::path::Path;
use std::pin::Pin;
use std::time::SystemTime;

use quintet::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use quintet::io::{AsyncRead, AsyncSeekExt, AsyncWrite};

use super::pipe;

/// Compiled, and never called.
#[expect(dead_code, reason = "that it compiles is the test")]
fn all_futures_are_send(
    mut file: File,
    path: &Path,
    mut entries: fs::ReadDir,
    entry: fs::DirEntry,
    walked: fs::WalkEntry,
    temporary: fs::TempDir,
) {
    fn is_send<T: Send>(_: T) {}
    let permissions = std::fs::metadata(path).unwrap().permissions();
    is_send(fs::read(path));
    is_send(fs::read_to_string("x"));
    is_send(fs::read_limited("x", 1));
    is_send(fs::exists(path));
    is_send(fs::tempfile());
    is_send(fs::tempfile_in(path));
    is_send(fs::tempdir());
    is_send(fs::tempdir_in(path));
    is_send(temporary.close());
    is_send(fs::chown(path, None, None));
    is_send(fs::lchown(path, None, None));
    is_send(fs::write(String::new(), vec![]));
    is_send(fs::write_atomic(path, ""));
    is_send(fs::copy(path, path));
    is_send(fs::rename(path, path));
    is_send(fs::remove_file(path));
    is_send(fs::remove_dir(path));
    is_send(fs::remove_dir_all(path));
    is_send(fs::create_dir(path));
    is_send(fs::create_dir_all(path));
    is_send(fs::metadata(path));
    is_send(fs::symlink_metadata(path));
    is_send(fs::canonicalize(path));
    is_send(fs::read_link(path));
    is_send(fs::symlink(path, path));
    is_send(fs::hard_link(path, path));
    is_send(fs::set_permissions(path, permissions.clone()));
    is_send(fs::try_exists(path));
    is_send(fs::read_dir(path));
    is_send(entries.next_entry());
    is_send(entry.metadata());
    is_send(entry.file_type());
    is_send(walked.metadata());
    is_send(DirBuilder::new().create(path));
    is_send(OpenOptions::new().open(path));
    is_send(File::open(path));
    is_send(File::create(path));
    is_send(File::create_new(path));
    is_send(file.metadata());
    is_send(file.set_len(0));
    is_send(file.set_permissions(permissions));
    is_send(file.set_modified(SystemTime::now()));
    is_send(file.set_times(FileTimes::new()));
    is_send(file.sync_all());
    is_send(file.sync_data());
    is_send(file.try_clone());
    is_send(file.read_at(&mut [], 0));
    is_send(file.read_exact_at(&mut [], 0));
    is_send(file.read_chunk_at(vec![], 0, 0));
    is_send(file.write_at(&[], 0));
    is_send(file.write_all_at(&[], 0));
    is_send(file.read(&mut []));
    is_send(file.read_exact(&mut []));
    is_send(file.write(&[]));
    is_send(file.write_all(&[]));
    is_send(file.flush());
    is_send(file.seek(SeekFrom::Start(0)));
    is_send(file.lock());
    is_send(file.lock_shared());
    is_send(file.try_lock());
    is_send(file.try_lock_shared());
    is_send(file.unlock());
    is_send(file.read_vectored(&mut []));
    is_send(file.write_vectored(&[]));
    is_send(file.read_vectored_at(&mut [], 0));
    is_send(file.write_vectored_at(&[], 0));
    is_send(file.into_std());
}

#[test]
fn files_go_where_the_traits_go() {
    fn is_all<T: AsyncRead + AsyncWrite + AsyncSeekExt + Send + Sync + Unpin + 'static>() {}
    is_all::<File>();
    let boxed: Pin<Box<dyn AsyncRead + Send>> = Box::pin(pipe().1);
    drop(boxed);
}
