//! Whether tasks carry the spans in which they are spawned.

use super::Builder;

/// Settings of spans, with the feature `tracing`.
impl Builder {
    /// Sets whether each task and each blocking job runs in the span of [`tracing`] that was the
    /// current one where it was spawned.
    ///
    /// The default is `false`: what is begun in a task then belongs to no span of the code that has
    /// spawned the task, unless its future is
    /// [instrumented](tracing::Instrument::in_current_span). With `true`, that span is also the
    /// parent of the task's own span. It stays open as long as the task. See the
    /// [guide](crate::guide::tracing).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = quintet::runtime::Builder::new().inherit_spans(true).build()?;
    /// runtime.block_on(async {
    ///     let request = tracing::info_span!("request").entered();
    ///     let task = quintet::spawn(async { tracing::info!("in the span `request`") });
    ///     drop(request);
    ///     task.await
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn inherit_spans(&mut self, is_inherited: bool) -> &mut Self {
        self.settings.span_policy.is_inherited = is_inherited;
        self
    }
}
