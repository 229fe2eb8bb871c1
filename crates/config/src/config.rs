//! What was declared, checked and resolved: values that the rest of the program reads. Nothing
//! here reads a file or the environment, and nothing here knows what runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::approval::Subject;
use crate::health::Health;
use crate::host::{Program, Resources, SecretWords};
use crate::inside::{CacheStore, Options, State};
use crate::limits::Limits;
use crate::origin::{Layer, Origin, RawExtra};
use crate::profiles::Profile;
use crate::search::SearchSettings;
use crate::service::{Container, ContainerEndpoint, Service};
use crate::telemetry::{Log, Telemetry};

/// The whole configuration. Secrets do not show in its `Debug` form.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients connect.
    pub listen: Listen,
    /// Every limit.
    pub limits: Limits,
    /// The merged list.
    pub catalog: Catalog,
    /// How public names are made.
    pub names: Names,
    /// What is searched for servers declared elsewhere.
    pub discovery: Discovery,
    /// `file://` URIs that answer `roots/list` of servers.
    pub roots: Vec<String>,
    /// Declared servers by declared name, disabled and pending ones included.
    pub servers: BTreeMap<String, Server>,
    /// What servers need beside themselves, by declared name; pending ones included.
    pub services: BTreeMap<String, Service>,
    /// What clients are shown, by name: views of everything that is offered.
    pub profiles: BTreeMap<String, Profile>,
    /// Socket of the engine that runs containers, where the configuration names one.
    pub container_engine: Option<String>,
    /// Servers inside this program that are offered without an entry.
    pub builtins: Vec<String>,
    /// How long records of calls are kept, and how many.
    pub records: Records,
    /// Where what must last is kept.
    pub state: State,
    /// Where what may be forgotten is kept.
    pub cache: CacheStore,
    /// Traces of calls.
    pub telemetry: Telemetry,
    /// What the daemon says of itself.
    pub log: Log,
    /// What people say about which server is for what.
    pub search: SearchSettings,
    /// Where each setting that is not a default came from, by dotted key (`listen.address`).
    pub origins: BTreeMap<String, Origin>,
}

/// `[listen]`.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Address of the HTTP listener.
    pub address: SocketAddr,
    /// Address of the TCP listener, on loopback; none listens if absent.
    pub tcp: Option<SocketAddr>,
    /// Absolute path of the Unix socket that listens; none if absent.
    pub unix: Option<PathBuf>,
    /// Bearer token that every request must bring.
    pub token: Option<SecretString>,
    /// Host names answered besides loopback and the host of `public_url`.
    pub allowed_hosts: Vec<String>,
    /// Origins answered besides loopback ones.
    pub allowed_origins: Vec<String>,
    /// URL under which clients reach us, without a slash at the end.
    pub public_url: Option<String>,
}

/// `[records]`, but for what servers say themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// How long a record is kept.
    pub keep: Duration,
    /// The most bytes that all take.
    pub bytes_max: usize,
}

/// `[catalog]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// How long a list may be kept by a client.
    pub ttl: Duration,
    /// How long the first list waits for a server that was never listed.
    pub first_list_wait: Duration,
    /// How long a client must have made no call before it is told that a list changed.
    pub change_quiet: Duration,
    /// After how long it is told in any case.
    pub change_wait_max: Duration,
}

/// `[names]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The most characters of a public name.
    pub max: usize,
}

/// `[discovery]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Folders to search, absolute if the working folder is.
    pub folders: Vec<PathBuf>,
    /// How often the daemon searches.
    pub interval: Duration,
    /// Whether what is found is listed as pending.
    pub auto: bool,
}

