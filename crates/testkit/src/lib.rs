//! The test kit: what MCP servers, and the switchboard itself, are tested with.
//!
//! For now it holds one piece, the misbehaving stdio server: each [`misbehave::Mode`] is one way in
//! which real servers go wrong, done on purpose and always in the same manner. The program
//! `mcp-misbehave` runs it. It is synchronous and knows nothing of the product's crates, so that a
//! mistake of theirs cannot hide in their own test peer; and it is no reference server: it checks
//! only what a test looks at.

pub mod misbehave;
