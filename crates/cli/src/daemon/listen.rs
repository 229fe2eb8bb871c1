//! Where the daemon listens: binding, with a refusal that says who is in the way, and who may
//! come in.

use crate::report::Report;
use config::Listen;
use gateway::listener::DoorSettings;
use rustix::fs::Mode;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use supervisor::port_holder;
use tokio::net::{TcpListener, UnixListener};

/// Binds the address of the HTTP listener.
///
/// # Errors
/// When it is taken, with the process that holds it where that can be found.
pub(super) async fn tcp(address: SocketAddr) -> Result<TcpListener, Report> {
    let beside = "it is a switchboard already: use that one, or give this one --data DIR --listen 127.0.0.1:0";
    bind(address, beside, "listen on a free port: --listen 127.0.0.1:0, or set listen.address").await
}

/// The hints say where else to listen: because of a switchboard, and because of anything else.
async fn bind(address: SocketAddr, beside: &'static str, elsewhere: &'static str) -> Result<TcpListener, Report> {
    let error = match TcpListener::bind(address).await {
        Ok(socket) => return Ok(socket),
        Err(error) => error,
    };
    if error.kind() != io::ErrorKind::AddrInUse {
        let report = Report::failed(format!("cannot listen on {address}")).cause(error);
        return Err(report.hint("name an address of this machine, such as 127.0.0.1:7420"));
    }
    let holder = port_holder::find(address);
    let who = match &holder {
        Some(holder) => format!("`{}` (process {}) holds it", holder.name, holder.pid),
        None => "a process of somebody else holds it".to_owned(),
    };
    let report = Report::failed(format!("cannot listen on {address}: {who}"));
    Err(match holder {
        Some(holder) if holder.name == "switchboard" => report.hint(beside),
        _ => report.hint(elsewhere),
    })
}

/// Binds a unix socket that only its owner can open.
///
/// # Errors
/// When the system refuses.
pub(super) fn unix(path: &Path) -> Result<UnixListener, Report> {
    // The mode is right from the first moment on: between bind and chmod somebody could connect.
    let usual = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(usual);
    bound.map_err(|error| Report::failed(format!("the socket {} cannot be made", path.display())).cause(error))
}

/// The sockets of clients that speak lines of JSON.
pub(super) struct Streams {
    pub(super) tcp: Option<TcpListener>,
    pub(super) unix: Option<UnixListener>,
}

impl Streams {
    /// Where the TCP listener listens, with the port that the system chose.
    pub(super) fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }
}

/// Binds what `[listen]` names besides HTTP, where it was not handed over.
///
/// # Errors
/// When an address or a socket is taken, or the system refuses.
pub(super) async fn streams(
    listen: &Listen,
    tcp: Option<TcpListener>,
    unix: Option<UnixListener>,
) -> Result<Streams, Report> {
    let tcp = match listen.tcp {
        _ if tcp.is_some() => tcp,
        Some(address) => {
            let elsewhere = "set listen.tcp to a free port, such as 127.0.0.1:0";
            Some(bind(address, elsewhere, elsewhere).await?)
        }
        None => None,
    };
    let unix = match &listen.unix {
        _ if unix.is_some() => unix,
        Some(path) => Some(fresh(path)?),
        None => None,
    };
    Ok(Streams { tcp, unix })
}

/// Binds a unix socket where one of an earlier run may lie: it is removed if nobody answers on it.
fn fresh(path: &Path) -> Result<UnixListener, Report> {
    let taken = |what: &str| {
        Err(Report::failed(format!("cannot listen on {}: {what}", path.display()))
            .hint("set listen.unix to another path"))
    };
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return taken("a file that is no socket lies there"),
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => return taken("somebody answers there"),
        Ok(_) => {
            if let Err(error) = std::fs::remove_file(path) {
                return taken(&format!("an old socket cannot be removed: {error}"));
            }
        }
        Err(_) => {}
    }
    unix(path).map_err(|report| report.hint("set listen.unix to a path in a folder that you can write to"))
}

/// Who may come in over HTTP at `address`.
pub(super) fn door(listen: &Listen, address: SocketAddr) -> DoorSettings {
    let mut allowed_hosts = listen.allowed_hosts.clone();
    let public = listen.public_url.as_ref().and_then(|url| url.parse::<http::Uri>().ok());
    allowed_hosts.extend(public.as_ref().and_then(http::Uri::host).map(str::to_owned));
    // A name can be bent to another address; an address is what it says.
    let ip = address.ip();
    if !ip.is_unspecified() {
        allowed_hosts.push(ip.to_string());
    }
    DoorSettings { allowed_hosts, allowed_origins: listen.allowed_origins.clone(), token: listen.token.clone() }
}
