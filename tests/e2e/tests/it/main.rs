//! The switchboard from outside, one file per subject: the built binary in its own home, real
//! processes behind it, clients of both eras in front of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helping functions too"
)]

