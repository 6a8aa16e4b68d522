//! How files are read.

use super::Builder;

impl Builder {
    /// Sets whether files in the kernel's page cache are read on the loop's thread, and not by a
    /// worker.
    ///
    /// The default is `true`; with a [seed](Builder::seed) it is always off. Switch it off if
    /// opening a file may wait for this process itself, for example because one of its threads
    /// serves a FUSE file system or handles fanotify permission events. See
    /// [`fs`](crate::fs#cached-files).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = quintet::runtime::Builder::new().cached_reads(false).build()?;
    /// let manifest = runtime.block_on(quintet::fs::read("Cargo.toml"))?;
    /// assert!(!manifest.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn cached_reads(&mut self, cached_reads: bool) -> &mut Self {
        self.settings.cached_reads = cached_reads;
        self
    }
}
