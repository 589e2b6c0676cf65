//! What listener filters have found out about a connection.

use causeway_model::{Address, Metadata, Value};
use causeway_upstream::OriginalSource;

/// What listener filters have found out about a connection. Connections of listeners without them have none.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    /// The name that the client asks for, in lower case; empty where it asks for none.
    pub(crate) server_name: Box<str>,
    /// `raw_buffer` or `tls`; empty where nobody looked.
    pub(crate) transport_protocol: &'static str,
    /// The protocols that the client speaks, those that it likes best first.
    pub(crate) application_protocols: Vec<Box<str>>,
    /// The JA3 fingerprint of the client's TLS, where somebody wants it.
    pub(crate) ja3: Option<Box<str>>,
    /// The JA4 fingerprint.
    pub(crate) ja4: Option<Box<str>>,
    /// The machine at the other end, where a PROXY header speaks for the client.
    pub(crate) direct_remote: Option<Address>,
    /// Our end, where the client connected to another address.
    pub(crate) direct_local: Option<Address>,
    /// The local address is the one that the client connected to, wherever the connection came to be taken.
    pub(crate) restored: bool,
    /// Where connections to back-ends come from that are made for it.
    pub(crate) source: Option<OriginalSource>,
    /// Metadata of the connection.
    pub(crate) metadata: Metadata,
    /// What rules make of the TLVs of the PROXY header in place of metadata: the object
    /// `envoy.network.proxy_protocol.tlv` of the filter state.
    pub(crate) tlv_state: Option<Value>,
    /// TLVs of the PROXY header that connections to back-ends may pass on.
    pub(crate) tlvs: Vec<(u8, Box<[u8]>)>,
}
