//! An exchange as the router's own logs show it (`Router.upstream_log`): one attempt to have a back-end answer.
//!
//! Envoy keeps a second record for each attempt, seen from the back-end: what it received is what the back-end
//! sent. What the client is told in the end is no part of it.

use causeway_http::Version;
use causeway_reason::{Flag, Flags, Reason};

use super::{Exchange, Facts};

impl Exchange {
    /// Does something with the exchange as it is seen from the attempt.
    pub(crate) fn as_attempt(&mut self, then: impl FnOnce(&Self)) {
        let attempt = self.facts.of_attempt();
        let mut whole = std::mem::replace(&mut self.facts, attempt);
        let local_body = std::mem::take(&mut self.local_body);
        let trailers = self.response_trailers.take();
        // The fields that the back-end sent stand in the place of those that the client gets.
        let mut answer = whole.answer.take();
        let mut fields = answer.as_mut().map(|answer| std::mem::take(&mut answer.fields)).unwrap_or_default();
        std::mem::swap(&mut self.response, &mut fields);
        if answer.is_some() {
            self.response_trailers = trailers;
            then(self);
        } else {
            then(self);
            self.response_trailers = trailers;
        }
        std::mem::swap(&mut self.response, &mut fields);
        if let Some(answer) = &mut answer {
            answer.fields = fields;
        }
        whole.answer = answer;
        self.local_body = local_body;
        self.facts = whole;
    }
}

impl Facts {
    /// Whether the router asked for a connection to a host, or would have, had a circuit breaker let it.
    pub(crate) const fn was_attempted(&self) -> bool {
        self.connect_begin.is_some() || (self.host.is_some() && !self.resting)
    }

    /// Whether the attempt ends behind the request: it is dropped because the request is.
    pub(crate) fn outlived_by_attempt(&self) -> bool {
        let client_left = match &self.failure {
            Some(failure) => matches!(failure.reason, Reason::ClientDisconnected | Reason::ClientReset),
            // It said that nothing is wrong.
            None => self.status == 0,
        };
        self.redirected || self.tunnel || client_left
    }

    /// Exchanges what is known of an attempt for what is known of another of the same request. What is known of the
    /// request itself stays where it is.
    pub(crate) fn swap_attempt(&mut self, other: &mut Self) {
        use std::mem::swap;
        swap(&mut self.connect_begin, &mut other.connect_begin);
        swap(&mut self.connect_end, &mut other.connect_end);
        swap(&mut self.upstream_request_end, &mut other.upstream_request_end);
        swap(&mut self.response_begin, &mut other.response_begin);
        swap(&mut self.response_body_begin, &mut other.response_body_begin);
        swap(&mut self.response_end, &mut other.response_end);
        swap(&mut self.ended, &mut other.ended);
        swap(&mut self.host, &mut other.host);
        swap(&mut self.upstream_local, &mut other.upstream_local);
        swap(&mut self.upstream_remote, &mut other.upstream_remote);
        swap(&mut self.upstream_tls, &mut other.upstream_tls);
        swap(&mut self.upstream_connection, &mut other.upstream_connection);
        swap(&mut self.upstream_close, &mut other.upstream_close);
        swap(&mut self.upstream_count, &mut other.upstream_count);
        swap(&mut self.upstream_wire_received, &mut other.upstream_wire_received);
        swap(&mut self.upstream_head_sent, &mut other.upstream_head_sent);
        swap(&mut self.upstream_fields_sent, &mut other.upstream_fields_sent);
        swap(&mut self.upstream_fields_received, &mut other.upstream_fields_received);
        swap(&mut self.plain_answer, &mut other.plain_answer);
        swap(&mut self.body_passed, &mut other.body_passed);
        swap(&mut self.answer, &mut other.answer);
        swap(&mut self.resting, &mut other.resting);
        swap(&mut self.late, &mut other.late);
        swap(&mut self.earlier, &mut other.earlier);
    }

    /// The flags that tell what became of the attempt, not of the request.
    fn flags_of_attempt(&self) -> Flags {
        let mut flags = Flags::default();
        self.late.into_iter().for_each(|flag| flags.set(flag));
        self.flags.iter().filter(|flag| is_of_the_back_end(*flag)).for_each(|flag| flags.set(flag));
        flags
    }

    /// What is known of the attempt.
    pub(crate) fn of_attempt(&self) -> Self {
        let connected = self.connect_end.is_some();
        let answered = self.answer.is_some();
        let if_connected = |count| if connected { count } else { 0 };
        let if_answered = |count| if answered { count } else { 0 };
        Self {
            begun: self.connect_begin.or(self.begun),
            connect_begin: self.connect_begin,
            connect_end: self.connect_end,
            upstream_request_end: self.upstream_request_end,
            response_begin: self.response_begin,
            response_body_begin: self.response_body_begin,
            response_end: self.response_end,
            ended: self.ended,
            protocol: connected.then_some(match self.upstream_count {
                Some(_) => Version::Http2,
                None => Version::Http11,
            }),
            remote: self.remote,
            internal: self.internal,
            https: self.https,
            grpc: self.grpc,
            route: self.route.clone(),
            target: self.target.clone(),
            cluster: self.cluster.clone(),
            host: self.host.clone(),
            upstream_local: self.upstream_local,
            upstream_remote: self.upstream_remote.clone(),
            upstream_connection: self.upstream_connection,
            status: self.answer.as_ref().map_or(0, |answer| answer.status),
            flags: self.flags_of_attempt(),
            failure: self.failure.clone(),
            bytes_received: if_answered(self.bytes_sent),
            bytes_sent: if_connected(self.bytes_received),
            wire_received: if_connected(self.wire_received),
            body_read: if_connected(self.body_read),
            // When trailers pass on the attempt is over.
            wire_sent: if_answered(self.wire_sent - self.response_trailer_bytes.all.min(self.wire_sent)),
            request_field_bytes: if_connected(self.request_field_bytes),
            response_field_bytes: if_answered(
                self.response_field_bytes - self.response_trailer_bytes.fields.min(self.response_field_bytes),
            ),
            plain_answer: self.plain_answer,
            upstream_head_sent: self.upstream_head_sent,
            body_passed: self.body_passed,
            upstream_wire_received: self.upstream_wire_received,
            upstream_fields_sent: self.upstream_fields_sent,
            upstream_fields_received: self.upstream_fields_received,
            earlier: self.earlier.clone(),
            upgrade: self.upgrade,
            attempt: true,
            client_close: self.client_close,
            upstream_close: self.upstream_close,
            upstream_count: self.upstream_count.clone(),
            ..Self::default()
        }
    }
}

/// Whether a flag tells what became of an attempt.
const fn is_of_the_back_end(flag: Flag) -> bool {
    matches!(
        flag,
        Flag::LocalReset
            | Flag::UpstreamRemoteReset
            | Flag::UpstreamConnectionFailure
            | Flag::UpstreamConnectionTermination
            | Flag::UpstreamOverflow
            | Flag::UpstreamProtocolError
    )
}
