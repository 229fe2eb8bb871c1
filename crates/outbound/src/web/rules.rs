//! Where we may go when somebody else chose the URL (threats.md S-50).
//!
//! A URL is judged as browsers read it, then the address that its host has: one that is not public
//! is refused unless a person opened it, and one such address spoils the name. It deliberately
//! connects to nothing.

use super::{Network, WebError};
use crate::reach::{Reach, reach};
use crate::relay::RelayError;
use std::net::{IpAddr, SocketAddr};
use url::{Host, Url};

/// How many addresses of one name are tried.
const ADDRESSES_MAX: usize = 8;
/// The ports that pages are on.
const PORTS: [u16; 2] = [80, 443];
/// Names that the public internet does not have (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, and
/// what clusters and home routers use).
const PRIVATE_NAMES: [&str; 10] =
    ["localhost", "localdomain", "internal", "local", "intranet", "lan", "corp", "home.arpa", "svc", "cluster.local"];

/// What is open besides public addresses on the ports of pages.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    allowed: Vec<Allowed>,
}

/// What one entry opens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    /// A host by its name, on one port or on all: wherever it is, but for link-local addresses.
    Host { name: String, below: bool, port: Option<u16> },
    /// Addresses, on every port.
    Network { base: IpAddr, bits: u8 },
}

/// An entry of an allow list that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} is neither a host (`wiki.corp`, `*.corp`, `localhost:8080`) nor a network (`10.1.0.0/16`)")]
pub struct AllowError {
    /// What stands there.
    pub entry: String,
}

// === impl Rules ===

impl Rules {
    /// Opens what the entries name: hosts (`wiki.corp`, `*.corp`, `localhost:8080`), addresses and networks
    /// (`10.1.0.0/16`).
    ///
    /// # Errors
    /// The first entry that cannot be read.
    pub fn new<'a>(allow: impl IntoIterator<Item = &'a str>) -> Result<Self, AllowError> {
        let read = |entry: &str| Allowed::read(entry).ok_or_else(|| AllowError { entry: entry.to_owned() });
        Ok(Self { allowed: allow.into_iter().map(read).collect::<Result<_, _>>()? })
    }

    /// Opens the one place that a person configured, and the public web.
    #[must_use]
    pub fn for_place(url: &Url) -> Self {
        let name = url.host_str().unwrap_or_default().to_owned();
        let place = match url.host() {
            Some(Host::Ipv4(address)) => Allowed::Network { base: address.into(), bits: 32 },
            Some(Host::Ipv6(address)) => Allowed::Network { base: address.into(), bits: 128 },
            _ => Allowed::Host { name, below: false, port: url.port_or_known_default() },
        };
        Self { allowed: vec![place] }
    }

    /// Judges what can be judged before the host's address is known.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn check(&self, url: &Url) -> Result<(), WebError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(WebError::Scheme { scheme: url.scheme().to_owned() });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebError::Userinfo);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(WebError::Url { reason: "it has no host".to_owned() });
        };
        if port == 0 {
            return Err(WebError::Port { host: host.to_string(), port });
        }
        match host {
            Host::Domain(name) => {
                let known = self.opens_name(name, port);
                if !known && is_private_name(name) {
                    return Err(WebError::Name { host: name.to_owned() });
                }
                // An opened network may have names for what is in it.
                let networks = self.allowed.iter().any(|allowed| matches!(allowed, Allowed::Network { .. }));
                if !known && !networks && !PORTS.contains(&port) {
                    return Err(WebError::Port { host: name.to_owned(), port });
                }
                Ok(())
            }
            Host::Ipv4(address) => self.judge(url, port, address.into()),
            Host::Ipv6(address) => self.judge(url, port, address.into()),
        }
    }

    /// The addresses of the URL's host, when each may be connected to.
    pub(super) async fn resolve(&self, url: &Url, network: &dyn Network) -> Result<Vec<SocketAddr>, WebError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(WebError::Url { reason: "it has no host".to_owned() });
        };
        let addresses = match host {
            Host::Ipv4(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Ipv6(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Domain(name) => {
                let found = network.resolve(name, port).await;
                found.map_err(|error| RelayError::connect(name, format_args!("its address is not known: {error}")))?
            }
        };
        // One address that is not open spoils the name: it would be a matter of luck otherwise.
        for address in &addresses {
            self.judge(url, port, address.ip())?;
            if address.port() != port {
                return Err(WebError::Port { host: host.to_string(), port: address.port() });
            }
        }
        Ok(addresses.into_iter().take(ADDRESSES_MAX).collect())
    }

    fn judge(&self, url: &Url, port: u16, address: IpAddr) -> Result<(), WebError> {
        let host = || url.host_str().unwrap_or_default().to_owned();
        if self.allowed.iter().any(|allowed| allowed.holds(address)) {
            return Ok(());
        }
        let named = url.domain().is_some_and(|name| self.opens_name(name, port));
        let reach = reach(address);
        let open = match reach {
            Reach::Public => true,
            Reach::Loopback | Reach::Private => named,
            Reach::Never => false,
        };
        if !open {
            return Err(WebError::Blocked { host: host(), address, kind: reach.as_str() });
        }
        if named || PORTS.contains(&port) { Ok(()) } else { Err(WebError::Port { host: host(), port }) }
    }

    fn opens_name(&self, name: &str, port: u16) -> bool {
        self.allowed.iter().any(|allowed| allowed.names(name, port))
    }
}

// === impl Allowed ===

