//! What a connection is told, what it learns at its start, and what it reports later.

use crate::asking::Kinds;
use outbound::oauth::SignIn;
use protocol::{Era, Error, Notification, Object, Raw, Version};
use std::sync::Arc;
use std::time::Duration;

/// Which era a server is taken to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EraChoice {
    /// Found out (protocol.md section 1.22).
    #[default]
    Auto,
    /// Modern, never `initialize`.
    Modern,
    /// Legacy, never `server/discover`.
    Legacy,
}

/// How to connect and what a call may cost.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The era, when it is declared.
    pub era: EraChoice,
    /// The era that was found last time: tried first.
    pub remembered: Option<Era>,
    /// How long the handshake may take.
    pub startup_timeout: Duration,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long a call may go without progress.
    pub request_timeout: Duration,
    /// How long a call may take in all.
    pub request_timeout_max: Duration,
    /// The longest message, in bytes.
    pub frame_bytes_max: usize,
    /// The deepest nesting in a message.
    pub depth_max: u32,
    /// What a legacy server that asks for roots is told: URIs.
    pub roots: Vec<String>,
    /// The server's name, for messages.
    pub server: Arc<str>,
    /// How many calls may be in flight.
    pub calls_max: usize,
    /// Whether it is an instance beside the first one: what it says of tasks and resources is of its
    /// own, and not for those who listen to the first.
    pub beside: bool,
    /// What a legacy server is told that it may ask.
    pub kinds: Kinds,
    /// Signs requests over HTTP, where the server may ask for that.
    pub sign_in: Option<Arc<SignIn>>,
}

impl ConnectOptions {
    /// The defaults of DESIGN.md section 14 for `server`.
    #[must_use]
    pub fn new(server: &str) -> Self {
        Self {
            era: EraChoice::Auto,
            remembered: None,
            startup_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            request_timeout_max: Duration::from_secs(600),
            frame_bytes_max: 16 * 1024 * 1024,
            depth_max: 100,
            roots: Vec::new(),
            server: server.into(),
            calls_max: 1024,
            beside: false,
            kinds: Kinds::ALL,
            sign_in: None,
        }
    }
}

/// What a server said about itself at the start.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// The era it is spoken to in.
    pub era: Era,
    /// The revision.
    pub version: Version,
    /// Its capabilities: an object.
    pub capabilities: Raw,
    /// Its name and version, for display.
    pub server_info: Option<Raw>,
    /// Its instructions to models.
    pub instructions: Option<String>,
    /// The revisions it names; a legacy server names only the agreed one.
    pub supported_versions: Vec<String>,
}

/// A list that a server can announce as changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list` and `resources/templates/list`.
    Resources,
}

/// What a server does apart from answering calls. Sent with `try_send`: whoever reads too slowly
/// misses some.
#[derive(Debug, Clone)]
pub enum UpstreamEvent {
    /// A list is to be read again.
    ListChanged(List),
    /// A subscribed resource changed.
    ResourceUpdated {
        /// Which.
        uri: String,
    },
    /// A task that was asked about has another status.
    TaskChanged {
        /// The server's own id of it.
        task: String,
        /// The whole task.
        params: Box<Object>,
    },
    /// A log message that belongs to no one call.
    Log(Box<Notification>),
    /// A line on stdout that is no message (cut at 500 characters).
    StdoutNoise(String),
    /// A line or event that is longer than allowed was dropped.
    Oversize {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// So many members of an envelope, or messages, that no specification knows were dropped.
    DroppedMembers(u32),
    /// A request of the server that we do not serve.
    RequestRefused {
        /// What it asked.
        method: String,
    },
    /// The server refused mirrored parameters: its tools are to be listed again.
    HeadersOutdated,
    /// The server refuses us until a person has signed in; the error is what calls are told.
    SignedOut {
        /// Why, and what to do.
        error: Box<Error>,
    },
    /// The server forgot our session; a new one was opened.
    SessionRenewed,
}
