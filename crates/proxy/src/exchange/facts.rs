//! What is known about one request: everything that logs, metrics and reasons are made of.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use causeway_http::{HeaderBlock, Version};
use causeway_model::{Address, Metadata, VirtualHost};
use causeway_reason::{Failure, Flag, Flags};
use causeway_upstream::{Host, OriginalSource};

use crate::cluster::LocalCluster;
use crate::connect::TlsFacts;
use crate::filters::FilterState;
use crate::moment::Moment;
use crate::pool::StreamCount;
use crate::routes::{RouteEntry, RouteTarget};
use crate::spelling::Spelling;
use crate::traffic::{Traffic, VirtualCluster};

/// What an exchange is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A request and its response.
    #[default]
    Request,
    /// A connection that is passed on as it is.
    Connection,
    /// A connection that a filter does not let through.
    RefusedConnection,
    /// A connection that requests come on, as the logs of its listener have it.
    Client,
}

/// What is known about one request.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// What it is about.
    pub(crate) subject: Subject,
    /// The request's first byte was seen.
    pub(crate) begun: Option<Moment>,
    /// Its last byte was.
    pub(crate) request_end: Option<Moment>,
    /// A connection to the back-end was asked for.
    pub(crate) connect_begin: Option<Moment>,
    /// It was there.
    pub(crate) connect_end: Option<Moment>,
    /// The request's last byte was sent to the back-end.
    pub(crate) upstream_request_end: Option<Moment>,
    /// The response's first byte came.
    pub(crate) response_begin: Option<Moment>,
    /// The first byte of its body came.
    pub(crate) response_body_begin: Option<Moment>,
    /// Its last byte came.
    pub(crate) response_end: Option<Moment>,
    /// The first byte was sent to the client.
    pub(crate) reply_begin: Option<Moment>,
    /// The last byte was.
    pub(crate) reply_end: Option<Moment>,
    /// It is over, however it ended.
    pub(crate) ended: Option<Moment>,

    /// Version of the request.
    pub(crate) protocol: Option<Version>,
    /// Where the request comes from, as far as it is believed.
    pub(crate) remote: Option<Remote>,
    /// It comes from inside.
    pub(crate) internal: bool,
    /// The back-end says that it is a canary.
    pub(crate) canary: bool,
    /// The scheme it was asked with.
    pub(crate) https: bool,
    /// Where connections to back-ends come from that are made for it, where an HTTP filter wants that.
    pub(crate) source: Option<Box<OriginalSource>>,
    /// Its content type is gRPC's.
    pub(crate) grpc: bool,
    /// The route that takes it.
    pub(crate) route: Option<Rc<RouteEntry>>,
    /// The virtual host that has no route for it.
    pub(crate) without_route: Option<Arc<VirtualHost>>,
    /// Which of the route's clusters was chosen.
    pub(crate) target: Option<Rc<RouteTarget>>,
    /// The cluster it is sent to.
    pub(crate) cluster: Option<Rc<LocalCluster>>,
    /// The virtual cluster it belongs to.
    pub(crate) virtual_cluster: Option<Rc<VirtualCluster>>,
    /// The host it is sent to.
    pub(crate) host: Option<Arc<Host>>,
    /// The host of the request before that of the chosen host took its place (`auto_host_rewrite`).
    pub(crate) host_before: Option<Box<[u8]>>,
    /// Our end of the connection to it.
    pub(crate) upstream_local: Option<SocketAddr>,
    /// The other end.
    pub(crate) upstream_remote: Option<Rc<Address>>,
    /// What is known of its TLS, where it speaks it.
    pub(crate) upstream_tls: Option<Rc<TlsFacts>>,
    /// Number of the connection to it.
    pub(crate) upstream_connection: Option<u64>,
    /// How often a route was looked for.
    pub(crate) route_resolutions: u32,
    /// Microseconds that this took, where somebody wants to know.
    pub(crate) route_resolution_micros: Option<u64>,
    /// How often it was sent, or was meant to be.
    pub(crate) attempts: u32,
    /// Where the back-end is late, the client is told that there is nothing to tell.
    pub(crate) late_is_no_content: bool,
    /// As with Envoy, clusters do not count what is answered: it was an answer to an upgrade that is no answer to a
    /// client, or came in place of one that an interim response had begun.
    pub(crate) uncounted: bool,
    /// One attempt is over, and the next has yet to begin.
    pub(crate) resting: bool,
    /// The flag of the time that the attempt has taken too much of, as the router's own logs show it.
    pub(crate) late: Option<Flag>,

    /// Status that was answered; 0 while, or because, none was.
    pub(crate) status: u16,
    /// Status that it would have been, where the client is told another: gRPC's 200, or the one that is
    /// recommended (`set_recommended_response_code`). Clusters count this one.
    pub(crate) own_status: Option<u16>,
    /// `%RESPONSE_FLAGS%`.
    pub(crate) flags: Flags,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub(crate) details: ResponseDetails,
    /// Why it failed.
    pub(crate) failure: Option<Box<Failure>>,
    /// The client may know all about that.
    pub(crate) may_know_all: bool,
    /// Body bytes from the client.
    pub(crate) bytes_received: u64,
    /// Body bytes to the client.
    pub(crate) bytes_sent: u64,
    /// Bytes of the request's body with its chunks around it, from the client.
    pub(crate) body_read: u64,
    /// The same, to the back-end.
    pub(crate) body_passed: u64,
    /// All bytes from the client that belong to it.
    pub(crate) wire_received: u64,
    /// All bytes to the client.
    pub(crate) wire_sent: u64,
    /// Bytes of its fields, as Envoy counts them: names, values and three for each.
    pub(crate) request_field_bytes: u64,
    /// What the response's `connection` says to the client, where it is the proxy that says it.
    pub(crate) connection_said: Option<&'static str>,
    /// Of HTTP/2, bytes of the names and values of its fields.
    pub(crate) plain_request: u32,
    /// The same of what the back-end answered.
    pub(crate) plain_answer: u32,
    /// Bytes of the response's fields, to the client.
    pub(crate) response_field_bytes: u64,
    /// Bytes of the response's trailers, to the client, with their names and values, and with all that is around
    /// them.
    pub(crate) response_trailer_bytes: TrailerBytes,
    /// How the client spelled names, where the request keeps that.
    pub(crate) request_spelling: Option<Rc<Spelling>>,
    /// How the back-end spelled names, where the response keeps that.
    pub(crate) spelling: Option<Rc<Spelling>>,
    /// Bytes of the response's head, to the client.
    pub(crate) response_head_bytes: u64,
    /// All bytes from the back-end.
    pub(crate) upstream_wire_received: u64,
    /// Bytes of the head that was sent to the back-end.
    pub(crate) upstream_head_sent: u64,
    /// Bytes of the fields in it.
    pub(crate) upstream_fields_sent: u64,
    /// Bytes of the fields that came from the back-end, counted as those of the request.
    pub(crate) upstream_fields_received: u64,
    /// A stream of HTTP/2 is what it is sent on: what has passed there.
    pub(crate) upstream_count: Option<Rc<StreamCount>>,
    /// What had passed between the proxy and back-ends before the attempt began: logs show it with what passes now.
    pub(crate) earlier: Option<Box<WireBytes>>,
    /// What logs of the request show of that, where it is not what its own attempt came to.
    pub(crate) shown: Option<Box<WireBytes>>,
    /// What filters have said of it (`%DYNAMIC_METADATA%`): in lines about connections, those of the listener.
    pub(crate) dynamic_metadata: Metadata,
    /// How the client's connection ended, in lines about connections (`%DOWNSTREAM_DETECTED_CLOSE_TYPE%`).
    pub(crate) client_close: Option<&'static str>,
    /// How the back-end closed: `Normal`, `RemoteReset`, …
    pub(crate) upstream_close: Option<&'static str>,
    /// Why the connection to the back-end was closed from this side, in Envoy's words.
    pub(crate) upstream_closed_because: Option<&'static str>,
    /// What the transport said when an attempt to connect failed that was not the last.
    pub(crate) connect_failure: Option<Box<str>>,

    /// Cookies that the client is given with the response, because hosts are chosen by them.
    pub(crate) set_cookies: Vec<String>,

    /// The route's timeout, in milliseconds, if it has one.
    pub(crate) timeout: Option<u64>,
    /// What the back-end answered, as it did, where logs of the router or statistics want to know.
    pub(crate) answer: Option<Box<UpstreamAnswer>>,

    /// These facts are those of one attempt ([`Self::of_attempt`]).
    pub(crate) attempt: bool,

    /// Where a redirect of the back-end would lead, or led: what a log shows as route and cluster.
    pub(crate) rerouted: Option<Box<Rerouted>>,
    /// The proxy followed the back-end's redirect: the client sees nothing of this response.
    pub(crate) redirected: bool,

    /// It asks for an upgrade that it may have: it has no end before the connection has.
    pub(crate) upgrade: bool,

    /// Its tunnel ended as tunnels end: one side closed it.
    pub(crate) tunnel_closed: bool,

    /// Its stream ended with its head: nothing follows, whatever it asks for.
    pub(crate) sent_whole: bool,

    /// Which chain of filters it comes through; 0 is the connection manager's own.
    pub(crate) chain: usize,
    /// The upgrade is made, or the tunnel open.
    pub(crate) tunnel: bool,

    /// What filters remember.
    pub(crate) filters: FilterState,
    /// The outcome is known: the request was answered, or is known to have failed.
    pub(crate) finished: bool,
    /// A health check filter takes it for one of its own.
    pub(crate) health_check: bool,
}

