//! Proxies that run already, of whatever make: they are asked what they see, by reading only.
//!
//! ```text
//!  admin server ── envoy::ask ────▶ Observed ── rules ──▶ findings ┐
//!      └ /config_dump ── assemble ▶ envoy.yaml ── examine::config ─┼─▶ settled together
//!  stats socket ── haproxy ────▶ Observed ── rules ──▶ findings ┘
//! ```

mod disk;
pub mod envoy;
pub mod haproxy;
pub mod http;

/// Names of all checks, with `*` in place of a name.
pub fn names() -> impl Iterator<Item = String> {
    ["log.read", "log.*"].into_iter().map(str::to_owned).chain(envoy::names()).chain(haproxy::names())
}
