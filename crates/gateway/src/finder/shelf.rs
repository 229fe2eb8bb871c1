//! Where bytes are kept that would have to be made or learned again. Only threads that may wait come here.

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The index, which can be made again.
    Index,
    /// What was called after which search, which cannot.
    Uses,
    /// Which lists clients without a session were shown, so that a restart is none for them.
    Decisions,
}

/// Keeps bytes. What cannot be kept or read is reported by whoever keeps it; it is no reason to fail.
pub trait Shelf: Send + Sync {
    /// What was written last, perhaps by an earlier run.
    fn read(&self, kept: Kept) -> Option<Vec<u8>>;

    /// Puts these bytes in the place of what was there.
    fn write(&self, kept: Kept, bytes: &[u8]);
}