/// One declared server.
#[derive(Debug, Clone)]
pub struct Server {
    /// The name as declared.
    pub name: String,
    /// The name as public names show it: lower-case letters, digits, `-`. Unique.
    pub reduced: String,
    /// How to run or reach it.
    pub reach: Reach,
    /// The program to run before it is reached at its URL.
    pub hosted: Option<Program>,
    /// The port that its program is told to listen on.
    pub port: Option<u16>,
    /// What its program may use.
    pub resources: Resources,
    /// The words of the command that prepares it, with variables expanded: may hold secrets. Empty for
    /// none.
    pub install: SecretWords,
    /// How long that may take.
    pub install_timeout: Duration,
    /// Whether it is used at all.
    pub enabled: bool,
    /// Whether a person approved it on this machine.
    pub approval: Approval,
    /// How long a start may take.
    pub startup_timeout: Duration,
    /// How long a call may go without an answer or progress.
    pub request_timeout: Duration,
    /// How long a call may take in all.
    pub request_timeout_max: Duration,
    /// How long a stop may take before the tree is killed.
    pub stop_timeout: Duration,
    /// Whether an ended process is started again.
    pub restart: Restart,
    /// The first delay before that; it doubles with each further end.
    pub restart_delay: Duration,
    /// The longest such delay.
    pub restart_delay_max: Duration,
    /// More restarts than this within `restart_window` are a crash loop.
    pub max_restarts: usize,
    /// The time in which restarts are counted.
    pub restart_window: Duration,
    /// Who was ready for so long begins again with the first delay.
    pub stable_after: Duration,
    /// When it is started.
    pub start: Start,
    /// How long it may go without a call before it is put to sleep; `None` for ever.
    pub idle_timeout: Option<Duration>,
    /// How many instances of it run, at least one.
    pub replicas: usize,
    /// Who stays with the instance that they first got.
    pub pin: Pin,
    /// Files whose change starts it anew.
    pub watch: Option<WatchedFiles>,
    /// Folders and files in which it keeps what must last, absolute.
    pub data: Vec<PathBuf>,
    /// Words to select servers by.
    pub tags: Vec<String>,
    /// What it is for, in the words of whoever declared it.
    pub description: Option<String>,
    /// How long a connection to a remote server may take to stand.
    pub connect_timeout: Duration,
    /// What bounds and protects its calls.
    pub guards: crate::guards::Guards,
    /// How to sign in to it; `None` for local servers, and where that is not wanted.
    pub oauth: Option<OAuth>,
    /// Which tools are offered.
    pub tools: ToolFilter,
    /// Whether public names begin with the server's name.
    pub prefix: Prefix,
    /// Services and servers that must be ready before it starts.
    pub depends_on: Vec<String>,
    /// Whether records keep arguments.
    pub record_arguments: bool,
    /// Whether records keep results.
    pub record_results: bool,
    /// Which era to speak.
    pub era: EraChoice,
    /// Who shares an instance.
    pub isolation: Isolation,
    /// How its health is checked.
    pub health: Health,
    /// Where it was declared.
    pub origin: Origin,
    /// Command, arguments and URL as written, before variables: what may be shown.
    pub written: Written,
    /// Keys of other tools, kept as they came.
    pub raw_extra: RawExtra,
    /// What a person must approve; `None` for entries of files that are their own.
    pub subject: Option<Box<Subject>>,
    /// What differs from what was approved, while it is pending for that reason.
    pub changed: Vec<String>,
    /// Where each key came from that is not a default, by dotted key (`cache.ttl`).
    pub origins: BTreeMap<String, Origin>,
}

/// How a server is run or reached.
#[derive(Clone)]
pub enum Reach {
    /// A local process that speaks on its stdin and stdout.
    Stdio {
        /// Program, a path or a name to find in PATH.
        command: String,
        /// Arguments with variables expanded: may hold secrets.
        args: Vec<String>,
        /// `env_file` and `env`, the latter winning.
        env: BTreeMap<String, SecretString>,
        /// Working folder; the switchboard's own if absent.
        cwd: Option<PathBuf>,
        /// Names of our own variables that are passed on.
        inherit_env: Vec<String>,
    },
    /// A remote server over HTTP.
    Http {
        /// Its endpoint with variables expanded: may hold secrets.
        url: String,
        /// Headers for every request, in the order of the file.
        headers: Vec<(String, SecretString)>,
        /// How messages go over HTTP.
        dialect: HttpDialect,
    },
    /// A remote server over a WebSocket.
    WebSocket {
        /// Its endpoint, `ws` or `wss`, with variables expanded: may hold secrets.
        url: String,
        /// Headers of the handshake, in the order of the file.
        headers: Vec<(String, SecretString)>,
    },
    /// A server that speaks lines of JSON on a TCP connection.
    Tcp {
        /// Host and port.
        address: String,
    },
    /// A server that speaks lines of JSON on a Unix socket.
    Unix {
        /// The absolute path of the socket.
        path: PathBuf,
    },
    /// A server inside this program.
    Builtin {
        /// Which one.
        builtin: String,
        /// Whether it may change things.
        allow_changes: bool,
        /// What its entry says to it.
        options: Options,
        /// `env_file` and `env`, the latter winning.
        env: BTreeMap<String, SecretString>,
    },
    /// A container of our own on the Docker or Podman engine.
    Container {
        /// What it is made of.
        container: Box<Container>,
        /// Where it speaks HTTP; on its stdin and stdout if absent.
        endpoint: Option<ContainerEndpoint>,
    },
}

