//! How much of everything there may be.
//!
//! It deliberately holds numbers only; who checks them says what to do next.

use super::rows::Ms;

/// A description, bytes.
pub(crate) const DESCRIPTION_BYTES_MAX: usize = 16 * 1024;
/// A name, a label, a ticket and the like, bytes.
pub(crate) const WORD_BYTES_MAX: usize = 1024;
/// Metadata, a result, a list of a row, as JSON, bytes.
pub(crate) const VALUE_BYTES_MAX: usize = 256 * 1024;
/// Entries of a list of a row.
pub(crate) const LIST_MAX: usize = 256;
/// Tasks of one break-down.
pub(crate) const BREAK_DOWN_MAX: usize = 10_000;
/// Dependencies of one task named at once.
pub(crate) const DEPENDENCIES_MAX: usize = 1_000;
/// Items of one batch.
pub(crate) const BATCH_MAX: usize = 1_000;
/// Gates of one task.
pub(crate) const GATES_MAX: usize = 64;
/// Rows of one import: it is one transaction, and all other writers wait for it.
pub(crate) const IMPORT_ROWS_MAX: usize = 100_000;
/// Overdue leases that are ended with one command; the others follow with the next.
pub(crate) const SWEEP_MAX: usize = 256;
/// Ready tasks that a claim looks at before it says that none fits.
pub(crate) const CLAIM_SCAN_MAX: usize = 10_000;
/// The shortest lease, ms.
pub(crate) const LEASE_MS_MIN: Ms = 1_000;
/// The longest lease, ms: a day.
pub(crate) const LEASE_MS_MAX: Ms = 24 * 3_600_000;
/// How long past its end a lease is still honoured, ms.
pub(crate) const LEASE_GRACE_MS: Ms = 2_000;
/// Claims of a task that may end without its end, where nothing else is said.
pub(crate) const ATTEMPTS_MAX: u32 = 3;
/// The most that may be said, attempts.
pub(crate) const ATTEMPTS_LIMIT: u32 = 1_000;
/// Names of a circle that are told.
pub(crate) const CIRCLE_SHOWN_MAX: usize = 12;
