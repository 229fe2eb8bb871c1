//! What servers need beside themselves, as values: services, how they are known to be ready, and
//! what a container is made of. Nothing here reads a file or starts anything.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::approval::Subject;
use crate::config::Approval;
use crate::fingerprint::Parts;
use crate::origin::Origin;

/// A service that servers depend on.
#[derive(Debug, Clone)]
pub struct Service {
    /// The name as declared.
    pub name: String,
    /// What it is.
    pub kind: ServiceKind,
    /// Services that must be ready first.
    pub depends_on: Vec<String>,
    /// How it is known to be ready.
    pub ready: Ready,
    /// How long a stop may take before it is killed.
    pub stop_timeout: Duration,
    /// How long it goes on when nobody needs it any more.
    pub linger: Duration,
    /// Whether a person approved it on this machine: with a server that needs it.
    pub approval: Approval,
    /// What is to be approved of it, where others declared it.
    pub subject: Option<Box<Subject>>,
    /// Where it was declared.
    pub origin: Origin,
}

/// What a service is.
#[derive(Clone)]
pub enum ServiceKind {
    /// A container on the Docker or Podman engine.
    Container(Box<Container>),
    /// A program that is kept running.
    Command {
        /// Program, a path or a name to find in PATH.
        command: String,
        /// Arguments with variables expanded: may hold secrets.
        args: Vec<String>,
        /// Its own variables.
        env: BTreeMap<String, SecretString>,
        /// Working folder; the switchboard's own if absent.
        cwd: Option<PathBuf>,
    },
    /// Something that others run: it is only checked.
    External,
}

/// How a service is known to be ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// What is checked; a service without a check is ready when it runs.
    pub check: Option<Check>,
    /// How long it may take.
    pub timeout: Duration,
    /// The time between two checks.
    pub interval: Duration,
}

/// One readiness check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// This host and port accept a connection.
    Tcp(String),
    /// This URL is answered with a status below 400.
    Http(String),
    /// This program with these arguments ends with status 0. Never empty.
    Command(Vec<String>),
    /// A line of its output holds this text.
    LogLine(String),
}

/// What a container is made of.
#[derive(Clone)]
pub struct Container {
    /// The image.
    pub image: String,
    /// A name of its own; the engine makes one up if absent.
    pub name: Option<String>,
    /// What runs in it instead of the image's own command; the latter if empty.
    pub command: Vec<String>,
    /// Its own variables.
    pub env: BTreeMap<String, SecretString>,
    /// What is mounted: `source:target` or `source:target:ro`, sources of folders absolute.
    pub volumes: Vec<String>,
    /// Ports that this machine sees.
    pub ports: Vec<PublishedPort>,
    /// When the image is fetched.
    pub pull: Pull,
    /// `bridge`, `none`, `host` or the name of a network.
    pub network: String,
    /// Whether its own file system is read-only.
    pub read_only: bool,
    /// The most memory in bytes; 0 is no limit.
    pub memory_bytes: u64,
    /// The most CPU time in percent of one core; 0 is no limit.
    pub cpu_percent: u64,
    /// The most processes and threads; 0 is no limit.
    pub pids: u64,
}

/// A port of a container that this machine sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedPort {
    /// Address of this machine.
    pub ip: IpAddr,
    /// Port on this machine; 0 for any that is free.
    pub host: u16,
    /// Port in the container.
    pub container: u16,
}

/// When the image of a container is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// When it is not there.
    Missing,
    /// Never.
    Never,
    /// Before each start.
    Always,
}

/// Where a server in a container speaks HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEndpoint {
    /// Port in the container.
    pub port: u16,
    /// Path of the endpoint.
    pub path: String,
}

// === impl Service ===

impl Service {
    /// SHA-256 in hex over everything that a running service cannot take over when it changes.
    pub fn fingerprint(&self) -> String {
        let mut hash = Parts::default();
        hash.add(&self.name).list(&self.depends_on).add(&format!("{:?}", (&self.ready, self.approval)));
        hash.add(&format!("{:?}", (self.stop_timeout, self.linger)));
        match &self.kind {
            ServiceKind::Container(container) => container.hash(&mut hash),
            ServiceKind::Command { command, args, env, cwd } => {
                hash.add("command").add(command).list(args);
                hash.add(&cwd.as_ref().map(|cwd| cwd.to_string_lossy()).unwrap_or_default());
                add_secrets(&mut hash, env);
            }
            ServiceKind::External => {
                hash.add("external");
            }
        }
        hash.finish()
    }
}

// === impl ServiceKind ===

impl ServiceKind {
    /// The word for it in `status`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            ServiceKind::Container(_) => "container",
            ServiceKind::Command { .. } => "command",
            ServiceKind::External => "external",
        }
    }
}

impl fmt::Debug for ServiceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceKind::Container(container) => container.fmt(formatter),
            ServiceKind::Command { command, env, .. } => {
                formatter.debug_struct("Command").field("command", command).field("env", &env.keys()).finish()
            }
            ServiceKind::External => formatter.write_str("External"),
        }
    }
}

// === impl Container ===

impl Container {
    pub(crate) fn hash(&self, hash: &mut Parts) {
        hash.add("container").add(&self.image).list(&self.command).list(&self.volumes);
        hash.add(&format!("{:?}", (&self.name, &self.ports, self.pull, &self.network, self.read_only)));
        hash.add(&format!("{:?}", (self.memory_bytes, self.cpu_percent, self.pids)));
        add_secrets(hash, &self.env);
    }
}

/// Shows no values of variables and no arguments: both may be secret.
impl fmt::Debug for Container {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Container");
        shown.field("image", &self.image).field("name", &self.name).field("env", &self.env.keys());
        shown.field("network", &self.network).finish_non_exhaustive()
    }
}

fn add_secrets(hash: &mut Parts, env: &BTreeMap<String, SecretString>) {
    for (name, value) in env {
        hash.add(name).add(value.expose_secret());
    }
}
