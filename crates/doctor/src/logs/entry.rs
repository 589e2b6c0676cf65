//! What is taken out of a line.

use std::borrow::Cow;

use causeway_reason::{Cause, HaproxyConnection, HaproxyLine, Line, Maker, Reason};

/// What is taken out of a line: as much as it has. A text that is absent is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Entry<'a> {
    /// When, as the line has it.
    pub(super) time: Cow<'a, str>,
    /// Status; 0 for none.
    pub(super) status: Option<u16>,
    /// Envoy's flags.
    pub(super) flags: Cow<'a, str>,
    /// Envoy's details.
    pub(super) details: Cow<'a, str>,
    /// What the transport to the back-end said.
    pub(super) transport: Cow<'a, str>,
    /// Milliseconds of the whole request.
    pub(super) duration: Option<u64>,
    /// Cluster, or HAProxy's backend.
    pub(super) cluster: Cow<'a, str>,
    /// The back-end's address, or HAProxy's name of the server.
    pub(super) host: Cow<'a, str>,
    /// The back-end answered: its time is known.
    pub(super) answered: bool,
    /// Why, where a Causeway has written it (`%WHY_CODE%`, `%CAUSEWAY_REASON%`).
    pub(super) why: Option<Reason>,
    /// Method of the request.
    pub(super) method: Cow<'a, str>,
    /// Its path, perhaps with a query.
    pub(super) path: Cow<'a, str>,
    /// Its `Host`, as it was when a route was looked for.
    pub(super) authority: Cow<'a, str>,
    /// The line, where it is one of HAProxy.
    pub(super) haproxy: Option<HaproxyLine<'a>>,
    /// The line, where it is one of HAProxy about a connection on which no request came.
    pub(super) connection: Option<HaproxyConnection<'a>>,
}

/// Something that is written in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Time,
    Status,
    Flags,
    Details,
    Transport,
    Duration,
    Cluster,
    Host,
    ServiceTime,
    Why,
    Method,
    Path,
    Authority,
}

impl<'a> Entry<'a> {
    /// Takes a value. A dash is none.
    pub(super) fn set(&mut self, field: Field, value: impl Into<Cow<'a, str>>) {
        let value = value.into();
        if value == "-" || value.is_empty() {
            return;
        }
        match field {
            Field::Time => self.time = value,
            Field::Status => self.status = value.parse().ok(),
            Field::Flags => self.flags = value,
            Field::Details => self.details = value,
            Field::Transport => self.transport = value,
            Field::Duration => self.duration = value.parse().ok(),
            Field::Cluster => self.cluster = value,
            Field::Host => self.host = value,
            Field::Method => self.method = value,
            Field::Path => self.path = value,
            Field::Authority => self.authority = value,
            Field::ServiceTime => self.answered = value.parse::<u64>().is_ok(),
            Field::Why => self.why = Reason::find(&value).or(self.why),
        }
    }

    /// Whether it tells of a request at all.
    pub(super) fn is_request(&self) -> bool {
        self.haproxy.is_some()
            || self.connection.is_some()
            || self.status.is_some()
            || !self.flags.is_empty()
            || self.why.is_some()
    }

    /// Whether the request failed: the proxy says so, or the status does. What a back-end answers with 4xx is its answer.
    pub(super) fn failed(&self) -> bool {
        if let Some(line) = &self.haproxy {
            // Local answers (a redirect, the page of statistics) end in LR.
            return line.status >= 500 || !matches!(line.ending(), "--" | "LR");
        }
        // An answer that the configuration asks for is no failure, unless its status says so.
        self.why.is_some_and(|why| why != Reason::DirectResponse)
            || self.connection.is_some()
            || !self.flags.is_empty()
            || self.status.is_some_and(|status| status == 0 || status >= 500)
            || (self.status.is_some_and(|status| status >= 400)
                && !self.answered
                && !self.details.is_empty()
                && self.details != "via_upstream")
    }

    /// What the line means.
    pub(super) fn explain(&self) -> Line {
        if let Some(line) = &self.haproxy {
            return line.explain();
        }
        if let Some(line) = &self.connection {
            return line.explain();
        }
        let status = self.status.unwrap_or(0);
        let mut line = Line::of_parts(status, &self.flags, &self.details, &self.transport);
        if let Some(why) = self.why {
            line.causes = vec![Cause::Reason(why)];
        }
        if line.made_by.is_none() && self.answered {
            line.made_by = Some(Maker::Upstream);
        }
        if line.causes.is_empty() && line.made_by == Some(Maker::Upstream) && status >= 500 {
            line.causes.push(Reason::UpstreamStatus.into());
        }
        line
    }
}
