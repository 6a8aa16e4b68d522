//! What only Linux does with FIFOs.

use super::OpenOptions;

impl OpenOptions {
    /// Sets whether the FIFO is opened for reading and writing. The default is false.
    ///
    /// A sender can then be opened while there is no receiver; what it writes is lost if it is
    /// closed before there is one. And a receiver never reads an end, because it is a sender
    /// itself: another process may open the FIFO again and again.
    ///
    /// This method exists on Linux and Android only, because POSIX does not define such an open.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use quintet::net::unix::pipe;
    ///
    /// let receiver = pipe::OpenOptions::new()
    ///     .read_write(true)
    ///     .open_receiver("/run/commands")?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn read_write(&mut self, read_write: bool) -> &mut Self {
        self.is_read_write = read_write;
        self
    }
}
