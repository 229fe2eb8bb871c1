//! Every key that `switchboard.toml` knows, once: name, form, default, range, meaning. The reader,
//! the JSON Schema and the reference are all made from these tables, so they cannot disagree.
//!
//! Keys of other tools are not here: `foreign` turns them into these.

use crate::limits::LIMIT_KEYS;

/// A key: its name, what may stand there, and what it does.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) what: &'static str,
}

/// What may stand behind a key.
#[derive(Debug)]
pub(crate) enum Shape {
    Flag {
        default: Option<bool>,
    },
    Text {
        default: Option<&'static str>,
    },
    /// A text that is never shown.
    Secret,
    Texts,
    /// A table of texts that are never shown.
    Secrets,
    Word {
        words: &'static [&'static str],
        default: Option<&'static str>,
    },
    Count {
        default: u64,
        min: u64,
        max: u64,
    },
    Bytes {
        default: u64,
        min: u64,
        max: u64,
    },
    /// All three in milliseconds.
    Duration {
        default: u64,
        min: u64,
        max: u64,
    },
    Section {
        keys: &'static [Key],
    },
    /// The keys of a server that make sense for many: those that `is_default` lets through.
    Defaults,
}

const fn key(name: &'static str, shape: Shape, what: &'static str) -> Key {
    Key { name, shape, what }
}

const fn flag(name: &'static str, default: Option<bool>, what: &'static str) -> Key {
    key(name, Shape::Flag { default }, what)
}

const fn text(name: &'static str, default: Option<&'static str>, what: &'static str) -> Key {
    key(name, Shape::Text { default }, what)
}

const fn time(name: &'static str, milliseconds: [u64; 3], what: &'static str) -> Key {
    let [default, min, max] = milliseconds;
    key(name, Shape::Duration { default, min, max }, what)
}

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;

/// The address that clients find us at unless told otherwise.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:7420";

/// The fewest characters of a bearer token.
pub(crate) const TOKEN_CHARACTERS_MIN: usize = 16;

pub(crate) const LISTEN_KEYS: &[Key] = &[
    text(
        "address",
        Some(DEFAULT_ADDRESS),
        "Address and port of the HTTP listener. An address beyond loopback needs a token.",
    ),
    text(
        "tcp",
        None,
        "Address and port where clients speak lines of JSON on a TCP connection. Loopback only: it asks for no token.",
    ),
    text("unix", None, "Path of a Unix socket for the same, which only you can open; relative to this file."),
    key(
        "token",
        Shape::Secret,
        "Bearer token that every request must bring, at least 16 characters. Take it from a variable or a file.",
    ),
    key(
        "allowed_hosts",
        Shape::Texts,
        "Names in the Host header that are answered, besides loopback names and the host of public_url.",
    ),
    key("allowed_origins", Shape::Texts, "Origins of web pages that may call, besides loopback origins."),
    text("public_url", None, "The URL under which clients reach this switchboard, when a proxy stands before it."),
];

pub(crate) const CATALOG_KEYS: &[Key] = &[
    time(
        "ttl",
        [60 * SECOND, SECOND, 24 * HOUR],
        "How long a client may keep a list before it asks again, and how often lists of servers that announce no changes are read again.",
    ),
    time(
        "first_list_wait",
        [3 * SECOND, 0, 60 * SECOND],
        "How long the first list waits for a server that was never listed before.",
    ),
];

pub(crate) const NAMES_KEYS: &[Key] = &[key(
    "max",
    Shape::Count { default: 46, min: 16, max: 64 },
    "The most characters of a public name; longer ones are cut and get a stable suffix.",
)];

pub(crate) const RECORDS_KEYS: &[Key] = &[
    flag("arguments", Some(false), "Whether records of calls keep the arguments, for servers that do not say."),
    flag("results", Some(false), "Whether records of calls keep the results, for servers that do not say."),
];

pub(crate) const DISCOVERY_KEYS: &[Key] = &[
    key(
        "folders",
        Shape::Texts,
        "Folders that are searched for declared servers, with what is below them; relative to this file.",
    ),
    time("interval", [60 * SECOND, SECOND, 24 * HOUR], "How often the daemon searches again."),
    flag(
        "auto",
        Some(false),
        "Whether what is found is listed with the servers, as pending. Nothing of it runs before a person approves it.",
    ),
];

/// Keys of a server that say what it is: they make no sense for many.
const OF_ONE: &[&str] = &[
    "type",
    "command",
    "args",
    "env",
    "cwd",
    "inherit_env",
    "env_file",
    "url",
    "headers",
    "auth",
    "oauth",
    "enabled",
    "disabled",
    "description",
    "tags",
    // Those that come with other parts of the supervisor.
    "port",
    "install",
    "image",
    "container",
    "depends_on",
    "group",
    "health_check",
    "watch",
];

/// Whether a key of a server may stand in `[defaults]`.
pub(crate) fn is_default(name: &str) -> bool {
    !OF_ONE.contains(&name)
}

