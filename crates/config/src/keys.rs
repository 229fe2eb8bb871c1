//! Every key that `switchboard.toml` knows, once: name, form, default, range, meaning. The reader,
//! the JSON Schema and the reference are all made from these tables, so they cannot disagree.
//!
//! Keys of other tools are not here: `foreign` turns them into these.

use crate::guards;
use crate::limits::LIMIT_KEYS;
use crate::search::SEARCH_KEYS;
pub(crate) use crate::section_keys::{CACHE_STORE_KEYS, DISCOVERY_KEYS, RECORDS_KEYS, STATE_KEYS};
use crate::service_keys::CONTAINER_KEYS;
use crate::telemetry::{LOG_KEYS, TELEMETRY_KEYS};

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
    /// A command line: a list of words, or a text that is split into such. No shell sees it.
    Command,
    /// A table of texts that are never shown.
    Secrets,
    /// A table of whatever values.
    Object,
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

pub(crate) const fn key(name: &'static str, shape: Shape, what: &'static str) -> Key {
    Key { name, shape, what }
}

pub(crate) const fn flag(name: &'static str, default: Option<bool>, what: &'static str) -> Key {
    key(name, Shape::Flag { default }, what)
}

pub(crate) const fn text(name: &'static str, default: Option<&'static str>, what: &'static str) -> Key {
    key(name, Shape::Text { default }, what)
}

pub(crate) const fn time(name: &'static str, milliseconds: [u64; 3], what: &'static str) -> Key {
    let [default, min, max] = milliseconds;
    key(name, Shape::Duration { default, min, max }, what)
}

pub(crate) const SECOND: u64 = 1000;
pub(crate) const HOUR: u64 = 3600 * SECOND;

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
    time(
        "change_quiet",
        [2 * SECOND, 0, 60 * SECOND],
        "How long a client must have made no call before it is told that a list changed: reading it again in the middle of its work costs it its prompt cache. 0 tells at once.",
    ),
    time("change_wait_max", [30 * SECOND, 0, HOUR], "After how long a client that never pauses is told in any case."),
];

pub(crate) const NAMES_KEYS: &[Key] = &[key(
    "max",
    Shape::Count { default: 46, min: 16, max: 64 },
    "The most characters of a public name; longer ones are cut and get a stable suffix.",
)];

/// Keys of a server that say what it is: they make no sense for many.
const OF_ONE: &[&str] = &[
    "type",
    "command",
    "args",
    "env",
    "cwd",
    "inherit_env",
    "env_file",
    "port",
    "install",
    "watch",
    "image",
    "container",
    "builtin",
    "options",
    "allow_changes",
    "depends_on",
    "health_check",
    "data",
    "group",
    "url",
    "headers",
    "auth",
    "oauth",
    "enabled",
    "disabled",
    "description",
    "tags",
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
    key(
        "defaults",
        Shape::Defaults,
        "Keys of servers, for every server that does not say otherwise; of tables such as cache, each key for itself.",
    ),
    key("roots", Shape::Texts, "The file:// roots that servers are told when they ask."),
    key(
        "builtins",
        Shape::Texts,
        "Servers inside this program that are offered without an entry; cache, goals, memory and web unless said otherwise. An entry of the same name takes the place of one.",
    ),
    key(
        "state",
        Shape::Section { keys: STATE_KEYS },
        "Where what must last is kept: goals, memories, approvals, records.",
    ),
    key("cache", Shape::Section { keys: CACHE_STORE_KEYS }, "Where what may be forgotten is kept."),
    key("telemetry", Shape::Section { keys: TELEMETRY_KEYS }, "Who is told of each call, as traces."),
    key("log", Shape::Section { keys: LOG_KEYS }, "What the daemon says of itself."),
    key("search", Shape::Section { keys: SEARCH_KEYS }, "Finding the tool or the server that fits a text."),
    text(
        "container_engine",
        None,
        "Socket of the Docker or Podman engine that runs containers. Without it: DOCKER_HOST, then the usual places.",
    ),
];

