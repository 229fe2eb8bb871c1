//! The keys of what servers need: `services`, their readiness, and servers that are containers.
//! One table for each, as in `keys`, which everything else stands in.

use crate::keys::{HOUR, Key, SECOND, Shape, flag, key, text, time};

/// When a container's image is fetched.
const PULL: &[&str] = &["missing", "never", "always"];

const NETWORK: &str = "Network of the container: bridge, none, host, or the name of one that exists.";

/// Keys of an entry under `services`.
pub(crate) const SERVICE_KEYS: &[Key] = &[
    text("image", None, "Image of a container. Without image and command the service is outside and only checked."),
    text(
        "name",
        None,
        "Name of the container; switchboard- and the name of the service if absent. Must be free on the engine.",
    ),
    text("command", None, "The program to keep running; with image: what runs in the container instead of its own."),
    key("args", Shape::Texts, "Arguments of the program."),
    key("env", Shape::Secrets, "Environment variables of the program."),
    text("cwd", None, "Working folder of the program; relative to this file."),
    key(
        "ports",
        Shape::Texts,
        "Ports of the container that this machine sees: HOST:CONTAINER or IP:HOST:CONTAINER; on 127.0.0.1 unless an IP is given.",
    ),
    key(
        "volumes",
        Shape::Texts,
        "What is mounted: SOURCE:TARGET or SOURCE:TARGET:ro; a source that begins with . or / is a folder, else a volume.",
    ),
    key("pull", Shape::Word { words: PULL, default: Some("missing") }, "When the image is fetched."),
    text("network", Some("bridge"), NETWORK),
    key("depends_on", Shape::Texts, "Services that must be ready first."),
    key("ready", Shape::Section { keys: READY_KEYS }, "How it is found out that the service is ready."),
    time(
        "stop_timeout",
        [10 * SECOND, 0, 10 * 60 * SECOND],
        "How long the service may take to stop before it is killed.",
    ),
    time(
        "linger",
        [5 * SECOND, 0, HOUR],
        "How long the service goes on after the last server that needs it has stopped.",
    ),
];

/// Keys of `ready` of a service.
pub(crate) const READY_KEYS: &[Key] = &[
    text("tcp", None, "Host and port that must accept a connection."),
    text("http", None, "URL that must be answered with a status below 400."),
    key("command", Shape::Texts, "Program and arguments that must end with status 0; run on this machine."),
    text("log_line", None, "Text that a line of the service's output must hold."),
    time("timeout", [60 * SECOND, 100, HOUR], "How long the service may take to be ready."),
    time("interval", [500, 10, 60 * SECOND], "How long to wait between two checks."),
];

/// Keys of `container` of a server.
pub(crate) const CONTAINER_KEYS: &[Key] = &[
    text("network", Some("bridge"), NETWORK),
    flag("read_only", Some(false), "Whether the container's own file system is read-only."),
    key("volumes", Shape::Texts, "What is mounted: SOURCE:TARGET or SOURCE:TARGET:ro, as for services."),
    key("pull", Shape::Word { words: PULL, default: Some("missing") }, "When the image is fetched."),
    key(
        "memory",
        Shape::Bytes { default: 0, min: 0, max: 1 << 50 },
        "The most memory that the container may use; 0 is no limit.",
    ),
    key(
        "cpu",
        Shape::Count { default: 0, min: 0, max: 100_000 },
        "The most CPU time that the container may use, in percent of one core; 0 is no limit.",
    ),
    key(
        "pids",
        Shape::Count { default: 0, min: 0, max: 1_000_000 },
        "The most processes and threads in the container; 0 is no limit.",
    ),
    key(
        "port",
        Shape::Count { default: 0, min: 0, max: 65_535 },
        "Port in the container where the server speaks streamable HTTP; it is published on 127.0.0.1. 0: it speaks on stdin and stdout.",
    ),
    text("path", Some("/mcp"), "Path of the endpoint behind port."),
];
