//! What is known about a client's connection.

use std::cell::{Cell, OnceCell, RefCell};
use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::sync::Arc;

use causeway_model::{Address, FilterChain, Listener, Metadata, PROXY_PROTOCOL_TLV, Value};
use causeway_reason::Failure;

use crate::cluster::OwnPool;
use crate::listener::Inspected;
use crate::listener::Turn;
use crate::moment::Moment;
use crate::tls::TlsInfo;
use crate::waker_cell::WakerCell;
use crate::worker::Place;

/// What is known about a client's connection from its beginning.
#[derive(Debug)]
pub(crate) struct ConnectionInfo {
    /// Its number, unique in the process; 0 while, or because, it has no filter chain.
    pub(crate) id: u64,
    /// The client.
    pub(crate) remote: Address,
    /// Where it connected to.
    pub(crate) local: Address,
    /// When it was taken.
    pub(crate) opened: Moment,
    /// The listener that took it; `None` for the admin server's.
    pub(crate) listener: Option<Arc<Listener>>,
    /// Its filter chain, once it is chosen.
    pub(crate) chain: Option<Arc<FilterChain>>,
    /// What listener filters have found out, where there are some.
    pub(crate) inspected: Option<Box<Inspected>>,
    /// The kernel's estimate of the round trip in microseconds, where an access log asks for it.
    pub(crate) round_trip: Cell<Option<u32>>,
    /// What is known from the handshake of TLS, once it is over.
    pub(crate) tls: OnceCell<Box<TlsInfo>>,
    /// How it has gone so far.
    pub(crate) course: Course,
    /// Counts it among those that the process may have, where it counts; held for its `Drop`.
    pub(crate) _place: Option<Place>,
    /// Counts it among those of its worker, where they are shared out exactly; held for its `Drop`.
    pub(crate) _turn: Option<Turn>,
    /// Wakes the connection when its listener drains, or the overload manager wants something.
    pub(crate) waker: WakerCell,
}

/// How a connection has gone so far: what logs of listeners tell of it.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// Bytes from the client.
    pub(crate) received: Cell<u64>,
    /// Bytes to the client.
    pub(crate) sent: Cell<u64>,
    /// It speaks HTTP/1, as far as that can be told.
    pub(crate) speaks_http: Cell<bool>,
    /// What came was refused by the codec.
    pub(crate) broke_protocol: Cell<bool>,
    /// Connections to back-ends that are for this client alone, where there are some.
    pub(crate) pools: OnceCell<Box<RefCell<Vec<OwnPool>>>>,
    /// The client reset it.
    pub(crate) was_reset: Cell<bool>,
    /// The listener's logs have their lines about it.
    pub(crate) logged: Cell<bool>,
    /// What is to be said of how it went wrong or was ended, where there is something.
    ending: OnceCell<Box<Ending>>,
}

/// Why a connection went wrong or was ended: of most of them there is nothing to be said.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// Why it failed as a whole.
    pub(crate) failure: RefCell<Option<Box<Failure>>>,
    /// Why it was closed from this side (`%DOWNSTREAM_LOCAL_CLOSE_REASON%`), in Envoy's words.
    pub(crate) closed_because: Cell<Option<&'static str>>,
    /// Why it was ended (`%CONNECTION_TERMINATION_DETAILS%`), in Envoy's words.
    pub(crate) terminated_because: Cell<Option<&'static str>>,
    /// Why TLS failed (`%DOWNSTREAM_TRANSPORT_FAILURE_REASON%`), in Envoy's words.
    pub(crate) transport_failure: OnceCell<Box<str>>,
    /// Why a listener filter found no TLS, as BoringSSL numbers it: the same operator shows it where nobody tried to
    /// speak TLS afterwards.
    pub(crate) no_tls: Cell<Option<u16>>,
}

impl Course {
    /// What is said of how it went wrong or was ended.
    pub(crate) fn ending(&self) -> &Ending {
        self.ending.get_or_init(Box::default)
    }

    /// The same, where there is something.
    pub(crate) fn known_ending(&self) -> Option<&Ending> {
        self.ending.get().map(|ending| &**ending)
    }
}

impl ConnectionInfo {
    /// A number that is as good as random: the same for everything that is told of the connection. It is made of what is
    /// known anyway, since idle connections are many, and hardly any is ever told of.
    pub(crate) fn number(&self) -> u64 {
        foldhash::fast::FixedState::default().hash_one((self.opened, &self.remote))
    }

    /// The machine at the other end, whoever the client is.
    pub(crate) fn direct_remote(&self) -> &Address {
        self.inspected.as_ref().and_then(|found| found.direct_remote.as_ref()).unwrap_or(&self.remote)
    }

    /// Our end of the connection, wherever the client connected to.
    pub(crate) fn direct_local(&self) -> &Address {
        self.inspected.as_ref().and_then(|found| found.direct_local.as_ref()).unwrap_or(&self.local)
    }

    /// Where the client connected to, if something sent its connection here that was for another address: a firewall
    /// (`original_dst`), or a proxy in front that says so in a PROXY header.
    pub(crate) fn original_destination(&self) -> Option<SocketAddr> {
        self.inspected.as_ref().filter(|found| found.restored).and_then(|_| self.local.ip())
    }

    /// Whether TLS is spoken.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.tls.get().is_some()
    }

    /// The name that the client asked for in its handshake, in lower case, where a listener filter has looked for it.
    pub(crate) fn server_name(&self) -> Option<&str> {
        self.inspected.as_ref().map(|found| &*found.server_name).filter(|name| !name.is_empty())
    }

    /// An object of its filter state. There is but one that anything here makes: what the filter `proxy_protocol`
    /// makes of TLVs with `tlv_location: FILTER_STATE`.
    pub(crate) fn filter_state(&self, key: &str) -> Option<&Value> {
        let inspected = self.inspected.as_ref().filter(|_| key == PROXY_PROTOCOL_TLV);
        inspected.and_then(|found| found.tlv_state.as_ref())
    }

    /// Name of the listener.
    pub(crate) fn listener_name(&self) -> &str {
        self.listener.as_ref().map_or("admin", |listener| &listener.name)
    }

    /// Name of the filter chain, which may be empty.
    pub(crate) fn filter_chain(&self) -> &str {
        self.chain.as_ref().map_or("", |chain| &chain.name)
    }

    /// Metadata of the filter chain.
    pub(crate) fn filter_chain_metadata(&self) -> Option<&Metadata> {
        self.chain.as_ref().map(|chain| &chain.metadata)
    }

    /// Metadata of the listener.
    pub(crate) fn metadata(&self) -> Option<&Metadata> {
        self.listener.as_ref().map(|listener| &listener.metadata)
    }
}