/// Keys of `tools` of a server.
pub(crate) const TOOLS_KEYS: &[Key] = &[
    key("allow", Shape::Texts, "Patterns of the tools that are offered; all if empty."),
    key("deny", Shape::Texts, "Patterns of tools that are not offered, even if allowed."),
    key(
        "safe",
        Shape::Texts,
        "Patterns of tools that change nothing, or nothing more when they are called twice: such calls may be sent again after a failure, and kept by cache.",
    ),
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

/// Keys of `health` of a server.
pub(crate) const HEALTH_KEYS: &[Key] = &[
    time(
        "interval",
        [30 * SECOND, 10, 24 * HOUR],
        "The time between two checks of a server that is ready, give or take a tenth.",
    ),
    time("timeout", [10 * SECOND, 10, HOUR], "How long a check may take."),
    key(
        "degraded_at",
        Shape::Count { default: 80, min: 1, max: 100 },
        "Percent of the timeout above which an answer is slow and the server degraded.",
    ),
    key(
        "failures",
        Shape::Count { default: 3, min: 1, max: 1000 },
        "How many failed checks in a row make the server unhealthy or critical.",
    ),
    key(
        "recoveries",
        Shape::Count { default: 2, min: 1, max: 1000 },
        "How many good checks in a row make the server healthy again.",
    ),
    flag(
        "recover",
        Some(true),
        "Whether an unhealthy or critical server is restarted (a program) or connected to again (a remote server).",
    ),
    time("recover_pause", [60 * SECOND, 0, 24 * HOUR], "The least time between two attempts to recover the server."),
];

/// Keys of `health_check` of a server.
pub(crate) const HEALTH_CHECK_KEYS: &[Key] = &[
    key(
        "command",
        Shape::Texts,
        "A program with its arguments, run in the server's folder and environment: status 0 is healthy.",
    ),
    text("http", None, "A URL to get, on this machine or on the server's own host: a status below 400 is healthy."),
    text(
        "tool",
        None,
        "A tool of the server to call, by the server's own name of it: a result without an error is healthy.",
    ),
    key("arguments", Shape::Object, "Arguments of the tool."),
];

/// Keys of `resources` of a server.
pub(crate) const RESOURCES_KEYS: &[Key] = &[
    key(
        "memory",
        Shape::Bytes { default: 0, min: 0, max: 1 << 50 },
        "The most memory of the program and all it starts, at least 16MiB; 0 is no limit.",
    ),
    key(
        "cpu",
        Shape::Count { default: 0, min: 0, max: 100_000 },
        "The most processor time of the program and all it starts, in percent of one core; 0 is no limit.",
    ),
    key(
        "processes",
        Shape::Count { default: 0, min: 0, max: 1_000_000 },
        "How many processes and threads the program and all it starts may be; 0 is no limit.",
    ),
    key(
        "open_files",
        Shape::Count { default: 0, min: 0, max: 1_000_000_000 },
        "How many files each of its processes may have open, at least 32; 0 is what the switchboard itself may.",
    ),
    key(
        "stderr",
        Shape::Bytes { default: 256 * 1024, min: 1024, max: 1 << 30 },
        "How many bytes of its stderr are kept in a second; all is read, and what is more is dropped and counted.",
    ),
];

const TYPES: &[&str] =
    &["stdio", "local", "http", "streamable-http", "streamableHttp", "sse", "websocket", "ws", "tcp", "unix"];

/// The servers inside this program.
const BUILTINS: &[&str] = &["switchboard", "cache", "goals", "memory", "web", "files", "shell", "runner"];

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
        "URL of a server: https:// or http:// (streamable HTTP), wss:// or ws:// (WebSocket), tcp://host:port, unix:///path. With a command too, the program is run and reached there.",
    ),
    key(
        "builtin",
        Shape::Word { words: BUILTINS, default: None },
        "The name of a server inside this program, instead of command and url. `switchboard` offers the control plane: list, status, logs, why, search. cache, goals, memory and web are there without an entry.",
    ),
    key(
        "options",
        Shape::Object,
        "What a builtin server is told; each has its own, listed by `switchboard serve NAME --help`.",
    ),
    flag(
        "allow_changes",
        Some(false),
        "Whether a builtin server may change things: `switchboard` then also starts, stops and restarts servers.",
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
        "Whether a program that ended is started again. One that was ready and ended with success, and is not, is asleep: the next call starts it.",
    ),
    time(
        "restart_delay",
        [5 * SECOND, 10, HOUR],
        "How long an ended server waits for its next start; twice as long after each further end.",
    ),
    time("restart_delay_max", [60 * SECOND, 10, 24 * HOUR], "The longest that it waits."),
    key(
        "max_restarts",
        Shape::Count { default: 5, min: 0, max: 1000 },
        "A program that ends more often than this within restart_window is left alone for ten minutes.",
    ),
    time("restart_window", [300 * SECOND, 1000, 24 * HOUR], "The time in which restarts are counted."),
    time("stable_after", [60 * SECOND, 100, 24 * HOUR], "A server that was ready for so long is forgiven what was."),
    key(
        "start",
        Shape::Word { words: &["eager", "lazy"], default: Some("eager") },
        "When the server is started: with the switchboard, or with the first call. Tools of a lazy one are listed all the same; it is started once to be asked for them.",
    ),
    time(
        "idle_timeout",
        [0, 0, 7 * 24 * HOUR],
        "How long the server may go without a call before it is put to sleep; one that is called much may stay up to four times as long. 0 is never; a lazy server that does not say sleeps after 5 minutes.",
    ),
    key(
        "replicas",
        Shape::Count { default: 1, min: 1, max: 64 },
        "How many instances of the program run side by side. For servers that keep nothing between calls, or with pin.",
    ),
    key(
        "pin",
        Shape::Word { words: &["none", "session", "principal"], default: Some("none") },
        "Who stays with the instance that they first got, as long as it lives: nobody, each session of a client, or each principal.",
    ),
    key(
        "watch",
        Shape::Texts,
        "Patterns of files, relative to cwd or else to this file, whose change starts the program anew.",
    ),
    key(
        "data",
        Shape::Texts,
        "Folders and files in which the server keeps what must last, relative to this file; `switchboard backup --with-data` takes them along.",
    ),
    key("resources", Shape::Section { keys: RESOURCES_KEYS }, "What the program may use of this machine."),
    key(
        "port",
        Shape::Count { default: 0, min: 0, max: 65_535 },
        "Port on which the program listens, told to it in the variable PORT; 0 is none. With a type such as http and no url, the server is reached there.",
    ),
    key(
        "install",
        Shape::Command,
        "A command that is run in cwd before the first start, and again when it or a lock file there has changed. No shell sees it.",
    ),
    time("install_timeout", [600 * SECOND, SECOND, 24 * HOUR], "How long install may take."),
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
    key(
        "health",
        Shape::Section { keys: HEALTH_KEYS },
        "How often and how patiently the health of the server is checked.",
    ),
    key(
        "health_check",
        Shape::Section { keys: HEALTH_CHECK_KEYS },
        "What is checked instead of asking by the protocol: one of command, http and tool.",
    ),
    text("image", None, "Image of a container that the server is, instead of command or url."),
    key("container", Shape::Section { keys: CONTAINER_KEYS }, "How the container of a server with image is run."),
    key("depends_on", Shape::Texts, "Services and servers that must be ready before this one starts."),
    guards::CONNECT_TIMEOUT,
    guards::MAX_CONCURRENT,
    guards::RESPONSE_MAX,
    guards::RATE_LIMIT,
    guards::BREAKER,
    guards::RETRY,
    guards::CACHE,
    guards::GROUP,
    guards::PRIORITY,
    guards::WEIGHT,
    flag("record_arguments", None, "Whether records of calls keep the arguments."),
    flag("record_results", None, "Whether records of calls keep the results."),
];

/// Finds a key in a table of keys.
pub(crate) fn find(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    keys.iter().find(|key| key.name == name)
}
