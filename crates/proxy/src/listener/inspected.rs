//! What listener filters have found out about a connection.

use causeway_model::{Address, Metadata};

/// What listener filters have found out about a connection. Connections of listeners without them have none.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    /// The name that the client asks for, in lower case; empty where it asks for none.
    pub(crate) server_name: Box<str>,
    /// `raw_buffer` or `tls`; empty where nobody looked.
    pub(crate) transport_protocol: &'static str,
    /// The protocols that the client speaks, those that it likes best first.
    pub(crate) application_protocols: Vec<Box<str>>,
    /// The machine at the other end, where a PROXY header speaks for the client.
    pub(crate) direct_remote: Option<Address>,
    /// Our end, where the client connected to another address.
    pub(crate) direct_local: Option<Address>,
    /// Metadata of the connection.
    pub(crate) metadata: Metadata,
    /// TLVs of the PROXY header that connections to back-ends may pass on.
    pub(crate) tlvs: Vec<(u8, Box<[u8]>)>,
}
