//! The test kit: what MCP servers, and the switchboard itself, are tested with.
//!
//! It holds two pieces. The misbehaving stdio server: each [`misbehave::Mode`] is one way in
//! which real servers go wrong, done on purpose and always in the same manner; the program
//! `mcp-misbehave` runs it. And a server with the tools of a list, [`catalog`], of which many run
//! side by side; the program is `mcp-catalog`. The kit is synchronous and knows nothing of the product's crates, so that a
//! mistake of theirs cannot hide in their own test peer; and it is no reference server: it checks
//! only what a test looks at.

pub mod catalog;
pub mod misbehave;