impl Allowed {
    fn read(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        if let Some((base, bits)) = entry.split_once('/') {
            let base: IpAddr = base.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            return (bits <= bits_of(base)).then_some(Self::Network { base, bits });
        }
        if let Ok(base) = entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Some(Self::Network { base, bits: bits_of(base) });
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok().filter(|port| *port != 0)?)),
            None => (entry, None),
        };
        let (name, below) = name.strip_prefix("*.").map_or((name, false), |name| (name, true));
        match Host::parse(name).ok()? {
            Host::Domain(name) => Some(Self::Host { name: name.trim_end_matches('.').to_owned(), below, port }),
            // An address with a port: only as a URL's place, since a name may lead to any port of it.
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    fn names(&self, host: &str, wanted: u16) -> bool {
        let Self::Host { name, below, port } = self else { return false };
        let host = host.trim_end_matches('.');
        let fits = if *below {
            host.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == name
        };
        fits && port.is_none_or(|port| port == wanted)
    }

    fn holds(&self, address: IpAddr) -> bool {
        let Self::Network { base, bits } = self else { return false };
        let left = |bits: u8, of: u8| u32::from(of.saturating_sub(bits));
        match (base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let differ = base.to_bits() ^ address.to_bits();
                differ.checked_shr(left(*bits, 32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let differ = base.to_bits() ^ address.to_bits();
                differ.checked_shr(left(*bits, 128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether the public internet cannot have this name: whoever answers to it is near.
fn is_private_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let under = |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.contains('.') || PRIVATE_NAMES.iter().any(|suffix| under(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &Rules, url: &str) -> Result<(), WebError> {
        rules.check(&Url::parse(url).unwrap())
    }

    fn judge(rules: &Rules, url: &str, address: &str) -> bool {
        let url = Url::parse(url).unwrap();
        let port = url.port_or_known_default().unwrap();
        rules.check(&url).and_then(|()| rules.judge(&url, port, address.parse().unwrap())).is_ok()
    }

    #[test]
    fn without_an_opening_only_public_names_and_addresses_are_called() {
        let rules = Rules::default();
        for url in ["https://example.com/", "http://a.test/x?y#z", "https://[2606:4700:4700::1111]/", "http://1.1.1.1"]
        {
            assert!(check(&rules, url).is_ok(), "{url}");
        }
        for url in [
            "ftp://example.com/",
            "http://me@example.com/",
            "http://:x@example.com/",
            "http://localhost/",
            "http://a.LOCALHOST./",
            "http://printer/",
            "http://x.home.arpa/",
            "http://api.default.svc/",
            "http://10.0.0.1/",
            "http://0x7f.1/",
            "http://[::ffff:a00:1]/",
            "http://example.com:22/",
            "http://1.1.1.1:8080/",
        ] {
            assert!(check(&rules, url).is_err(), "{url}");
        }
        assert!(!judge(&rules, "http://example.com/", "127.0.0.1"));
        assert!(judge(&rules, "http://localhost.example.com/", "93.184.216.34"));
    }

    #[test]
    fn an_entry_opens_what_it_names_and_nothing_beside_it() {
        let rules = Rules::new(["wiki.corp", "*.lab.example", "localhost:8080", "10.1.0.0/16", "fd00::5"]).unwrap();
        assert!(judge(&rules, "http://wiki.corp:9000/", "192.168.0.7"));
        assert!(judge(&rules, "http://wiki.corp/", "127.0.0.1"));
        assert!(!judge(&rules, "http://wiki.corp/", "169.254.169.254"));
        assert!(!judge(&rules, "http://other.corp/", "93.184.216.34"));
        assert!(judge(&rules, "http://a.b.lab.example:81/", "10.9.9.9"));
        assert!(!judge(&rules, "http://lab.example/", "10.9.9.9"));
        assert!(!judge(&rules, "http://xlab.example/", "10.9.9.9"));
        assert!(judge(&rules, "http://localhost:8080/", "127.0.0.1"));
        assert!(!judge(&rules, "http://localhost:8081/", "127.0.0.1"));
        assert!(judge(&rules, "http://10.1.255.255:1234/", "10.1.255.255"));
        assert!(judge(&rules, "http://[::ffff:10.1.2.3]/", "::ffff:10.1.2.3"));
        assert!(judge(&rules, "http://named.example:1234/", "10.1.2.3"));
        assert!(!judge(&rules, "http://named.example:1234/", "93.184.216.34"));
        assert!(!judge(&rules, "http://10.2.0.0/", "10.2.0.0"));
        assert!(judge(&rules, "http://[fd00::5]/", "fd00::5"));
        assert!(!judge(&rules, "http://[fd00::6]/", "fd00::6"));
        let metadata = Rules::new(["169.254.0.0/16"]).unwrap();
        assert!(judge(&metadata, "http://169.254.169.254/", "169.254.169.254"));
        assert!(judge(&Rules::new(["0.0.0.0/0"]).unwrap(), "http://127.0.0.1:1/", "127.0.0.1"));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_named() {
        for entry in ["", "10.0.0.0/33", "a b", "host:0", "host:http", "10.0.0.1:80", "http://host/", "x/8"] {
            assert_eq!(Rules::new([entry]).unwrap_err(), AllowError { entry: entry.to_owned() });
        }
    }

    #[test]
    fn a_configured_place_is_open_and_its_neighbours_are_not() {
        let place = |url: &str| Rules::for_place(&Url::parse(url).unwrap());
        assert!(judge(&place("http://searx:8888/x"), "http://searx:8888/search", "172.18.0.3"));
        assert!(!judge(&place("http://searx:8888/x"), "http://searx:8889/search", "172.18.0.3"));
        assert!(judge(&place("http://127.0.0.1:8888"), "http://127.0.0.1:8888/search", "127.0.0.1"));
        assert!(!judge(&place("http://127.0.0.1:8888"), "http://127.0.0.2:8888/search", "127.0.0.2"));
        assert!(judge(&place("https://api.example"), "https://api.example/v1", "93.184.216.34"));
    }
}