/// The top level of `switchboard.toml`, without the servers.
pub(crate) const TOP_KEYS: &[Key] = &[
    key("listen", Shape::Section { keys: LISTEN_KEYS }, "Where clients connect over HTTP."),
    key("limits", Shape::Section { keys: LIMIT_KEYS }, "Everything has a limit; these can be moved."),
    key("catalog", Shape::Section { keys: CATALOG_KEYS }, "The merged list of tools, prompts and resources."),
    key("names", Shape::Section { keys: NAMES_KEYS }, "How public names are made."),
    key("records", Shape::Section { keys: RECORDS_KEYS }, "What is kept of each call."),
    key("discovery", Shape::Section { keys: DISCOVERY_KEYS }, "Searching for servers that are declared elsewhere."),
    key("defaults", Shape::Defaults, "Keys of servers, for every server that does not say otherwise."),
    key("roots", Shape::Texts, "The file:// roots that servers are told when they ask."),
];

/// Keys of `tools` of a server.
pub(crate) const TOOLS_KEYS: &[Key] = &[
    key("allow", Shape::Texts, "Patterns of the tools that are offered; all if empty."),
    key("deny", Shape::Texts, "Patterns of tools that are not offered, even if allowed."),
];

/// Keys of `oauth` of a server.
pub(crate) const OAUTH_KEYS: &[Key] = &[
    text("client_id", None, "The client that you registered with the authorization server yourself."),
    key("client_secret", Shape::Secret, "Its secret. Take it from a variable or a file."),
    text(
        "issuer",
        None,
        "The authorization server that client_id belongs to; another one is refused. Without it, the first one that is met.",
    ),
    text(
        "client_metadata_url",
        None,
        "HTTPS URL of a client metadata document that stands for this switchboard, for authorization servers that read such documents.",
    ),
    key("scopes", Shape::Texts, "Scopes to ask for instead of those that the server names."),
    key(
        "redirect_port",
        Shape::Count { default: 0, min: 0, max: 65_535 },
        "Port on 127.0.0.1 that the browser comes back to; 0 lets the system choose.",
    ),
    flag(
        "allow_private",
        Some(false),
        "Whether the authorization server may be in a private network. One on the server's own host always may.",
    ),
    flag(
        "headless",
        Some(false),
        "Sign in without a browser, by itself, when the server asks: for authorization servers that agree without a person.",
    ),
];

const TYPES: &[&str] =
    &["stdio", "local", "http", "streamable-http", "streamableHttp", "sse", "websocket", "ws", "tcp", "unix"];

/// Keys of an entry under `servers`.
pub(crate) const SERVER_KEYS: &[Key] = &[
    key(
        "type",
        Shape::Word { words: TYPES, default: None },
        "How the server is reached; follows from command or url. A url without a type is tried as streamable HTTP, then as sse, the HTTP+SSE transport of 2024.",
    ),
    text("command", None, "The program to run. It is not a shell line: words behind it go to args."),
    key("args", Shape::Texts, "Arguments of the program."),
    key("env", Shape::Secrets, "Environment variables of the program."),
    text("cwd", None, "Working folder of the program; relative to this file."),
    key("inherit_env", Shape::Texts, "Names of variables of the switchboard's own environment that are passed on."),
    text("env_file", None, "A file of NAME=value lines for the program; relative to this file."),
    text(
        "url",
        None,
        "URL of a server: https:// or http:// (streamable HTTP), wss:// or ws:// (WebSocket), tcp://host:port, unix:///path.",
    ),
    key("headers", Shape::Secrets, "HTTP headers sent to a remote server, or with the handshake of a WebSocket."),
    key(
        "auth",
        Shape::Word { words: &["auto", "none"], default: Some("auto") },
        "Whether to sign in to a remote server that asks for it, over HTTP or a WebSocket. An Authorization header of your own means none.",
    ),
    key("oauth", Shape::Section { keys: OAUTH_KEYS }, "How to sign in to a remote server."),
    flag("enabled", Some(true), "Whether the server is used."),
    flag("disabled", None, "The opposite of enabled, as other tools write it."),
    text("description", None, "What the server is for, in your words."),
    key("tags", Shape::Texts, "Words to select servers by."),
    time("startup_timeout", [30 * SECOND, 100, HOUR], "How long a start may take until the server is ready."),
    time("request_timeout", [60 * SECOND, 100, 24 * HOUR], "How long a call may go without an answer or progress."),
    time("request_timeout_max", [600 * SECOND, 100, 24 * HOUR], "How long a call may take in all."),
    time(
        "stop_timeout",
        [5 * SECOND, 0, 10 * 60 * SECOND],
        "How long the program may take to stop before it is killed.",
    ),
    key(
        "restart",
        Shape::Word { words: &["always", "on-failure", "never"], default: Some("always") },
        "Whether a program that ended is started again.",
    ),
    key("tools", Shape::Section { keys: TOOLS_KEYS }, "Which tools of the server are offered."),
    key(
        "prefix",
        Shape::Word { words: &["always", "never"], default: Some("always") },
        "Whether public names begin with the server's name.",
    ),
    key(
        "era",
        Shape::Word { words: &["auto", "legacy", "modern"], default: Some("auto") },
        "Which protocol era to speak to the server; auto finds out.",
    ),
    key(
        "isolation",
        Shape::Word { words: &["shared", "principal", "session"], default: Some("shared") },
        "Who shares an instance of the server (its process, or a session with it): everybody, each principal, or each session of a client.",
    ),
    flag("record_arguments", None, "Whether records of calls keep the arguments."),
    flag("record_results", None, "Whether records of calls keep the results."),
];

/// Finds a key in a table of keys.
pub(crate) fn find(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    keys.iter().find(|key| key.name == name)
}
