//! Files below folders that a person named, and no others: what `files`, `shell` and `runner` open.
//!
//! Every path is opened relative to a handle of its root and never leaves it, whatever links lie
//! there and whoever changes them meanwhile: the kernel resolves and opens in one step (`openat2`).
//! It deliberately checks no path before opening it, and decodes no content.

mod names;
mod open;
mod refusal;
mod roots;
mod stay;
mod write;

pub use names::Names;
pub(crate) use open::{Found, fstat_entry};
pub use refusal::Refusal;
pub use roots::{Place, Roots, RootsError};
pub(crate) use write::{DRAFT_PREFIX, DRAFT_SUFFIX};
