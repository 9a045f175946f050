//! Which clients come from outside of this machine's own networks, for nodes in containers.
//!
//! A client in the same container network reaches every node by its address; one that comes through a
//! published port does not, and arrives from the network's gateway or from an address that belongs to no
//! network of ours. `cluster-outside-endpoint` says which host such a client is told.
//!
//! Source of the format: the kernel's `/proc/net/route`, words in host byte order, in hexadecimal.

use std::net::IpAddr;

/// The IPv4 networks that this machine is part of, and its gateways.
#[derive(Debug, Default)]
pub struct Networks {
    direct: Vec<(u32, u32)>,
    gateways: Vec<u32>,
}

impl Networks {
    /// Reads the routes of this machine; none where they cannot be read.
    pub fn of_this_machine() -> Self {
        std::fs::read_to_string("/proc/net/route").map(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let mut networks = Networks::default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let word = |index: usize| {
                let hex = words.get(index).copied().unwrap_or_default();
                u32::from_str_radix(hex, 16).ok().map(u32::from_be)
            };
            let (Some(destination), Some(gateway), Some(mask)) = (word(1), word(2), word(7)) else {
                continue;
            };
            if gateway != 0 {
                networks.gateways.push(gateway);
            } else if mask != 0 {
                networks.direct.push((destination, mask));
            }
        }
        networks
    }

    /// Whether a client of this address is outside. An IPv6 address counts as inside.
    pub fn is_outside(&self, ip: IpAddr) -> bool {
        let IpAddr::V4(ip) = ip.to_canonical() else { return false };
        let bits = u32::from(ip);
        let direct = self.direct.iter().any(|(network, mask)| bits & mask == *network);
        !ip.is_loopback() && (!direct || self.gateways.contains(&bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";

    #[test]
    fn the_gateway_and_strangers_are_outside() {
        let networks = Networks::parse(ROUTES);
        for (ip, outside) in [
            ("172.18.0.5", false),
            ("172.18.0.1", true),
            ("192.168.1.7", true),
            ("127.0.0.1", false),
            ("::ffff:172.18.0.1", true),
            ("::1", false),
        ] {
            assert_eq!(networks.is_outside(ip.parse().unwrap()), outside, "{ip}");
        }
    }
}
