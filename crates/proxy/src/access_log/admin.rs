//! The access log of the admin server, which is none of the workers.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use causeway_http::h1::{HeadLimits, Parsed, RequestRules, parse_request};
use causeway_http::{HeaderBlock, Known, RequestIdSource, Version};
use causeway_model::{AccessLog, Address, Runtime};

use super::{LogFiles, OpenLog};
use crate::connection::{ConnectionInfo, Course};
use crate::exchange::{Exchange, ResponseDetails};
use crate::format::{Clock, View};
use crate::moment::Moment;
use crate::waker_cell::WakerCell;

/// The access logs of the admin server. A line is handed over at once: there are few.
#[derive(Debug)]
pub struct AdminLog {
    logs: Vec<OpenLog>,
    /// An address of this machine, told in place of one of its loopback.
    own_address: Option<IpAddr>,
}

/// A request to the admin server, when its answer is out.
#[derive(Debug, Clone)]
pub struct AdminRequest<'a> {
    /// Its head as it was sent, up to and with the empty line.
    pub head: &'a [u8],
    /// Its version.
    pub version: Version,
    /// Time from its head to the end of the answer, which is now.
    pub duration: Duration,
    /// Status of the answer; 0 where there was none.
    pub status: u16,
    /// Bytes of its body.
    pub bytes_received: u64,
    /// Bytes of the answer's body.
    pub bytes_sent: u64,
    /// Where it came from; `None` for a Unix socket.
    pub remote: Option<SocketAddr>,
    /// Where it arrived; `None` for a Unix socket.
    pub local: Option<SocketAddr>,
}

/// Nothing is refused here: the admin server has answered it already.
const ANY_REQUEST: RequestRules = RequestRules {
    limits: HeadLimits { bytes: usize::MAX, fields: usize::MAX },
    allow_absolute_url: true,
    accept_http_10: true,
    allow_chunked_length: true,
    allow_custom_methods: true,
};

impl AdminLog {
    /// Opens the logs.
    ///
    /// # Errors
    ///
    /// A line for each that can't be opened.
    pub fn open(
        logs: &[AccessLog],
        runtime: &Runtime,
        files: &LogFiles,
        own_address: Option<IpAddr>,
    ) -> Result<Self, Vec<String>> {
        Ok(Self { logs: OpenLog::open_all(logs, runtime, files)?, own_address })
    }

    /// Adds the fields that Envoy's admin server adds, whose connection manager has `use_remote_address` and takes
    /// nobody for internal.
    fn tell_client(&self, remote: IpAddr, fields: &mut HeaderBlock) {
        let told = self.own_address.filter(|_| remote.is_loopback()).unwrap_or(remote).to_string();
        let mut clients = fields.get(Known::XForwardedFor).map(<[u8]>::to_vec).unwrap_or_default();
        if !clients.is_empty() {
            clients.push(b',');
        }
        clients.extend_from_slice(told.as_bytes());
        fields.set(Known::XForwardedFor, &clients);
        fields.set(Known::XForwardedProto, b"http");
        fields.set(Known::EnvoyExternalAddress, remote.to_string().as_bytes());
    }

    /// Writes the lines of a request.
    pub fn write(&self, request: &AdminRequest<'_>) {
        if self.logs.is_empty() {
            return;
        }
        let now = Moment::now();
        let mut exchange = Exchange::default();
        if let Ok(Parsed::Complete { head, .. }) =
            parse_request(request.head, 0, &ANY_REQUEST, &mut exchange.request)
        {
            exchange.path.extend_from_slice(head.path(&exchange.request));
            exchange.head = Some(head);
        }
        if let Some(remote) = request.remote {
            self.tell_client(remote.ip(), &mut exchange.request);
        }
        let facts = &mut exchange.facts;
        facts.begun = Some(now - request.duration);
        facts.request_end = facts.begun;
        facts.reply_end = Some(now);
        facts.ended = Some(now);
        facts.protocol = Some(request.version);
        facts.status = request.status;
        facts.bytes_received = request.bytes_received;
        facts.bytes_sent = request.bytes_sent;
        facts.details = ResponseDetails::from("admin_filter_response");
        let address = |at: Option<SocketAddr>| {
            at.map_or_else(|| Address::Pipe { path: "".into(), mode: 0 }, Address::Ip)
        };
        let connection = ConnectionInfo {
            id: 0,
            remote: address(request.remote),
            local: address(request.local),
            opened: now,
            listener: None,
            chain: None,
            inspected: None,
            round_trip: Cell::default(),
            tls: std::cell::OnceCell::new(),
            course: Course::default(),
            _place: None,
            _turn: None,
            waker: WakerCell::default(),
        };
        let clock = Clock::now();
        let random = RequestIdSource::new(clock.wall(now).seed()).random();
        let view = View {
            exchange: &exchange,
            connection: &connection,
            clock: &clock,
            unique: random,
            log_type: "DownstreamEnd",
            unfinished: None,
            now: None,
        };
        for log in self.logs.iter().filter(|log| log.takes(&view, random)) {
            let mut line = Vec::new();
            log.line(&view, &mut line);
            log.sink.hand_over(&mut line);
        }
    }
}
