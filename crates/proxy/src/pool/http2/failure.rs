//! Why a stream failed, in words.

use causeway_reason::{Failure, Reason};
use causeway_upstream::ClusterStat;

use super::session::Session;
use crate::timer::Millis;

/// What is known of the stream itself.
pub(super) struct Stream {
    pub(super) number: u32,
    pub(super) served: u32,
    pub(super) idle_for: Millis,
    pub(super) received: u64,
    /// What the connection had received when it was opened.
    pub(super) received_before: u64,
    /// Of that, heads and trailers.
    pub(super) head_received: u64,
}

/// Why it failed.
pub(super) fn of(error: &h2::Error, session: &Session, stream: &Stream) -> Failure {
    let reason = reason(error, session, stream);
    Failure::new(reason).with_evidence(evidence(reason, error, session, stream))
}

/// Whether the back-end broke the rules of a message, for which a connection may have to end.
pub(super) fn broke_message_rules(error: &h2::Error) -> bool {
    error.is_reset() && error.is_library()
}

/// How Envoy counts a stream that failed for that reason.
pub(super) const fn counted(reason: Reason) -> Option<ClusterStat> {
    match reason {
        Reason::UpstreamStreamReset => Some(ClusterStat::UpstreamRqRxReset),
        Reason::UpstreamStreamRefused | Reason::UpstreamGoaway | Reason::UpstreamTunnelFailed => None,
        Reason::UpstreamConnectionLost | Reason::KeepaliveRace | Reason::UpstreamPingTimeout => {
            Some(ClusterStat::UpstreamRqPendingFailureEject)
        }
        _ => Some(ClusterStat::UpstreamRqTxReset),
    }
}

fn reason(error: &h2::Error, session: &Session, stream: &Stream) -> Reason {
    if session.has_failed_ping() {
        return Reason::UpstreamPingTimeout;
    }
    if session.watch.flood().is_some() {
        return Reason::UpstreamFlood;
    }
    if error.is_reset() && error.is_remote() {
        return match error.reason() {
            Some(h2::Reason::REFUSED_STREAM) => Reason::UpstreamStreamRefused,
            Some(h2::Reason::PROTOCOL_ERROR) => Reason::UpstreamFoundFault,
            Some(h2::Reason::CONNECT_ERROR) => Reason::UpstreamTunnelFailed,
            _ => Reason::UpstreamStreamReset,
        };
    }
    let left_out = session.watch.goaway().is_some_and(|(last, _)| stream.number == 0 || stream.number > last);
    if left_out && !error.is_library() {
        return Reason::UpstreamGoaway;
    }
    if error.is_library() {
        return match error.is_reset() {
            // The shortest code of Huffman has five bits for a byte: this much can't be within the limit.
            true if stream.head_received > most_head(session) / 8 * 5 => Reason::UpstreamHeadOverflow,
            true => Reason::UpstreamMessageMalformed,
            false => foreign(session),
        };
    }
    if stream.idle_for > 0 && session.watch.received() == stream.received_before {
        return Reason::KeepaliveRace;
    }
    Reason::UpstreamConnectionLost
}

/// Bytes that the head of a response may have (`max_response_headers_kb`).
fn most_head(session: &Session) -> u64 {
    let cluster = session.cluster();
    cluster.map_or(u64::MAX, |cluster| u64::from(cluster.config().http.max_response_headers_kb) * 1024)
}

/// What a peer speaks whose bytes the codec can't read.
fn foreign(session: &Session) -> Reason {
    let first = session.watch.first();
    match first.as_slice() {
        [b'H', b'T', b'T', b'P', b'/', ..] => Reason::UpstreamSpeaksHttp1,
        [0x14..=0x17, 3, ..] => Reason::UpstreamSpeaksTls,
        // The first frame is SETTINGS (RFC 9113 §3.4).
        [_, _, _, 4, ..] => Reason::UpstreamHttp2Broken,
        _ => Reason::UpstreamNotHttp,
    }
}

fn evidence(reason: Reason, error: &h2::Error, session: &Session, stream: &Stream) -> String {
    let place = format!(
        "it was stream {} of a connection that was {} ms old",
        stream.number,
        session.made.elapsed().as_millis()
    );
    match reason {
        Reason::UpstreamPingTimeout => format!("no answer to a PING in time; {place}"),
        Reason::UpstreamFlood => {
            let what = session.watch.flood().map_or("", super::watch::Flood::words);
            format!("{what}; {place}")
        }
        Reason::UpstreamGoaway => {
            let (last, code) = session.watch.goaway().unwrap_or_default();
            let code = h2::Reason::from(code);
            format!("GOAWAY with {code:?}, last stream {last}; {place}")
        }
        Reason::UpstreamStreamReset
        | Reason::UpstreamStreamRefused
        | Reason::UpstreamFoundFault
        | Reason::UpstreamTunnelFailed => {
            let code = error.reason().unwrap_or(h2::Reason::NO_ERROR);
            format!("RST_STREAM with {code:?} after {} bytes; {place}", stream.received)
        }
        Reason::UpstreamSpeaksHttp1 | Reason::UpstreamSpeaksTls | Reason::UpstreamNotHttp => {
            format!("what came begins \"{}\"; {place}", session.watch.first().escape_ascii())
        }
        Reason::KeepaliveRace => format!(
            "the connection closed after 0 bytes of an answer; it was {} ms old, this was request {} on it, and it had been idle for {} ms",
            session.made.elapsed().as_millis(),
            stream.served,
            stream.idle_for
        ),
        Reason::UpstreamConnectionLost => {
            let first = session.watch.first();
            let tls = matches!(first.as_slice(), [0x15, 3, ..]);
            let spoke = if tls { ", which was a TLS alert: the port speaks TLS" } else { "" };
            format!(
                "the connection closed after {} bytes on the stream and {} in all{spoke}; {place}",
                stream.received,
                session.watch.received()
            )
        }
        Reason::UpstreamHeadOverflow => format!(
            "its head is larger than {} bytes, {} of which came; {place}",
            most_head(session),
            stream.head_received
        ),
        // The codec does not say which.
        Reason::UpstreamMessageMalformed => format!(
            "{error}; heads that unfold to more than {} bytes count as malformed too; {place}",
            most_head(session)
        ),
        _ => format!("{error}; {place}"),
    }
}
