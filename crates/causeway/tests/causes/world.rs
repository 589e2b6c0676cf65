//! What stands behind a configuration: back-ends, name servers, and a namespace where they need one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use causeway_testkit::{Backend, DnsAnswer, DnsServer, Netns, Port, Scratch, Script, TlsServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::site::{Listener, config, indent};

#[derive(Clone)]
pub(crate) enum Behind {
    Script(Script),
    Secure(TlsServer, Script),
    /// It closes where others send an alert of TLS.
    Tacit(TlsServer, Script),
    Nobody,
    /// An `address` of the file. `HOST` is the address outside of the namespace, `SELF` the one inside.
    Endpoint(String),
    /// A back-end in the namespace at this address.
    Inside(&'static str, &'static str),
    /// A name, of which each name server says this; what stands behind it; the type of the cluster.
    Name(Vec<DnsAnswer>, Script, &'static str),
    /// A back-end that wants a PROXY header, or that refuses one.
    Picky(bool),
    /// There is no endpoint.
    NoEndpoints,
    /// Nobody accepts, and the queue is full.
    Full,
    /// It reads what comes first, and closes.
    HangsUp,
    Pipe,
}

/// What has to live while the doctor looks.
#[derive(Default)]
struct Kept {
    backends: Vec<Backend>,
    servers: Vec<DnsServer>,
    ports: Vec<Port>,
    tasks: Vec<Task>,
    settled: Vec<Box<dyn std::any::Any>>,
    scratch: Vec<Scratch>,
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is made of a case: the file in parts, and what has to live while somebody looks at it.
pub(crate) struct World {
    /// Where the proxy and the doctor run, if not here.
    pub(crate) netns: Option<Netns>,
    /// The cluster `app` in YAML, one element of the list.
    pub(crate) cluster: String,
    /// The one listener.
    pub(crate) listener: Listener,
    kept: Kept,
}

impl World {
    /// `inside` prepares the namespace; `fields` are those of the cluster.
    pub(crate) async fn make(
        behind: &Behind,
        inside: Option<fn(&Netns)>,
        fields: &str,
        listener: &Listener,
    ) -> Self {
        let netns = inside.map(|prepare| {
            let netns = Netns::new();
            prepare(&netns);
            netns
        });
        let mut kept = Kept::default();
        let (address, more) = behind.clone().prepare(netns.as_ref(), &mut kept).await;
        let endpoints = match &*address {
            "" => String::new(),
            address => format!("{{lb_endpoints: [{{endpoint: {{address: {{{address}}}}}}}]}}"),
        };
        let assignment = if fields.contains("load_assignment") {
            String::new()
        } else {
            format!("  load_assignment: {{cluster_name: app, endpoints: [{endpoints}]}}\n")
        };
        let cluster = format!("- name: app\n{}{assignment}", indent(&format!("{more}{fields}"), 2));
        Self { netns, cluster, listener: listener.clone(), kept }
    }

    /// The port of the one endpoint.
    pub(crate) fn port(&self) -> u16 {
        let (_, rest) = self.cluster.rsplit_once("port_value: ").expect("an endpoint with a port");
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a port")
    }

    /// Its name has these addresses from now on.
    pub(crate) fn moves(&self, address: IpAddr) {
        self.kept.servers.iter().for_each(|server| server.set("app.test", DnsAnswer::addresses([address])));
    }

