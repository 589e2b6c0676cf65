//! Small texts of the kernel: limits, ranges, counters (proc(5), ip(7)).

use std::net::IpAddr;

/// How many files a process may have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// What holds; `u64::MAX` for no limit.
    pub soft: u64,
    /// Up to what it may be raised without privilege.
    pub hard: u64,
}

impl DescriptorLimit {
    /// Out of `/proc/<pid>/limits`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        let number = |text: &str| if text == "unlimited" { Some(u64::MAX) } else { text.parse().ok() };
        let mut fields = line.split_ascii_whitespace();
        Some(Self { soft: number(fields.next()?)?, hard: number(fields.next()?)? })
    }
}

/// Connections that the kernel keeps track of for its firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conntrack {
    /// How many there are.
    pub count: u64,
    /// How many there may be.
    pub max: u64,
}

/// What became of connections for which an accept queue had no room, since the host started (`TcpExt` of
/// `/proc/net/netstat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptQueues {
    /// Connections that found a queue full (`ListenOverflows`).
    pub overflows: u64,
    /// Connections that were dropped while they arrived, for that reason or another (`ListenDrops`).
    pub drops: u64,
}

impl AcceptQueues {
    /// Out of `/proc/net/netstat`: a line of names, and below it one of values.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
        let (names, values) = (lines.next()?, lines.next()?);
        let value = |name: &str| {
            let at = names.split_ascii_whitespace().position(|found| found == name)?;
            values.split_ascii_whitespace().nth(at)?.parse().ok()
        };
        Some(Self { overflows: value("ListenOverflows")?, drops: value("ListenDrops")? })
    }
}

/// Reads a file that holds one number.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// First and last local port of connections (`/proc/sys/net/ipv4/ip_local_port_range`).
#[must_use]
pub fn port_range(text: &str) -> Option<(u16, u16)> {
    let mut fields = text.split_ascii_whitespace();
    let range = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (range.0 <= range.1).then_some(range)
}

/// The effective capabilities of a process, as bits (`CapEff` of `/proc/<pid>/status`).
#[must_use]
pub fn capabilities(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// A neighbour on the link that has not answered for its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentNeighbour {
    /// Its address.
    pub ip: IpAddr,
    /// The device behind which it was looked for.
    pub device: String,
}

/// Out of `/proc/net/arp`: entries without the flag that says that they are complete (`ATF_COM`, arp(7)).
#[must_use]
pub fn silent_neighbours(arp: &str) -> Vec<SilentNeighbour> {
    const COMPLETE: u32 = 0x2;
    let entry = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let ip = fields.next()?.parse().ok()?;
        let flags = u32::from_str_radix(fields.nth(1)?.strip_prefix("0x")?, 16).ok()?;
        let device = fields.nth(2)?.to_owned();
        (flags & COMPLETE == 0).then_some(SilentNeighbour { ip, device })
    };
    arp.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_may_be_unlimited() {
        let text = |soft: &str, hard: &str| {
            format!(
                "Limit    Soft Limit  Hard Limit  Units\nMax processes  1  2  processes\nMax open files   {soft}   {hard}   files\n"
            )
        };
        assert_eq!(
            DescriptorLimit::parse(&text("1024", "524288")),
            Some(DescriptorLimit { soft: 1024, hard: 524_288 })
        );
        assert_eq!(
            DescriptorLimit::parse(&text("1024", "unlimited")),
            Some(DescriptorLimit { soft: 1024, hard: u64::MAX })
        );
        assert_eq!(DescriptorLimit::parse(&text("x", "1")), None);
        assert_eq!(DescriptorLimit::parse(""), None);
    }

    #[test]
    fn counters_stand_below_their_names() {
        let text =
            "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 333\nIpExt: A\nIpExt: 5\n";
        assert_eq!(AcceptQueues::parse(text), Some(AcceptQueues { overflows: 22, drops: 333 }));
        assert_eq!(AcceptQueues::parse("TcpExt: ListenDrops\nTcpExt: 1\n"), None);
    }

    #[test]
    fn ranges_and_numbers() {
        assert_eq!(port_range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(port_range("5 1"), None);
        assert_eq!(number("262144\n"), Some(262_144));
        assert_eq!(capabilities("Name:\tx\nCapEff:\t0000000000000400\n"), Some(1 << 10));
    }

    #[test]
    fn neighbours_without_an_answer_are_found() {
        let text = "\
IP address       HW type     Flags       HW address            Mask     Device
10.0.0.1         0x1         0x2         02:fc:00:00:00:05     *        eth0
10.0.0.9         0x1         0x0         00:00:00:00:00:00     *        eth1
";
        let expected = SilentNeighbour { ip: "10.0.0.9".parse().unwrap(), device: "eth1".to_owned() };
        assert_eq!(silent_neighbours(text), [expected]);
    }
}
