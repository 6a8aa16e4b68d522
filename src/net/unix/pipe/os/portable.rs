//! Elsewhere POSIX does not say what opening a FIFO for reading and writing does.