    /// The file, with the admin server and the listener at these addresses.
    pub(crate) fn file(&self, admin: SocketAddr, listener: SocketAddr) -> String {
        config(admin, &self.listener.yaml(listener), &self.cluster)
    }
}

impl Behind {
    /// The `address` in the file, and more fields of the cluster.
    async fn prepare(self, netns: Option<&Netns>, kept: &mut Kept) -> (String, String) {
        let here = |port: u16| format!("socket_address: {{address: 127.0.0.1, port_value: {port}}}");
        let plain = |text: String| (text, String::new());
        match self {
            Self::Script(script) => {
                let backend = match netns {
                    Some(netns) => {
                        let address = SocketAddr::new(netns.host_address(), 0);
                        Backend::start_on(address, script).await
                    }
                    None => Backend::start(script).await,
                };
                let at = backend.address();
                kept.backends.push(backend);
                plain(format!("socket_address: {{address: {}, port_value: {}}}", at.ip(), at.port()))
            }
            Self::Secure(tls, script) => {
                let backend = Backend::start_tls(tls, script).await;
                let port = backend.port();
                kept.backends.push(backend);
                plain(here(port))
            }
            Self::Tacit(tls, script) => {
                let backend = Backend::start_tls(tls, script).await;
                let (port, task) = tacit(backend.address()).await;
                kept.backends.push(backend);
                kept.tasks.push(task);
                plain(here(port))
            }
            Self::Nobody => {
                let port = match netns {
                    Some(netns) => Port::reserve_on(netns.host_address()),
                    None => Port::reserve(),
                };
                let number = port.number();
                kept.ports.push(port);
                match netns {
                    Some(netns) => plain(format!(
                        "socket_address: {{address: {}, port_value: {number}}}",
                        netns.host_address()
                    )),
                    None => plain(here(number)),
                }
            }
            Self::NoEndpoints => (String::new(), String::new()),
            Self::Endpoint(text) => {
                let host = netns.map(|netns| netns.host_address().to_string()).unwrap_or_default();
                let own = netns.map(|netns| netns.address().to_string()).unwrap_or_default();
                plain(text.replace("HOST", &host).replace("SELF", &own))
            }
            Self::Inside(listens, file) => {
                let netns = netns.expect("a namespace");
                let address: SocketAddr =
                    listens.replace("SELF", &netns.address().to_string()).parse().expect("an address");
                let settled = netns.settle(async move || Backend::start_on(address, Script::echo()).await);
                kept.settled.push(Box::new(settled));
                let file = file.replace("SELF", &netns.address().to_string());
                let (ip, port) = file.rsplit_once(':').expect("an address");
                plain(format!("socket_address: {{address: {ip}, port_value: {port}}}"))
            }
            Self::Name(answers, script, kind) => named(answers, script, kind, kept).await,
            Self::Picky(wants) => {
                let (port, task) = picky(wants).await;
                kept.tasks.push(task);
                plain(here(port))
            }
            Self::Full => {
                let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
                socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
                let listener = socket.listen(1).expect("a listener");
                let address = listener.local_addr().expect("an address");
                let mut queue = Vec::new();
                while let Ok(connected) =
                    tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
                {
                    queue.push(connected.expect("a connection"));
                }
                kept.settled.push(Box::new((listener, queue)));
                plain(here(address.port()))
            }
            Self::HangsUp => {
                let (port, task) = hangs_up().await;
                kept.tasks.push(task);
                plain(here(port))
            }
            Self::Pipe => {
                let scratch = Scratch::new();
                let path = scratch.file("app.sock");
                let listener = tokio::net::UnixListener::bind(&path).expect("a socket");
                let task = tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(answer(stream));
                    }
                });
                kept.tasks.push(Task(task));
                kept.scratch.push(scratch);
                plain(format!("pipe: {{path: {}}}", path.display()))
            }
        }
    }
}

/// The name `app.test`, with a server for each answer.
async fn named(answers: Vec<DnsAnswer>, script: Script, kind: &str, kept: &mut Kept) -> (String, String) {
    let backend = Backend::start(script).await;
    let mut servers = Vec::new();
    for answer in answers {
        let server = DnsServer::start().await;
        server.set("app.test", answer);
        servers.push(format!("{{socket_address: {{address: 127.0.0.1, port_value: {}}}}}", server.port()));
        kept.servers.push(server);
    }
    let more = format!(
        "type: {kind}\ntyped_dns_resolver_config:\n  name: cares\n  typed_config:\n    \"@type\": \
         type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig\n    resolvers: [{}]\n    \
         dns_resolver_options: {{no_default_search_domain: true}}\n",
        servers.join(", ")
    );
    let address = format!("socket_address: {{address: app.test, port_value: {}}}", backend.port());
    kept.backends.push(backend);
    (address, more)
}

/// A back-end that closes what does not begin with a PROXY header, or answers 400 to what does.
async fn picky(wants: bool) -> (u16, Task) {
    let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::LOCALHOST), 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut first = [0; 6];
                let peeked = stream.peek(&mut first).await.unwrap_or(0);
                let has_header =
                    [b"PROXY ", b"\r\n\r\n\0\r"].iter().any(|header| first[..peeked].starts_with(*header));
                if has_header == wants {
                    answer(stream).await;
                } else if !wants {
                    let mut stream = stream;
                    let _ = stream
                        .write_all(
                            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                        )
                        .await;
                }
            });
        }
    });
    (port, Task(task))
}

/// Passes a TLS server on, but for its alerts: as those do that close without a word (asyncio's).
async fn tacit(to: SocketAddr) -> (u16, Task) {
    let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::LOCALHOST), 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(to).await else { return };
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let there = async {
                    // How either side ends is what the other sees.
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                };
                let back = async {
                    while let Some(record) = record(&mut from_server).await {
                        const ALERT: u8 = 21;
                        if record[0] == ALERT || to_client.write_all(&record).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! { () = there => {} () = back => {} }
            });
        }
    });
    (port, Task(task))
}

/// One record of TLS, with its header.
async fn record(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record).await.ok()?;
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    from.read_exact(&mut record[5..]).await.ok()?;
    Some(record)
}

/// A back-end that closes, and does not reset, which it would if anything were left unread.
async fn hangs_up() -> (u16, Task) {
    let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::LOCALHOST), 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // What it is does not matter to somebody who hangs up.
                let _ = stream.read(&mut [0; 16 << 10]).await;
            });
        }
    });
    (port, Task(task))
}

/// Answers every request, whatever stands in front of it.
async fn answer(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    let mut read = Vec::new();
    while stream.read_buf(&mut read).await.is_ok_and(|count| count > 0) {
        if read.ends_with(b"\r\n\r\n") {
            read.clear();
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
                return;
            }
        }
    }
}