impl Facts {
    /// Forgets an attempt that is over, before the next.
    pub(crate) fn forget_attempt(&mut self) {
        self.resting = true;
        self.late = None;
        self.canary = false;
        self.connect_begin = None;
        self.connect_end = None;
        self.upstream_request_end = None;
        self.response_begin = None;
        self.response_body_begin = None;
        self.response_end = None;
        self.ended = None;
        self.earlier = Some(Box::new(self.upstream_bytes()));
        self.upstream_close = None;
        self.upstream_count = None;
        self.upstream_wire_received = 0;
        self.upstream_head_sent = 0;
        self.upstream_fields_sent = 0;
        self.upstream_fields_received = 0;
        self.plain_answer = 0;
        self.body_passed = 0;
        self.answer = None;
    }

    /// Another attempt begins: nothing is known of where it goes.
    pub(crate) fn forget_way(&mut self) {
        self.upstream_local = None;
        self.upstream_remote = None;
        self.upstream_tls = None;
        self.upstream_connection = None;
    }

    /// What has passed between the proxy and back-ends with this attempt and those before it.
    pub(crate) fn upstream_bytes(&self) -> WireBytes {
        let before = self.earlier.as_deref().copied().unwrap_or_default();
        WireBytes {
            sent: before.sent + self.upstream_wire_sent(),
            received: before.received + self.upstream_wire_received,
            fields_sent: before.fields_sent + self.upstream_fields_sent,
            fields_received: before.fields_received + self.upstream_fields_received,
        }
    }

