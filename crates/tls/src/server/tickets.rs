//! Session tickets (RFC 8446 §4.6.1, RFC 5077), sealed with Envoy's keys of 80 bytes.
//!
//! A key is a name of 16 bytes, 32 bytes for a MAC and 32 bytes for AES. The first key seals, all open, so that keys
//! can be replaced one after the other, and several proxies can share them. What is inside is ours, not
//! Envoy's: AES-256-GCM under a key made of both secrets, bound to what the context demands of clients, so that a
//! ticket of one listener is worth nothing on another that demands more (CVE-2025-23419 of nginx).

use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use rustls::server::ProducesTickets;

use super::noted::note;

/// Length of a key.
pub const KEY_LENGTH: usize = 80;

const NAME: usize = 16;

/// Seals and opens tickets.
pub struct Tickets {
    keys: Vec<Key>,
    /// What clients are asked for, in short.
    context: [u8; 32],
    lifetime: u64,
}

struct Key {
    name: [u8; NAME],
    aead: LessSafeKey,
}

impl Key {
    fn new(bytes: &[u8; KEY_LENGTH]) -> Option<Self> {
        let (name, secrets) = bytes.split_first_chunk::<NAME>()?;
        let (mac, aes) = secrets.split_at_checked(32)?;
        // Both secrets count, so that neither can be left out.
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, mac), aes);
        let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).ok()?);
        Some(Self { name: *name, aead })
    }
}

impl Tickets {
    /// With these keys, the first of which seals; `None` where there is none.
    #[must_use]
    pub fn new(keys: &[[u8; KEY_LENGTH]], context: [u8; 32], lifetime: Duration) -> Option<Self> {
        let keys: Vec<_> = keys.iter().filter_map(Key::new).collect();
        (!keys.is_empty()).then_some(Self { keys, context, lifetime: lifetime.as_secs() })
    }

    /// A key that nobody else has.
    #[must_use]
    pub fn random_key() -> Option<[u8; KEY_LENGTH]> {
        let mut key = [0; KEY_LENGTH];
        rand::fill(&mut key).ok()?;
        Some(key)
    }

    fn seal(&self, plain: &[u8], now: u64) -> Option<Vec<u8>> {
        let key = self.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let expires = now.saturating_add(self.lifetime).to_be_bytes();
        let mut sealed = plain.to_vec();
        let aad = self.bound(&key.name, &expires);
        let tag = key
            .aead
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut sealed)
            .ok()?;
        let mut ticket = Vec::with_capacity(NAME + 8 + NONCE_LEN + sealed.len() + tag.as_ref().len());
        ticket.extend_from_slice(&key.name);
        ticket.extend_from_slice(&expires);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(&sealed);
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn open(&self, ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let key = self.keys.iter().find(|key| key.name == *name)?;
        let mut plain = sealed.to_vec();
        let aad = Aad::from(self.bound(name, expires));
        let length =
            key.aead.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut plain).ok()?.len();
        plain.truncate(length);
        (now < u64::from_be_bytes(*expires)).then_some(plain)
    }

    fn bound(&self, name: &[u8; NAME], expires: &[u8; 8]) -> Vec<u8> {
        [name.as_slice(), expires, &self.context].concat()
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(self.lifetime).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        note(|noted| noted.ticketed = true);
        self.seal(plain, u64::try_from(super::now()).ok()?)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(cipher, u64::try_from(super::now()).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(keys: &[u8], context: u8) -> Tickets {
        let keys: Vec<_> = keys.iter().map(|key| [*key; KEY_LENGTH]).collect();
        Tickets::new(&keys, [context; 32], Duration::from_secs(100)).unwrap()
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let ticket = tickets(&[1], 0).seal(b"session", 1000).unwrap();
        assert_eq!(tickets(&[2, 1], 0).open(&ticket, 1001).as_deref(), Some(&b"session"[..]));
        assert_eq!(tickets(&[2], 0).open(&ticket, 1001), None, "a key that is not there any more");
        let ticket = tickets(&[2, 1], 0).seal(b"session", 1000).unwrap();
        assert_eq!(tickets(&[1], 0).open(&ticket, 1001), None, "the second key does not seal");
    }

    #[test]
    fn a_ticket_is_worth_nothing_elsewhere_or_later_or_changed() {
        let mut ticket = tickets(&[1], 0).seal(b"session", 1000).unwrap();
        assert_eq!(tickets(&[1], 1).open(&ticket, 1001), None);
        assert_eq!(tickets(&[1], 0).open(&ticket, 1100), None);
        for at in [0, NAME, NAME + 8, ticket.len() - 1] {
            ticket[at] ^= 1;
            assert_eq!(tickets(&[1], 0).open(&ticket, 1001), None);
            ticket[at] ^= 1;
        }
        assert_eq!(tickets(&[1], 0).open(b"short", 0), None);
    }
}
