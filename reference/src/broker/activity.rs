//! What goes on in a broker at this moment: counted by guards, so that nothing is forgotten however it ends.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What goes on in a broker at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Connections whose end, if it came, was not noticed yet.
    pub connections: usize,
    /// Long polls that have looked for messages, or are about to, and are not answered yet; abandoned ones that go on included.
    pub long_polls: usize,
}

/// Counts what is under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauge(Arc<AtomicUsize>);

/// One of those that a [`Gauge`] counts, until dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Gauge);

impl Gauge {
    pub(crate) fn enter(&self) -> UnderWay {
        self.0.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    pub(crate) fn value(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