    /// The same, as a log shows it.
    pub(crate) fn shown_upstream_bytes(&self) -> WireBytes {
        self.shown.as_deref().copied().unwrap_or_else(|| self.upstream_bytes())
    }

    /// All bytes to the back-end.
    pub(crate) const fn upstream_wire_sent(&self) -> u64 {
        self.upstream_head_sent + self.body_passed
    }

    /// Takes over what a stream has counted: its frames are written by a connection that knows no requests.
    pub(crate) fn take_count(&mut self) {
        let Some(count) = &self.upstream_count else { return };
        self.upstream_head_sent = count.sent.get().saturating_sub(self.body_passed);
        self.upstream_fields_sent = count.head_sent.get();
        self.upstream_wire_received = count.received.get();
        self.upstream_fields_received = count.head_received.get();
    }

    /// The route, as a log shows it.
    pub(crate) fn shown_route(&self) -> Option<&Rc<RouteEntry>> {
        match &self.rerouted {
            Some(rerouted) => rerouted.route.as_ref(),
            None => self.route.as_ref(),
        }
    }

    /// The cluster, as a log shows it.
    pub(crate) fn shown_cluster(&self) -> Option<&Rc<LocalCluster>> {
        match &self.rerouted {
            Some(rerouted) => rerouted.cluster.as_ref(),
            None => self.cluster.as_ref(),
        }
    }

