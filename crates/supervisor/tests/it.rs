//! The guard with real processes: what becomes of children that misbehave, and of everything when
//! the daemon or the guard is killed. The children are shell scripts; Linux only, because the
//! tests look at /proc.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

#[path = "it/running.rs"]
mod running;

#[path = "it/children.rs"]
mod children;
#[path = "it/deaths.rs"]
mod deaths;
#[path = "it/host.rs"]
mod host;
