//! The CPU time of a thread.

use std::time::Duration;

use rustix::time::ClockId;

use super::system::read;

/// Returns for how long the present thread has used a processor.
pub(crate) fn thread_cpu_time() -> Duration {
    Duration::from_nanos(read(ClockId::ThreadCPUTime))
}

#[cfg(test)]
mod tests {
    use std::hint;
    use std::thread;

    use super::*;

    #[test]
    fn it_grows_while_the_thread_computes_and_is_that_of_one_thread() {
        let start = thread_cpu_time();
        let other = thread::spawn(|| {
            let start = thread_cpu_time();
            while thread_cpu_time() - start < Duration::from_millis(20) {
                hint::spin_loop();
            }
        });
        other.join().unwrap();
        assert!(thread_cpu_time() - start < Duration::from_millis(20));
    }
}
