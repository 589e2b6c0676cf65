//! A name server on loopback that answers what it is told to.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use causeway_model::{ClusterType, DnsLookupFamily, DnsOptions, DnsResolver, Endpoint, EndpointAddress};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::spawn_local;

/// What the server does with a question.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers with those of these addresses that the question asks for, under this TTL.
    Addresses(Vec<IpAddr>, u32),
    /// Answers with this code and nothing else. `NoError` is "no such record".
    Code(ResponseCode),
    /// Says nothing.
    Silence,
    /// Says nothing to questions for IPv6, and answers those for IPv4.
    SilenceForV6(IpAddr),
}

/// The server.
#[derive(Debug, Clone)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    replies: Rc<RefCell<HashMap<String, Reply>>>,
    /// Names that were asked for, with record types.
    pub(crate) questions: Rc<RefCell<Vec<String>>>,
}

impl NameServer {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let this =
            Self { address: socket.local_addr().unwrap(), replies: Rc::default(), questions: Rc::default() };
        let server = this.clone();
        spawn_local(async move {
            let mut buffer = [0; 2048];
            loop {
                let Ok((len, from)) = socket.recv_from(&mut buffer).await else { return };
                if let Some(answer) = server.answer(&buffer[..len]) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        this
    }

    /// From now on, the name is answered so. Other names do not exist.
    pub(crate) fn set(&self, name: &str, reply: Reply) {
        self.replies.borrow_mut().insert(format!("{name}."), reply);
    }

    pub(crate) fn addresses(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.set(name, Reply::Addresses(addresses, 60));
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).unwrap();
        let query = question.queries.first()?.clone();
        let name = query.name().to_string().to_lowercase();
        self.questions.borrow_mut().push(format!("{name} {}", query.query_type()));
        let reply = self.replies.borrow().get(&name).cloned();
        let mut answer = Message::response(question.id, question.op_code);
        answer.metadata.recursion_available = true;
        answer.metadata.recursion_desired = true;
        answer.add_query(query.clone());
        match reply.unwrap_or(Reply::Code(ResponseCode::NXDomain)) {
            Reply::Silence => return None,
            Reply::SilenceForV6(_) if query.query_type() == RecordType::AAAA => return None,
            Reply::SilenceForV6(address) => {
                answer.add_answer(Record::from_rdata(query.name().clone(), 1, RData::from(address)));
            }
            Reply::Code(code) => answer.metadata.response_code = code,
            Reply::Addresses(addresses, ttl) => {
                for address in addresses {
                    let wanted = match query.query_type() {
                        RecordType::A => address.is_ipv4(),
                        RecordType::AAAA => address.is_ipv6(),
                        _ => false,
                    };
                    if wanted {
                        answer.add_answer(Record::from_rdata(
                            query.name().clone(),
                            ttl,
                            RData::from(address),
                        ));
                    }
                }
            }
        }
        Some(answer.to_vec().unwrap())
    }

    /// Looks names up here every 20 ms.
    pub(crate) fn options(&self) -> DnsOptions {
        DnsOptions {
            refresh_rate: Duration::from_millis(20),
            jitter: Duration::ZERO,
            failure_refresh_rate: None,
            respect_ttl: false,
            lookup_family: DnsLookupFamily::V4Only,
            resolver: DnsResolver {
                servers: vec![self.address],
                use_tcp: false,
                no_default_search_domain: true,
                query_timeout: Some(Duration::from_millis(100)),
                query_tries: Some(1),
            },
        }
    }

    pub(crate) fn strict(&self) -> ClusterType {
        ClusterType::StrictDns(self.options())
    }

    pub(crate) fn logical(&self) -> ClusterType {
        ClusterType::LogicalDns(self.options())
    }
}

/// An endpoint with a name.
pub(crate) fn named(host: &str, port: u16) -> Endpoint {
    super::endpoint(EndpointAddress::Name { host: host.into(), port })
}
