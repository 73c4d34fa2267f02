//! Which addresses are public, and a look-up of names that finds no others.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Finds public addresses only, unless private ones are allowed.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) private: bool,
}

impl Guarded {
    /// Whether an address may be connected to.
    pub(super) fn lets(&self, address: IpAddr) -> bool {
        self.private || is_public(address)
    }
}

/// All addresses of a name.
pub(super) async fn look_up(name: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = look_up(name.as_str()).await?;
            let guard = Self { private };
            // All of them: one that leads here among many is no accident.
            if let Some(address) = found.iter().find(|address| !guard.lets(address.ip())) {
                let text = format!("{} leads to {}, which is not public", name.as_str(), address.ip());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text).into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is of the public Internet: not this machine, its links, private networks, documentation,
/// benchmarks, groups of receivers or anything reserved (RFC 6890 and its successors). Addresses that carry another in
/// themselves count as that other.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let low = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match parts {
        // Compatible addresses, ::1 and :: among them.
        [0, 0, 0, 0, 0, 0, ..] => false,
        // NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, rest] => is_public_v4(low(high, rest)),
        [0x64, 0xff9b, ..] => false,
        // 6to4.
        [0x2002, high, rest, ..] => is_public_v4(low(high, rest)),
        // Teredo, ORCHID, documentation, discard.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x100, 0, 0, 0, ..] => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Of what is given out all begins so; all else is local, of groups, or reserved.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_is_known_in_every_disguise() {
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ];
        for text in private {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
