//! Where we may connect to when somebody else chose the URL: the guard against being sent into
//! the machine's own or its private networks (threats.md S-50 and S-51).
//!
//! Judged is the address that a name resolves to, and the connection is made to exactly that
//! address. It knows no HTTP: redirects are judged by whoever follows them, each anew.

use crate::reach::{Reach, reach};
use crate::relay::stream::Stream;
use crate::relay::{RelayError, Target};
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpStream, lookup_host};

/// How many addresses of one name are tried.
const ADDRESSES_MAX: usize = 8;

/// What a declared server permits for the URLs that it leads us to.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The place that a person named; its addresses are theirs to choose.
    own: Origin,
    /// Whether loopback is open, because the named place is there itself.
    loopback: bool,
    /// Whether private networks are open, because a person said so.
    private: bool,
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    tls: bool,
    host: String,
    port: u16,
}

/// Why a URL is not called.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Plain HTTP beyond loopback.
    #[error("{authority} is not called without TLS (https)")]
    Plain {
        /// Host and port.
        authority: String,
    },
    /// An address of a kind that is not open.
    #[error("{authority} is at {address}, {kind}, which is not open")]
    Blocked {
        /// Host and port.
        authority: String,
        /// Where it resolves to.
        address: IpAddr,
        /// What kind of address that is.
        kind: &'static str,
    },
    /// There is no connection.
    #[error(transparent)]
    Relay(#[from] RelayError),
}

impl Guard {
    /// The guard for what the server at `own` leads to.
    #[must_use]
    pub fn new(own: &Target, allow_private: bool) -> Self {
        Self { own: Origin::of(own), loopback: names_loopback(&own.host), private: allow_private }
    }

    /// Whether `target` is at the place that a person named.
    #[must_use]
    pub fn is_own(&self, target: &Target) -> bool {
        self.own == Origin::of(target)
    }

    /// Where `target` is, if it may be called.
    ///
    /// # Errors
    /// When it is not open, or its name is not known.
    pub(crate) async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, GuardError> {
        let failed = |error: std::io::Error| RelayError::connect(target.authority(), error);
        let found = lookup_host((target.host.as_str(), target.port)).await.map_err(failed)?;
        let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
        // One address that is not open spoils the name: it would be a matter of luck otherwise.
        for address in &addresses {
            self.judge(target, address.ip())?;
        }
        Ok(addresses)
    }

    /// Connects to `target`, if it may be.
    ///
    /// # Errors
    /// When it is not open, or cannot be reached.
    pub(crate) async fn connect(&self, target: &Target) -> Result<Stream, GuardError> {
        let failed = |error: std::io::Error| RelayError::connect(target.authority(), error);
        let addresses = self.resolve(target).await?;
        let mut last = RelayError::connect(target.authority(), "the name has no address");
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(tcp) => return Ok(Stream::over(tcp, target).await?),
                Err(error) => last = failed(error),
            }
        }
        Err(last.into())
    }

    fn judge(&self, target: &Target, address: IpAddr) -> Result<(), GuardError> {
        let reach = reach(address);
        let authority = || target.authority().to_owned();
        // A name that leads to loopback today may lead elsewhere tomorrow.
        let local = reach == Reach::Loopback && names_loopback(&target.host);
        if !target.tls && !local {
            return Err(GuardError::Plain { authority: authority() });
        }
        let open = match reach {
            Reach::Public => true,
            Reach::Loopback => self.loopback || self.private,
            Reach::Private => self.private,
            Reach::Never => false,
        };
        if open || (self.is_own(target) && reach != Reach::Never) {
            return Ok(());
        }
        Err(GuardError::Blocked { authority: authority(), address, kind: reach.as_str() })
    }
}

impl Origin {
    fn of(target: &Target) -> Self {
        Self { tls: target.tls, host: target.host.to_ascii_lowercase(), port: target.port }
    }
}

/// Whether `host` can only be this machine (RFC 6761).
fn names_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || host.parse().is_ok_and(|ip| reach(ip) == Reach::Loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(own: &str, allow_private: bool) -> Guard {
        Guard::new(&Target::parse(own).unwrap(), allow_private)
    }

    fn judge(guard: &Guard, url: &str, address: &str) -> bool {
        guard.judge(&Target::parse(url).unwrap(), address.parse().unwrap()).is_ok()
    }

    #[test]
    fn a_public_server_leads_to_public_addresses_with_tls_only() {
        let guard = guard("https://mcp.example.com/mcp", false);
        assert!(judge(&guard, "https://as.example.com/", "93.184.216.34"));
        assert!(judge(&guard, "https://as.example.com/", "2606:2800:220:1::1"));
        assert!(!judge(&guard, "http://as.example.com/", "93.184.216.34"));
        let blocked = [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "::7f00:1",
            "100::1",
            "3fff::1",
            "5f00::1",
        ];
        for address in blocked {
            assert!(!judge(&guard, "https://as.example.com/", address), "{address}");
        }
    }

    #[test]
    fn the_own_host_may_be_anywhere_but_not_without_tls() {
        let guard = guard("https://mcp.corp/mcp", false);
        assert!(judge(&guard, "https://mcp.corp/.well-known/x", "10.0.0.5"));
        assert!(judge(&guard, "https://MCP.corp/token", "10.0.0.5"));
        assert!(!judge(&guard, "https://sso.corp/token", "10.0.0.6"));
        assert!(!judge(&guard, "https://mcp.corp:8443/token", "10.0.0.5"));
        assert!(!judge(&guard, "http://mcp.corp/token", "10.0.0.5"));
        assert!(!judge(&guard, "https://mcp.corp/token", "169.254.169.254"));
    }

    #[test]
    fn loopback_and_private_networks_are_opened_each_by_its_own_reason() {
        let local = guard("http://localhost:8080/mcp", false);
        assert!(judge(&local, "http://127.0.0.1:9000/token", "127.0.0.1"));
        assert!(!judge(&local, "https://sso.corp/token", "10.0.0.6"));
        assert!(!judge(&local, "http://as.example.com/", "93.184.216.34"));
        assert!(!judge(&local, "http://rebound.example.com/", "127.0.0.1"));
        assert!(judge(&local, "http://as.localhost/", "127.0.0.1"));
        assert!(!judge(&local, "http://localhost/", "93.184.216.34"));
        let allowed = guard("https://mcp.example.com/", true);
        assert!(judge(&allowed, "https://sso.corp/token", "192.168.0.6"));
        assert!(judge(&allowed, "https://sso.corp/token", "fd00::6"));
        assert!(!judge(&allowed, "http://sso.corp/token", "192.168.0.6"));
        assert!(!judge(&allowed, "https://sso.corp/token", "169.254.169.254"));
        assert!(guard("http://[::1]:1/", false).loopback && guard("http://127.0.0.2/", false).loopback);
    }

    #[tokio::test]
    async fn a_blocked_name_is_never_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Target::parse(&format!("https://localhost:{port}/")).unwrap();
        let refused = guard("https://mcp.example.com/", false).connect(&target).await;
        assert!(matches!(refused, Err(GuardError::Blocked { .. })), "{refused:?}");
        let nobody = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err());
    }
}
