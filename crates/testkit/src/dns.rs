//! A name server whose answers change while the test runs.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
const HEADER: usize = 12;

/// What is said about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsAnswer {
    /// These addresses, of which a query for A gets the IPv4 ones and one for AAAA the IPv6 ones,
    /// to be kept for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// The name does not exist.
    NxDomain,
    /// The name exists and has no address.
    NoData,
    /// The server has failed.
    ServFail,
    /// Nothing: the query is read and forgotten.
    Silence,
}

impl DnsAnswer {
    /// Addresses for one second, so that whoever follows the time to live asks again soon.
    #[must_use]
    pub fn addresses(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self::Addresses(addresses.into_iter().collect(), 1)
    }
}

/// A name server on loopback, over UDP. Names it was not told about do not exist.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Zone {
    answers: HashMap<String, DnsAnswer>,
    queries: Vec<String>,
}

impl DnsServer {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Starts on this address.
    pub async fn start_on(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address)
            .await
            .unwrap_or_else(|e| panic!("name server cannot have {address}: {e}"));
        let address = socket.local_addr().unwrap_or(address);
        let zone = Arc::<Mutex<Zone>>::default();
        let task = tokio::spawn(serve(socket, Arc::clone(&zone)));
        Self { address, zone, task }
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port it answers on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Says from now on this about a name.
    pub fn set(&self, name: &str, answer: DnsAnswer) {
        lock(&self.zone).answers.insert(name.to_ascii_lowercase(), answer);
    }

    /// The number of queries for a name so far, A and AAAA each.
    #[must_use]
    pub fn queries(&self, name: &str) -> usize {
        lock(&self.zone).queries.iter().filter(|q| q.eq_ignore_ascii_case(name)).count()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut packet = [0; 1500];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut packet).await else { continue };
        let Some(query) = Query::parse(&packet[..length]) else { continue };
        let answer = {
            let mut zone = lock(&zone);
            zone.queries.push(query.name.clone());
            zone.answers.get(&query.name).cloned().unwrap_or(DnsAnswer::NxDomain)
        };
        if let Some(reply) = query.reply(&answer) {
            // A client that has gone needs no answer.
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

/// The one question of a query; all other sections are ignored.
struct Query<'a> {
    header: &'a [u8],
    question: &'a [u8],
    name: String,
    kind: u16,
}

impl<'a> Query<'a> {
    fn parse(packet: &'a [u8]) -> Option<Self> {
        let header = packet.get(..HEADER)?;
        let mut labels = Vec::new();
        let mut at = HEADER;
        loop {
            let length = usize::from(*packet.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_ascii_lowercase());
            at += length;
        }
        let kind = u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]);
        Some(Self { header, question: packet.get(HEADER..at + 4)?, name: labels.join("."), kind })
    }

    fn reply(&self, answer: &DnsAnswer) -> Option<Vec<u8>> {
        let (code, records, ttl) = match answer {
            DnsAnswer::Addresses(addresses, ttl) => (0, addresses.as_slice(), *ttl),
            DnsAnswer::NoData => (0, &[][..], 0),
            DnsAnswer::ServFail => (2, &[][..], 0),
            DnsAnswer::NxDomain => (3, &[][..], 0),
            DnsAnswer::Silence => return None,
        };
        let records: Vec<_> = records.iter().filter(|a| self.kind == kind_of(a)).collect();
        let mut out = Vec::with_capacity(512);
        out.extend(&self.header[..2]);
        // An authoritative response; recursion is available if it was asked for.
        out.extend([0x84 | (self.header[2] & 1), 0x80 | code]);
        out.extend(1u16.to_be_bytes());
        out.extend(u16::try_from(records.len()).ok()?.to_be_bytes());
        out.extend([0; 4]);
        out.extend(self.question);
        for address in records {
            // The name is a pointer to the question.
            out.extend([0xc0, u8::try_from(HEADER).ok()?]);
            out.extend(self.kind.to_be_bytes());
            out.extend(CLASS_IN.to_be_bytes());
            out.extend(ttl.to_be_bytes());
            match address {
                IpAddr::V4(ip) => {
                    out.extend(4u16.to_be_bytes());
                    out.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.extend(16u16.to_be_bytes());
                    out.extend(ip.octets());
                }
            }
        }
        Some(out)
    }
}

fn kind_of(address: &IpAddr) -> u16 {
    if address.is_ipv4() { TYPE_A } else { TYPE_AAAA }
}

fn lock(zone: &Mutex<Zone>) -> std::sync::MutexGuard<'_, Zone> {
    zone.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn question(name: &str, kind: u16) -> Vec<u8> {
        let mut packet = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            packet.push(u8::try_from(label.len()).unwrap());
            packet.extend(label.bytes());
        }
        packet.push(0);
        packet.extend(kind.to_be_bytes());
        packet.extend(CLASS_IN.to_be_bytes());
        packet
    }

    async fn ask(server: &DnsServer, name: &str, kind: u16) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(&question(name, kind), server.address()).await.unwrap();
        let mut packet = [0; 512];
        let read = tokio::time::timeout(Duration::from_millis(100), socket.recv_from(&mut packet)).await;
        read.ok().map(|r| packet[..r.unwrap().0].to_vec())
    }

    #[tokio::test]
    async fn answers_and_changes_its_mind() {
        let server = DnsServer::start().await;
        assert_eq!(ask(&server, "app.test", TYPE_A).await.unwrap()[3], 0x83);

        server.set("App.test", DnsAnswer::addresses(["127.0.0.7".parse().unwrap(), "::7".parse().unwrap()]));
        let reply = ask(&server, "app.TEST", TYPE_A).await.unwrap();
        assert_eq!((&reply[..2], reply[3], reply[7]), (&[0xab, 0xcd][..], 0x80, 1));
        assert_eq!(&reply[reply.len() - 6..], [0, 4, 127, 0, 0, 7]);
        assert_eq!(ask(&server, "app.test", TYPE_AAAA).await.unwrap()[7], 1);

        server.set("app.test", DnsAnswer::ServFail);
        assert_eq!(ask(&server, "app.test", TYPE_A).await.unwrap()[3], 0x82);
        server.set("app.test", DnsAnswer::NoData);
        assert_eq!(ask(&server, "app.test", TYPE_A).await.unwrap()[7], 0);
        server.set("app.test", DnsAnswer::Silence);
        assert_eq!(ask(&server, "app.test", TYPE_A).await, None);
        assert_eq!(server.queries("app.test"), 6);
    }
}
