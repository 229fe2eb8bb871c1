//! What the end-to-end tests stand on: a running switchboard in a home of its own, clients of both
//! eras over real sockets that say right and wrong things, and servers and clients of others.
//!
//! Everything is driven from outside, through the built binary; nothing here links the product. It
//! is no MCP library: it checks nothing that a test does not ask for. A step that fails panics with
//! what was expected and what was seen, since each step is part of a test.
#![expect(clippy::expect_used, clippy::panic, reason = "a step that fails is a test that fails")]

mod waiting;
pub use waiting::{SOON, await_some, eventually};

mod programs;
pub use programs::{Ended, built, command, entry, entry_at, entry_of, entry_over, misbehave, run, script, tell};

mod processes;
pub use processes::{Process, Tree, kill};

mod switchboard;
pub use switchboard::{Home, Switchboard};

mod small_disk;
pub use small_disk::SmallDisk;

mod http;
pub use http::{Answer, exchange, send, try_exchange};

mod socket;
pub use socket::WebSocket;

mod client;
pub use client::{Client, LEGACY, Legacy, MODERN, Modern};

mod talk;
pub use talk::Talk;

mod line;
pub use line::{LINE, Line, failure_of, text_of};

mod witness;
pub use witness::{Seen, Witness};

mod load;
pub use load::Load;

mod burden;
pub use burden::{Burden, zombies};

mod listening;
pub use listening::Listening;

mod page;
pub use page::Page;

mod terminal;
pub use terminal::Terminal;

mod docker;
pub use docker::Docker;

mod postgres;
pub use postgres::Postgres;

mod redis;
pub use redis::Redis;

mod peers;
pub use peers::{Peers, require_peers, require_program};

mod scenario;
pub use scenario::{Played, Step, play, play_answering};

mod many;
pub use many::Many;

mod agent;
pub use agent::{Agent, Walked};
