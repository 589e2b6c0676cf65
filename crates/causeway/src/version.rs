//! Which program this is.

use causeway_admin::view::BuildVersion;

/// Revision of the source, 40 hexadecimal digits.
pub(crate) const REVISION: &str = env!("CAUSEWAY_REVISION");
/// `Clean`, `Modified`, or `Distribution` where nobody knows.
const SOURCE_STATUS: &str = env!("CAUSEWAY_SOURCE_STATUS");
const NUMBER: &str = env!("CARGO_PKG_VERSION");
/// `RELEASE` or `DEBUG`, as Envoy calls them.
const BUILD_TYPE: &str = if cfg!(debug_assertions) { "DEBUG" } else { "RELEASE" };
/// The library that encrypts.
const TLS_LIBRARY: &str = "none";

/// The version in Envoy's form.
pub(crate) fn text() -> String {
    format!("{REVISION}/{NUMBER}/{SOURCE_STATUS}/{BUILD_TYPE}/{TLS_LIBRARY}")
}

/// What `server.version` shows: the first three bytes of the revision.
pub(crate) fn number() -> u64 {
    REVISION.get(..6).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// The version, taken apart.
pub(crate) fn build() -> BuildVersion {
    let mut numbers = NUMBER.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    BuildVersion {
        major: next(),
        minor: next(),
        patch: next(),
        metadata: vec![
            ("build.type", BUILD_TYPE.to_owned()),
            ("revision.sha", REVISION.to_owned()),
            ("revision.status", SOURCE_STATUS.to_owned()),
            ("ssl.version", TLS_LIBRARY.to_owned()),
        ],
    }
}
