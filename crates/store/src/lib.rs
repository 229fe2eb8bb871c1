//! What must last, and what may be forgotten: durable tables over SQLite or PostgreSQL, and the
//! cache in process or in Redis.
//!
//! It deliberately knows neither MCP nor HTTP, and nothing of who asks.

pub mod cache;
