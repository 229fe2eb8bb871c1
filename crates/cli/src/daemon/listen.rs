//! Where the daemon listens: binding, with a refusal that says who is in the way, and who may
//! come in.

use crate::report::{Kind, Report};
use config::Listen;
use gateway::listener::DoorSettings;
use rustix::fs::Mode;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use supervisor::port_holder::{self, Holder};
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// Binds the address of the HTTP listener.
///
/// # Errors
/// When it is taken, with the process that holds it where that can be found.
pub(crate) async fn tcp(address: SocketAddr) -> Result<TcpListener, Report> {
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
        let report = no_place(address, None).cause(error);
        return Err(report.hint("name an address of this machine, such as 127.0.0.1:7420"));
    }
    let holder = port_holder::find(address);
    let who = match &holder {
        Some(holder) => format!("{} holds it", worded(holder)),
        None => "a process of somebody else holds it".to_owned(),
    };
    let report = no_place(address, Some(&who));
    Err(match holder {
        Some(holder) if holder.name == "switchboard" => report.hint(beside),
        _ => report.hint(elsewhere),
    })
}

fn worded(holder: &Holder) -> String {
    format!("`{}` (process {})", holder.name, holder.pid)
}

fn no_place(place: impl std::fmt::Display, why: Option<&str>) -> Report {
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    Report::new(Kind::NoPlace, format!("cannot listen on {place}{why}"))
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
        Some(path) => Some(fresh(path).await?),
        None => None,
    };
    Ok(Streams { tcp, unix })
}

/// Binds a unix socket where one of an earlier run may lie: it is removed if nobody listens on it.
async fn fresh(path: &Path) -> Result<UnixListener, Report> {
    let taken = |what: &str| Err(no_place(path.display(), Some(what)).hint("set listen.unix to another path"));
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return taken("a file that is no socket lies there"),
        Ok(_) => {
            if let Some(who) = listener_at(path).await {
                return taken(&who);
            }
            if let Err(error) = std::fs::remove_file(path) {
                return taken(&format!("an old socket cannot be removed: {error}"));
            }
        }
        Err(_) => {}
    }
    unix(path).map_err(|report| Report {
        hints: vec!["set listen.unix to a path in a folder that you can write to".to_owned()],
        cause: report.cause,
        ..no_place(path.display(), Some("the socket cannot be made"))
    })
}

/// Who listens on the socket at `path`, in words. Nobody does only where the system says so: a
/// socket that takes no connection now, or none of ours, is not ours to remove.
async fn listener_at(path: &Path) -> Option<String> {
    match UnixStream::connect(path).await {
        Ok(stream) => {
            let pid = stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(|pid| u32::try_from(pid).ok());
            let who = pid.map_or_else(|| "somebody".to_owned(), |pid| worded(&port_holder::named(pid)));
            Some(format!("{who} answers there"))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => None,
        Err(error) => Some(format!("it cannot be told whether somebody listens there: {error}")),
    }
}

/// Who may come in over HTTP at `address`.
pub(crate) fn door(listen: &Listen, address: SocketAddr) -> DoorSettings {
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
