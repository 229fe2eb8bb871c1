//! What an IP address is for somebody whom others can send anywhere: the one judge of addresses.
//!
//! It deliberately decides nothing: who may go where is said by [`crate::guard`] and [`crate::web`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Public,
    Loopback,
    Private,
    /// Link-local, unspecified, multicast, reserved: nobody's server.
    Never,
}

impl Reach {
    /// What kind of address that is, for messages.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Loopback => "this machine itself",
            Self::Private => "a private network",
            Self::Never => "no address of a server",
        }
    }
}

/// What `address` is; one that embeds another is judged as what it leads to.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, d] = address.octets();
    match (a, b, c) {
        (127, ..) => Reach::Loopback,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Reach::Private,
        // "This" network, link-local, protocol assignments, documentation, benchmarks, multicast
        // and everything above.
        (0, ..)
        | (169, 254, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113)
        | (224..=255, ..) => Reach::Never,
        // Public by its number, but the host of an Azure machine answers it, with its secrets.
        (168, 63, 129) if d == 16 => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        _ if address.is_loopback() => Reach::Loopback,
        // Mapped, and translated by the well-known prefix: judged as what they lead to.
        (0, 0) if (c, d, e, f) == (0, 0, 0, 0xffff) => embedded(g, h),
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => embedded(g, h),
        (0x2002, _) => match embedded(b, c) {
            Reach::Public => Reach::Public,
            _ => Reach::Never,
        },
        (0xfc00..=0xfdff, _) => Reach::Private,
        // Global unicast without Teredo and its neighbours, documentation.
        (0x2001, 0..=0x01ff | 0x0db8) => Reach::Never,
        (0x2000..=0x3ffe, _) => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_it_leads_to() {
        let kind = |text: &str| reach(text.parse().unwrap());
        for public in ["93.184.216.34", "100.128.0.1", "169.253.1.1", "168.63.129.17", "2606:4700::1", "::ffff:1.1.1.1"]
        {
            assert_eq!(kind(public), Reach::Public, "{public}");
        }
        for never in ["168.63.129.16", "::ffff:a83f:8110", "64:ff9b::a83f:8110", "64:ff9b:1::a00:1", "192.0.0.192"] {
            assert_eq!(kind(never), Reach::Never, "{never}");
        }
        assert_eq!(kind("64:ff9b::a00:1"), Reach::Private);
        assert_eq!(kind("fd00:ec2::254"), Reach::Private);
    }
}
