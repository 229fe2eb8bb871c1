//! The server `web`: searching and reading the web.

pub mod read;