    /// Counters beside the cluster's that count it, once the router has it: those of its virtual cluster and
    /// of its route.
    pub(crate) fn traffic(&self) -> impl Iterator<Item = &Traffic> {
        let cluster = self.virtual_cluster.as_ref().map(|cluster| &cluster.traffic);
        let route = self.route.as_ref().and_then(|entry| entry.traffic.as_ref());
        cluster.into_iter().chain(route)
    }

    /// A route was looked for, since then if somebody wants to know how long that takes.
    pub(crate) fn route_was_looked_for(&mut self, since: Option<Moment>) {
        self.route_resolutions += 1;
        if let Some(since) = since {
            let taken = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
            *self.route_resolution_micros.get_or_insert(0) += taken;
        }
    }

    /// How long it took so far and how far it came, in words: evidence for requests that are cut off by
    /// time, by the client or by the end of the process.
    pub(crate) fn so_far(&self) -> String {
        let took = self.begun.map_or(0, |begun| begun.elapsed().as_millis());
        let how_far: Cow<'static, str> = if self.begun.is_none() || self.protocol.is_none() {
            "nothing of it had arrived".into()
        } else if self.response_begin.is_some() {
            format!("{} bytes of the answer's body had been passed on", self.bytes_sent).into()
        } else if self.connect_begin.is_some() && self.connect_end.is_none() {
            "there was no connection to the back-end yet".into()
        } else if self.request_end.is_none() {
            format!("{} bytes of its body had arrived, but not its end", self.bytes_received).into()
        } else {
            "the request was complete, and the back-end had not answered".into()
        };
        format!("after {took} ms: {how_far}")
    }
}

/// Bytes that passed between the proxy and back-ends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WireBytes {
    /// To back-ends.
    pub(crate) sent: u64,
    /// From them.
    pub(crate) received: u64,
    /// Those of fields to back-ends.
    pub(crate) fields_sent: u64,
    /// Those of fields from them.
    pub(crate) fields_received: u64,
}

/// How long trailers are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TrailerBytes {
    /// Their lines.
    pub(crate) fields: u64,
    /// The same with the chunk before them and the line behind.
    pub(crate) all: u64,
}

/// The head of a back-end's response before anything has changed it.
#[derive(Debug)]
pub(crate) struct UpstreamAnswer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderBlock,
}

/// The route that a redirect leads to, where there is one, and its cluster.
#[derive(Debug, Default)]
pub(crate) struct Rerouted {
    pub(crate) route: Option<Rc<RouteEntry>>,
    pub(crate) cluster: Option<Rc<LocalCluster>>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remote {
    /// The address.
    pub(crate) ip: IpAddr,
    /// The port; 0 where the address was taken from a header.
    pub(crate) port: u16,
}

/// `%RESPONSE_CODE_DETAILS%`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ResponseDetails {
    /// Nothing is known yet.
    #[default]
    None,
    /// These words.
    Text(Cow<'static, str>),
}

impl ResponseDetails {
    /// The words.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Text(text) => Some(text),
        }
    }
}

impl From<&'static str> for ResponseDetails {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for ResponseDetails {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}
