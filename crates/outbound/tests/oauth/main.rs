//! Signing in, against a small authorization server in this process that can be told to break each
//! rule. What a person sees of it is tested from outside, with servers of others.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod refused;
mod renewed;
mod rules;
mod world;