/// The transports over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpDialect {
    /// Found out: streamable HTTP first, then HTTP+SSE.
    #[default]
    Any,
    /// Streamable HTTP, and nothing else.
    Streamable,
    /// HTTP+SSE of 2024-11-05: a stream of events and a POST for each message.
    Sse,
}

/// How to sign in to a remote server.
#[derive(Debug, Clone, Default)]
pub struct OAuth {
    /// The client that a person registered.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<SecretString>,
    /// The only issuer that `client_id` is good for.
    pub issuer: Option<String>,
    /// HTTPS URL of a client metadata document.
    pub client_metadata_url: Option<String>,
    /// Scopes to ask for instead of those that the server names.
    pub scopes: Vec<String>,
    /// Port on loopback that the browser comes back to; 0 for any.
    pub redirect_port: u16,
    /// Whether the authorization server may be in a private network.
    pub allow_private: bool,
    /// Whether to sign in without a browser when the server asks.
    pub headless: bool,
}

/// What may be shown of a [`Reach`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Program as written.
    pub command: Option<String>,
    /// Arguments as written.
    pub args: Vec<String>,
    /// URL as written.
    pub url: Option<String>,
    /// Image as written.
    pub image: Option<String>,
    /// Words of `install` as written.
    pub install: Vec<String>,
}

/// Whether a server may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// A person wrote it in their own file or named the file.
    Approved,
    /// A project brought it; it must not be started.
    Pending,
}

/// What happens when a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// It is started again.
    Always,
    /// It is started again unless it ended with code 0.
    OnFailure,
    /// It stays stopped.
    Never,
}

/// When a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// With the switchboard.
    #[default]
    Eager,
    /// With the first call, once its lists are known.
    Lazy,
}

/// Who stays with one of several instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pin {
    /// Nobody: each call goes where there is least to do.
    #[default]
    None,
    /// Each session or conversation of a client; requests that belong to none stay together by
    /// their principal.
    Session,
    /// Each principal.
    Principal,
}

/// Files that are watched for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedFiles {
    /// The absolute folder that the patterns are relative to.
    pub folder: PathBuf,
    /// Patterns of paths.
    pub globs: Vec<String>,
}

/// Patterns over a server's own tool names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolFilter {
    /// What is offered; everything if empty.
    pub allow: Vec<String>,
    /// What is not, even if allowed.
    pub deny: Vec<String>,
    /// What may be called twice.
    pub safe: Vec<String>,
}

/// Whether public names carry the server's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// `server__tool`.
    Always,
    /// `tool`.
    Never,
}

/// Who shares an instance of a server: its process, or a session with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Everybody.
    #[default]
    Shared,
    /// Each principal has its own.
    Principal,
    /// Each session or conversation of a client has its own; requests that belong to none share
    /// that of their principal.
    Session,
}

/// Which protocol era to speak to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EraChoice {
    /// Find out.
    Auto,
    /// Sessions and `initialize`.
    Legacy,
    /// Stateless.
    Modern,
}

// === impl Server ===

impl Server {
    /// Whether it is to be started: enabled and approved.
    pub fn is_active(&self) -> bool {
        self.enabled && self.approval == Approval::Approved
    }

    /// Why it waits for a person, in one line and one for each difference. `None` if it does not.
    #[must_use]
    pub fn waits(&self) -> Option<String> {
        let brought = match self.origin.layer {
            Layer::Found => "discovery found it",
            _ => "a project brought it",
        };
        match (self.approval, self.changed.as_slice()) {
            (Approval::Approved, _) => None,
            (Approval::Pending, []) => Some(format!("waits for approval: {brought}")),
            (Approval::Pending, lines) => {
                Some(format!("waits for approval: it is not what was approved\n  {}", lines.join("\n  ")))
            }
        }
    }
}
