//! Names that give no address.

use causeway_reason::Reason;
use causeway_testkit::DnsAnswer;

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let other_family = DnsAnswer::addresses(["2001:db8::1".parse().expect("an address")]);
    vec![
        Case::of(Reason::DnsNameNotFound).named(DnsAnswer::NxDomain).evidence("app.test does not exist"),
        Case::of(Reason::DnsNoAddress).named(other_family).evidence("app.test has no A record"),
        Case::of(Reason::DnsServerFailure).named(DnsAnswer::ServFail).evidence("SERVFAIL"),
        Case::of(Reason::DnsTimeout).named(DnsAnswer::Silence).evidence("no answer"),
    ]
    .into_iter()
    .map(Case::no_host_left)
    .collect()
}
