//! What the daemon tells systemd (`Type=notify`): that it is ready, reloads, ends, and that it
//! lives. Without `NOTIFY_SOCKET` nothing is told. It never waits and never fails: whoever does not
//! listen is not told.

use crate::env_vars;
use config::Environment;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// Where it is told.
#[derive(Debug, Clone, Default)]
pub(super) struct Notifier(Option<Arc<(UnixDatagram, SocketAddr)>>);

impl Notifier {
    /// The socket that the environment names.
    pub(super) fn new(environment: &Environment) -> Self {
        let named = environment.vars.get(env_vars::NOTIFY_SOCKET).filter(|name| !name.is_empty());
        let open = |name: &String| -> std::io::Result<(UnixDatagram, SocketAddr)> {
            let address = match name.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name)?,
                None => SocketAddr::from_pathname(name)?,
            };
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            Ok((socket, address))
        };
        match named.map(open) {
            None => Self(None),
            Some(Ok(opened)) => Self(Some(Arc::new(opened))),
            Some(Err(error)) => {
                tracing::warn!(%error, "systemd cannot be told anything: {error}");
                Self(None)
            }
        }
    }

    /// It listens, and what `status` says.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}\nMAINPID={}", std::process::id()));
    }

    /// The configuration is read again; `ready` comes after it.
    pub(super) fn reloading(&self, status: &str) {
        self.tell(&format!("RELOADING=1\nSTATUS={status}"));
    }

    /// It ends.
    pub(super) fn stopping(&self, status: &str) {
        self.tell(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Tells again and again that it lives, from a task of the runtime: one that does not turn any
    /// more is silent, and systemd acts.
    pub(super) fn watchdog(&self, environment: &Environment) -> Option<AbortHandle> {
        let socket = self.0.as_ref()?;
        let every = pulse(environment, std::process::id())?;
        let notifier = Self(Some(socket.clone()));
        let beating = tokio::spawn(async move {
            let mut turn = tokio::time::interval(every);
            loop {
                turn.tick().await;
                notifier.tell("WATCHDOG=1");
            }
        });
        Some(beating.abort_handle())
    }

    fn tell(&self, text: &str) {
        if let Some((socket, address)) = self.0.as_deref()
            && let Err(error) = socket.send_to_addr(text.as_bytes(), address)
        {
            tracing::debug!(%error, "systemd was not told: {error}");
        }
    }
}

/// Half the time within which systemd wants to hear of `pid`.
fn pulse(environment: &Environment, pid: u32) -> Option<Duration> {
    let number = |name: &str| environment.vars.get(name).and_then(|text| text.parse::<u64>().ok());
    let ours = number(env_vars::WATCHDOG_PID).is_none_or(|wanted| wanted == u64::from(pid));
    let micros = number(env_vars::WATCHDOG_USEC).filter(|micros| *micros > 1 && ours)?;
    Some(Duration::from_micros(micros / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pulse_is_half_of_what_is_wanted_of_this_process() {
        let pulse = |usec: &str, pid: &str| {
            let vars =
                [("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)].into_iter().filter(|(_, value)| !value.is_empty());
            let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            pulse(&Environment { vars, ..Environment::default() }, 7)
        };
        assert_eq!(pulse("3000000", "7"), Some(Duration::from_millis(1500)));
        assert_eq!(pulse("3000000", ""), Some(Duration::from_millis(1500)));
        assert_eq!((pulse("3000000", "8"), pulse("", "7"), pulse("0", "7")), (None, None, None));
    }
}
