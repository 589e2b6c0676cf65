//! What is run behind Envoy: the cases of the files, and those that only requests or a running proxy show.

use std::collections::BTreeSet;
use std::net::IpAddr;

use causeway_testkit::{Request, TlsClient, TlsWish};

use super::{connections, hosts, requests};
use crate::case::Case;

/// A case behind Envoy.
pub(super) struct Behind {
    pub(super) family: &'static str,
    pub(super) case: Case,
    /// What clients send, each on a connection of its own; a `GET` where there is nothing.
    requests: Vec<Vec<u8>>,
    /// How clients shake hands, where they do.
    pub(super) handshake: Option<TlsClient>,
    /// Codes that follow from the fault, beside which they stand.
    pub(super) consequences: &'static [&'static str],
    /// The doctor gets the access log too.
    pub(super) log: bool,
    /// Envoy does not serve before the fault is mended: the doctor is asked while it waits.
    pub(super) waits: bool,
    /// Its cluster is the one by which a mesh passes on what it does not know.
    pub(super) passed_through: bool,
    /// Where the back-end has gone once Envoy runs.
    pub(super) gone: Option<IpAddr>,
}

impl Behind {
    pub(super) fn new(family: &'static str, case: Case) -> Self {
        Self {
            family,
            case,
            requests: Vec::new(),
            handshake: None,
            consequences: &[],
            log: false,
            waits: false,
            passed_through: false,
            gone: None,
        }
    }

    /// The doctor gets the access log too.
    pub(super) const fn logged(mut self) -> Self {
        self.log = true;
        self
    }

    /// Codes that are said beside it, and are true.
    pub(super) const fn followed_by(mut self, codes: &'static [&'static str]) -> Self {
        self.consequences = codes;
        self
    }

    pub(super) fn shakes(mut self, wish: TlsWish) -> Self {
        self.handshake = Some(wish.client());
        self
    }

    pub(super) const fn passed_through(mut self) -> Self {
        self.passed_through = true;
        self
    }

    /// The back-end goes there once Envoy runs.
    pub(super) const fn gone_to(mut self, address: IpAddr) -> Self {
        self.gone = Some(address);
        self
    }

    /// Clients send this.
    pub(super) fn sends(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.requests.push(bytes.as_ref().to_vec());
        self
    }

    pub(super) const fn name(&self) -> &'static str {
        self.case.name
    }

    /// The codes that the doctor has to name.
    pub(super) fn expected(&self) -> BTreeSet<String> {
        self.case.codes.iter().map(|code| (*code).to_owned()).collect()
    }

    /// What clients send to a host.
    pub(super) fn sent(&self, host: &str) -> Vec<Vec<u8>> {
        if self.requests.is_empty() {
            return vec![Request::get("/").host(host).to_bytes()];
        }
        self.requests.clone()
    }
}

/// All of them.
pub(super) fn all() -> Vec<Behind> {
    let mut all: Vec<_> = crate::families()
        .into_iter()
        .flat_map(|(family, cases)| cases.into_iter().map(move |case| of_file(family, case)))
        .chain(hosts::cases())
        .chain(requests::cases())
        .chain(connections::cases())
        .collect();
    if std::env::var_os("CAUSES_LOG").is_some() {
        all.iter_mut().for_each(|behind| behind.log = true);
    }
    all
}

/// A case of the files, as it is run.
fn of_file(family: &'static str, case: Case) -> Behind {
    match family {
        // Without panic mode, a check that fails is all that requests see.
        "health" => Behind::new(family, case.cluster(hosts::NO_PANIC)),
        _ if case.name == "the name server is silent" => {
            Behind { waits: true, consequences: &["K916"], ..Behind::new(family, case) }
        }
        _ => Behind::new(family, case),
    }
}
