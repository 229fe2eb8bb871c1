//! How much of everything there may be.
//!
//! It deliberately holds numbers only; who checks them says what to do next.

use super::rows::Ms;

/// A description, bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 16 * 1024;
/// A name, a label, a ticket and the like, bytes.
pub const WORD_BYTES_MAX: usize = 1024;
/// Metadata, a result, a list of a row, as JSON, bytes.
pub const VALUE_BYTES_MAX: usize = 256 * 1024;
/// Entries of a list of a row.
pub const LIST_MAX: usize = 256;
/// Tasks of one break-down.
pub const BREAK_DOWN_MAX: usize = 10_000;
/// Dependencies of one task named at once.
pub const DEPENDENCIES_MAX: usize = 1_000;
/// Items of one batch.
pub const BATCH_MAX: usize = 1_000;
/// Gates of one task.
pub const GATES_MAX: usize = 64;
/// Rows of one import.
pub const IMPORT_ROWS_MAX: usize = 500_000;
/// Overdue leases that are ended with one command; the others follow with the next.
pub const SWEEP_MAX: usize = 256;
/// Ready tasks that a claim looks at before it says that none fits.
pub const CLAIM_SCAN_MAX: usize = 10_000;
/// The shortest lease, ms.
pub const LEASE_MS_MIN: Ms = 1_000;
/// The longest lease, ms: a day.
pub const LEASE_MS_MAX: Ms = 24 * 3_600_000;
/// The lease where none is asked for, ms: five minutes.
pub const LEASE_MS: Ms = 300_000;
/// How long past its end a lease is still honoured, ms.
pub const LEASE_GRACE_MS: Ms = 2_000;
/// Claims of a task that may end without its end, where nothing else is said.
pub const ATTEMPTS_MAX: u32 = 3;
/// The most that may be said, attempts.
pub const ATTEMPTS_LIMIT: u32 = 1_000;
/// Names of a circle that are told.
pub const CIRCLE_SHOWN_MAX: usize = 12;
