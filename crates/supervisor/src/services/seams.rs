//! What services are run with and cannot be made here: containers and HTTP are other rooms'
//! business and come in through these traits.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::log_file::LogWriter;
use crate::spawner::{ProcessHandle, Spawner};

/// Asks over HTTP whether something is well.
pub trait Probe: Send + Sync {
    /// Whether `url` is answered with a status below 400; else why not. Bounded by whoever waits.
    fn http<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), String>>;
}

/// Runs containers.
pub trait Containers: Send + Sync {
    /// Starts a container. Dropping the future, or the last handle of what it gives, removes it.
    fn start(&self, request: ContainerRequest) -> BoxFuture<'_, Result<StartedContainer, ContainerError>>;
}

/// Which container to start.
#[derive(Debug, Clone)]
pub struct ContainerRequest {
    /// What it is made of.
    pub container: config::Container,
    /// Server or service that it belongs to.
    pub entry: String,
    /// Whether it is spoken to on its stdin, and ends when that ends.
    pub stdin: bool,
}

/// A container that runs.
pub struct StartedContainer {
    /// Its stdin, where it was asked for. Dropping it closes it.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its stdout.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// Its stderr.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// Its ports that this machine sees: port in the container, and where it is found.
    pub ports: Vec<(u16, SocketAddr)>,
    /// Ends it and waits for its end.
    pub handle: ProcessHandle,
}

/// Why there is no container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ContainerError {
    /// What happened.
    pub reason: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Whether the same request can succeed later without anybody changing anything.
    pub can_pass: bool,
}

/// What services are run with.
#[derive(Clone)]
pub struct Tools {
    /// Starts programs.
    pub spawner: Arc<dyn Spawner>,
    /// Starts containers.
    pub containers: Arc<dyn Containers>,
    /// Asks over HTTP.
    pub probe: Arc<dyn Probe>,
    /// The process environment that programs get a part of.
    pub process: Arc<config::Environment>,
    /// Writes the log files of services into this folder; none keeps logs in memory only.
    pub logs: Option<(LogWriter, PathBuf)>,
}

impl fmt::Debug for StartedContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartedContainer").field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").finish_non_exhaustive()
    }
}
