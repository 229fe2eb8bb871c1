//! Sockets that systemd opened for us (socket activation): descriptors from 3 on, named by
//! `LISTEN_FDS` and `LISTEN_FDNAMES`, meant for the process of `LISTEN_PID`. They are duplicated by
//! asking the system for them by number; the originals stay open, so that a daemon that begins again
//! as the same process finds them once more.

use crate::env_vars;
use crate::report::Report;
use config::{Environment, Listen};
use rustix::net::{AddressFamily, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::io;
use std::net::TcpListener as StdTcp;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnix;
use tokio::net::{TcpListener, UnixListener};

/// The first descriptor that is handed over.
const FIRST: i32 = 3;
/// More sockets than this are a mistake.
const SOCKETS_MAX: usize = 16;
/// The name of a socket for lines of JSON over TCP; every other TCP socket is for HTTP.
const TCP_NAME: &str = "tcp";

/// What was handed over, each for what it takes the place of.
#[derive(Default)]
pub(super) struct Inherited {
    /// For `listen.address`.
    pub(super) http: Option<TcpListener>,
    /// For `listen.tcp`.
    pub(super) tcp: Option<TcpListener>,
    /// For `listen.unix`.
    pub(super) unix: Option<UnixListener>,
}

impl Inherited {
    /// Takes what is meant for this process. Must be called inside a runtime.
    ///
    /// # Errors
    /// When the system does not hand them over, or one is of no use.
    pub(super) fn take(environment: &Environment, listen: &Listen) -> Result<Self, Report> {
        let mut taken = Self::default();
        for (name, socket) in handed_over(environment)? {
            taken.place(&name, socket, listen).map_err(|error| {
                Report::usage(format!("the socket `{name}` of systemd cannot be used")).cause(error).hint(
                    "hand over one TCP socket for HTTP, one named `tcp` and one unix socket at most, all SOCK_STREAM",
                )
            })?;
        }
        Ok(taken)
    }

    fn place(&mut self, name: &str, socket: OwnedFd, listen: &Listen) -> io::Result<()> {
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what.to_owned()));
        if !sockopt::socket_acceptconn(&socket)? {
            return wrong("it does not listen");
        }
        let family = sockopt::socket_domain(&socket)?;
        if family == AddressFamily::UNIX {
            let socket = StdUnix::from(socket);
            socket.set_nonblocking(true)?;
            if self.unix.replace(UnixListener::from_std(socket)?).is_some() {
                return wrong("there is a unix socket already");
            }
            return Ok(());
        }
        if family != AddressFamily::INET && family != AddressFamily::INET6 {
            return wrong("it is neither TCP nor a unix socket");
        }
        let socket = StdTcp::from(socket);
        let address = socket.local_addr()?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        if name == TCP_NAME {
            if !address.ip().is_loopback() {
                return wrong("lines of JSON over TCP are served on loopback only");
            }
            return if self.tcp.replace(socket).is_none() {
                Ok(())
            } else {
                wrong("there is one of this name already")
            };
        }
        if !address.ip().is_loopback() && listen.token.is_none() {
            return wrong("it can be reached from other machines, and listen.token is not set");
        }
        if self.http.replace(socket).is_none() { Ok(()) } else { wrong("there is a socket for HTTP already") }
    }
}

/// The sockets with their names.
fn handed_over(environment: &Environment) -> Result<Vec<(String, OwnedFd)>, Report> {
    let names = names(environment, std::process::id());
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: rustix::io::Errno| Report::failed("the sockets of systemd cannot be taken over").cause(error);
    let own = pidfd_open(getpid(), PidfdFlags::empty()).map_err(failed)?;
    let numbered = names.into_iter().zip(FIRST..);
    let taken = numbered.map(|(name, number)| {
        pidfd_getfd(&own, number, PidfdGetfdFlags::empty()).map(|socket| (name, socket)).map_err(failed)
    });
    taken.collect()
}

/// The names of the sockets that are handed to `pid`, in their order.
fn names(environment: &Environment, pid: u32) -> Vec<String> {
    let variable = |name: &str| environment.vars.get(name).map(String::as_str);
    let number = |name: &str| variable(name).and_then(|text| text.parse::<usize>().ok());
    if number(env_vars::LISTEN_PID) != usize::try_from(pid).ok() {
        return Vec::new();
    }
    let count = number(env_vars::LISTEN_FDS).unwrap_or(0).min(SOCKETS_MAX);
    let given = variable(env_vars::LISTEN_FDNAMES).unwrap_or_default();
    let given = given.split(':').map(str::to_owned).chain(std::iter::repeat_with(String::new));
    given.take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_taken_only_by_whom_they_are_meant_for() {
        let names = |vars: &[(&str, &str)]| {
            let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            names(&Environment { vars, ..Environment::default() }, 42)
        };
        assert_eq!(names(&[("LISTEN_PID", "42"), ("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "http")]), ["http", ""]);
        assert_eq!(names(&[("LISTEN_PID", "42"), ("LISTEN_FDS", "9999")]).len(), SOCKETS_MAX);
        assert!(names(&[("LISTEN_PID", "41"), ("LISTEN_FDS", "2")]).is_empty());
        assert!(names(&[("LISTEN_FDS", "2")]).is_empty());
    }
}
