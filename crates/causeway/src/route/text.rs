//! The report for people.

use std::fmt::Write as _;

use causeway_model::{
    Bootstrap, ClusterType, DownstreamSocket, FilterConfig, HttpConnectionManager, NetworkFilter, Route,
    RouteAction, SourcePosition, TcpTarget,
};
use causeway_proxy::{Answer, Answerer, Chance, Heard, Outcome, Passed, Sent};
use causeway_reason::Language;
use causeway_routing::PathWords;
use unicode_width::UnicodeWidthStr as _;

use super::words::Words;
use super::{End, Looked, Report};

/// The column in which facts begin.
const FACTS: usize = 14;

/// Most routes that are passed over and shown, beside those that come near.
const PASSED: usize = 10;

/// Most bytes of a body that are shown.
const BODY: usize = 400;

/// What is to be said about a request.
pub(super) fn report(looked: &Looked, report: &Report, language: Language) -> String {
    let mut page = Page { out: String::new(), words: Words::of(language), language };
    page.request(report);
    for note in &looked.notes {
        page.row(page.words.note, note.get(language), None);
    }
    page.listener(report);
    page.chain(report);
    page.end(&looked.bootstrap, report);
    page.out
}

struct Page {
    out: String,
    words: Words,
    language: Language,
}

impl Page {
    /// A label, a fact, and where that is written.
    fn row(&mut self, label: &str, fact: &str, place: Option<&SourcePosition>) {
        let pad = FACTS.saturating_sub(label.width()).max(1);
        let _ = write!(self.out, "{label}{:pad$}{fact}", "");
        match place.filter(|place| place.file.is_some()) {
            Some(place) => {
                let _ = writeln!(self.out, "  ({place})");
            }
            None => self.out.push('\n'),
        }
    }

    /// Something that it is not, and why.
    fn not(&mut self, fact: &str, place: Option<&SourcePosition>) {
        let label = format!("  {}", self.words.not);
        self.row(&label, fact, place);
    }

    fn request(&mut self, report: &Report) {
        let caller = &report.caller;
        let version = if caller.http2 { "HTTP/2" } else { "HTTP/1.1" };
        let _ = writeln!(self.out, "{} {} {version}", report.question.method, report.url);
        if report.question.authority != report.url.authority() {
            let _ = writeln!(self.out, "  host: {}", report.question.authority);
        }
        for (name, value) in &report.question.fields {
            let _ = writeln!(self.out, "  {name}: {value}");
        }
        let seen = match self.language {
            Language::English => report.knock.seen.clone(),
            Language::Korean => report.knock.seen.replacen(" to ", " → ", 1),
        };
        let _ = writeln!(self.out, "  {seen}\n");
    }

    fn listener(&mut self, report: &Report) {
        let listener = &report.listener;
        let addresses: Vec<String> = listener.addresses.iter().map(ToString::to_string).collect();
        self.row(
            self.words.listener,
            &format!("{} {} {}", listener.name, self.words.on, addresses.join(", ")),
            Some(&listener.position),
        );
        if let Some(port) = report.missing_port {
            let why = self.words.only_one(port);
            self.row("", &why, None);
        }
    }

    fn chain(&mut self, report: &Report) {
        let name = |name: &str, at: usize| match name {
            "" => format!("{at}, {}", self.words.unnamed),
            name => name.to_owned(),
        };
        match report.chain() {
            Some(chain) => {
                let at = report.knock.chain.unwrap_or_default();
                let mut fact = name(&chain.name, at);
                if at == report.listener.filter_chains.len() {
                    let _ = write!(fact, " ({})", self.words.default_chain);
                }
                self.row(self.words.chain, &fact, Some(&chain.position));
            }
            None => self.row(self.words.chain, self.words.no_chain, None),
        }
        for (at, misfit) in report.knock.misfits.iter().enumerate() {
            if let (Some(misfit), Some(chain)) = (misfit, report.listener.filter_chains.get(at)) {
                let name = match &*chain.name {
                    "" => format!("{at}, {}", self.words.unnamed),
                    name => name.to_owned(),
                };
                self.not(&format!("{name}: {misfit}"), Some(&chain.position));
            }
        }
        if let Some(chain) = report.chain() {
            if let DownstreamSocket::Tls(tls) = &chain.transport_socket
                && tls.demands_certificate()
            {
                self.row(self.words.note, self.words.certificate, None);
            }
            if !chain.gates.is_empty() {
                self.row(self.words.note, self.words.gates, None);
            }
        }
    }

    fn end(&mut self, bootstrap: &Bootstrap, report: &Report) {
        match &report.end {
            End::NoChain => {}
            End::Transport(true) => self.row(self.words.answer, self.words.only_tls, None),
            End::Transport(false) => self.row(self.words.answer, self.words.no_tls, None),
            End::NotHttp(filter) => self.not_http(bootstrap, filter),
            End::Http(manager, outcomes) => {
                let alone = outcomes.len() == 1;
                for (at, (chance, heard)) in outcomes.iter().enumerate() {
                    if at == 0 {
                        self.host(manager, heard);
                    }
                    if !alone {
                        let _ = writeln!(self.out, "\n{} {}", share(chance), self.words.of_requests);
                    }
                    self.heard(bootstrap, manager, heard, at == 0);
                }
            }
        }
    }

    fn not_http(&mut self, bootstrap: &Bootstrap, filter: &NetworkFilter) {
        let what = match filter {
            NetworkFilter::None => self.words.no_filter,
            NetworkFilter::Echo => self.words.echo,
            NetworkFilter::DirectResponse(_) => self.words.told,
            NetworkFilter::TcpProxy(_) | NetworkFilter::HttpConnectionManager(_) => self.words.passed_on,
        };
        self.row(self.words.answer, what, None);
        let NetworkFilter::TcpProxy(proxy) = filter else { return };
        match &proxy.target {
            TcpTarget::Cluster(name) => self.cluster(bootstrap, name, ""),
            TcpTarget::Weighted(clusters) => {
                let total: u32 = clusters.iter().map(|cluster| cluster.weight).sum();
                for cluster in clusters {
                    self.cluster(bootstrap, &cluster.name, &self.words.part(cluster.weight, total));
                }
            }
        }
    }

    fn host(&mut self, manager: &HttpConnectionManager, heard: &Heard) {
        if !heard.path.is_empty() {
            self.row(self.words.request, &format!("{}{}", heard.authority, heard.path), None);
        }
        match &heard.virtual_host {
            Some(host) => {
                let domain = heard.domain.as_deref().unwrap_or_default();
                self.row(
                    self.words.host,
                    &format!("{}{}`{domain}`{}", host.name, self.words.domain.0, self.words.domain.1),
                    Some(&host.position),
                );
            }
            None if heard.miss.is_some() => self.row(self.words.host, self.words.nobody, None),
            None => {}
        }
        let hosts = manager.route_config.virtual_hosts.iter();
        let others =
            hosts.filter(|host| heard.virtual_host.as_ref().is_none_or(|taken| taken.name != host.name));
        let others: Vec<_> = others.collect();
        if heard.virtual_host.is_none() && heard.miss.is_none() {
            return;
        }
        for host in others.iter().take(PASSED) {
            self.not(&format!("{}: {}", host.name, host.domains.join(", ")), Some(&host.position));
        }
        if others.len() > PASSED {
            self.not(&self.words.more(others.len() - PASSED), None);
        }
    }

    fn heard(&mut self, bootstrap: &Bootstrap, manager: &HttpConnectionManager, heard: &Heard, first: bool) {
        match &heard.route {
            Some(route) => {
                self.row(self.words.route, &route_name(route, heard.number), Some(&route.position));
            }
            None if heard.virtual_host.is_some() => self.row(self.words.route, self.words.nobody, None),
            None => {}
        }
        if first || heard.routes.iter().any(|passed| passed.near) {
            self.passed(&heard.routes);
        }
        // An answer for want of a route says so itself.
        let said = matches!(&heard.outcome, Outcome::Answered(answer) if answer.by == Answerer::NoRoute);
        let miss = match self.language {
            Language::English => &heard.miss,
            Language::Korean => &heard.miss_in_korean,
        };
        if let Some(miss) = miss.as_ref().filter(|_| !said) {
            self.row(self.words.why, miss, None);
        }
        if !heard.filters.is_empty() {
            self.row(self.words.filters, &heard.filters.join(", "), None);
        }
        match &heard.outcome {
            Outcome::Sent(sent) => self.sent(bootstrap, sent, heard.route.as_deref()),
            Outcome::Answered(answer) => {
                // The evidence of such an answer is that, in English.
                let translated = said && self.language != Language::English;
                self.answer(manager, answer, miss.as_deref().filter(|_| translated));
            }
        }
    }

    /// Routes in front of the one that is taken: all that come near, and the first others.
    fn passed(&mut self, routes: &[Passed]) {
        let (mut shown, mut left) = (0, 0);
        for passed in routes.iter().filter(|passed| !passed.taken && !passed.behind) {
            if !passed.near && shown >= PASSED {
                left += 1;
                continue;
            }
            shown += usize::from(!passed.near);
            let name = match &*passed.route.name {
                "" => passed.number.to_string(),
                name => format!("{} {name}", passed.number),
            };
            let words = match self.language {
                Language::English => &passed.words,
                Language::Korean => &passed.korean,
            };
            self.not(&format!("{name}: {words}"), Some(&passed.route.position));
        }
        if left > 0 {
            self.not(&self.words.more(left), None);
        }
    }

    fn cluster(&mut self, bootstrap: &Bootstrap, name: &str, more: &str) {
        match bootstrap.cluster(name) {
            Some(cluster) => {
                let kind = match &cluster.kind {
                    ClusterType::Static => "STATIC",
                    ClusterType::StrictDns(_) => "STRICT_DNS",
                    ClusterType::LogicalDns(_) => "LOGICAL_DNS",
                    ClusterType::Aggregate(_) => "aggregate",
                    ClusterType::OriginalDst(_) => "ORIGINAL_DST",
                };
                self.row(self.words.cluster, &format!("{name}, {kind}{more}"), Some(&cluster.position));
            }
            None => self.row(self.words.cluster, &format!("{name}{more}"), None),
        }
    }

    fn sent(&mut self, bootstrap: &Bootstrap, sent: &Sent, route: Option<&Route>) {
        self.cluster(bootstrap, &sent.cluster, if sent.high_priority { self.words.high } else { "" });
        let mut timeout = match (sent.stream_duration, sent.timeout) {
            (Some(limit), _) => format!("{} (max_stream_duration)", millis(limit)),
            (None, Some(timeout)) => millis(timeout),
            (None, None) => self.words.never.to_owned(),
        };
        let mut place = None;
        if let Some(RouteAction::Forward(forward)) = route.map(|route| &route.action)
            && sent.stream_duration.is_none()
        {
            let set = forward.timeout.filter(|set| !set.is_zero()).map(|set| set.as_millis());
            match &forward.timeout_position {
                _ if set != sent.timeout.map(u128::from) => timeout.push_str(self.words.asked_for),
                None => timeout.push_str(self.words.default),
                Some(position) => place = Some(position),
            }
        }
        if let Some(idle) = sent.idle_timeout {
            let _ = write!(timeout, "{}{}", self.words.idle, millis(idle));
        }
        self.row(self.words.timeout, &timeout, place);
        let mut retry = match sent.retry_on.is_empty() || sent.retries == 0 {
            true => self.words.no_retry.to_owned(),
            false => format!("{} × {}", sent.retries, sent.retry_on.join(",")),
        };
        if let Some(limit) = sent.per_try_timeout {
            let _ = write!(retry, "{}{}", self.words.per_try, millis(limit));
        }
        if let Some(limit) = sent.per_try_idle_timeout {
            let _ = write!(retry, "{}{}", self.words.per_try_idle, millis(limit));
        }
        if sent.hedged {
            retry.push_str(self.words.hedged);
        }
        self.row(self.words.retry, &retry, None);
        for copy in &sent.copies {
            let share =
                if copy.share == copy.of { String::new() } else { self.words.part(copy.share, copy.of) };
            self.row(self.words.copies, &format!("{}{share}", copy.cluster), None);
        }
        let _ = writeln!(self.out, "\n{}", self.words.sent);
        for line in String::from_utf8_lossy(&sent.head).trim_end().lines() {
            let _ = writeln!(self.out, "    {}", line.escape_debug());
        }
        if sent.host_names.len() > 1 {
            let _ = writeln!(self.out, "    (host: {})", sent.host_names.join(" | "));
        }
    }

    /// `miss` is why there is no route, where that is told in place of the evidence.
    fn answer(&mut self, manager: &HttpConnectionManager, answer: &Answer, miss: Option<&str>) {
        let by = match &answer.by {
            Answerer::Manager => self.words.by_manager.to_owned(),
            Answerer::NoRoute => String::new(),
            Answerer::TlsRequired => self.words.by_host.to_owned(),
            Answerer::Filter(name) => format!("{} {name}", self.words.by_filter),
            Answerer::Redirect => self.words.by_redirect.to_owned(),
            Answerer::DirectResponse => self.words.by_direct.to_owned(),
            Answerer::Router => self.words.by_router.to_owned(),
        };
        let fact = [answer.status.to_string(), by].into_iter().filter(|part| !part.is_empty());
        self.row(self.words.answer, &fact.collect::<Vec<_>>().join(" "), None);
        if let Some(reason) = answer.reason {
            let sentence = reason.spec().sentence.get(self.language);
            self.row(self.words.why, &format!("{reason}: {sentence}"), None);
        }
        if let Some(evidence) = miss.or(answer.evidence.as_deref()) {
            self.row("", evidence, None);
        }
        if let Answerer::Filter(name) = &answer.by
            && manager.filters().any(|filter| {
                filter.name == *name
                    && matches!(&filter.config, FilterConfig::HealthCheck(health) if !health.min_healthy.is_empty())
            })
        {
            self.row(self.words.note, self.words.health, None);
        }
        let _ = writeln!(self.out, "\n{}", self.words.answered);
        let _ = writeln!(self.out, "    {}", answer.status);
        for (name, value) in answer.fields.iter().filter(|(name, _)| name != "date") {
            let _ = writeln!(self.out, "    {name}: {}", value.escape_debug());
        }
        let body = String::from_utf8_lossy(&answer.body);
        if !body.is_empty() {
            let shown: String = body.chars().take(BODY).collect();
            let _ = writeln!(self.out, "\n    {}", shown.trim_end().replace('\n', "\n    "));
            if shown.len() < body.len() {
                let _ = writeln!(self.out, "    …");
            }
        }
    }
}

/// `3 api: prefix `/api/``
pub(crate) fn route_name(route: &Route, number: Option<usize>) -> String {
    let path = PathWords(&route.matcher.path);
    let number = number.map(|number| number.to_string()).unwrap_or_default();
    match &*route.name {
        "" => format!("{number} {path}"),
        name => format!("{number} {name}: {path}"),
    }
    .trim_start()
    .to_owned()
}

pub(crate) fn share(chance: &Chance) -> String {
    let percent = format!("{:.2}", chance.share * 100.0);
    let percent = percent.trim_end_matches('0').trim_end_matches('.');
    format!("{}{percent} %", if chance.about { "~" } else { "" })
}

/// Milliseconds for people.
pub(crate) fn millis(millis: u64) -> String {
    if millis.is_multiple_of(1000) { format!("{} s", millis / 1000) } else { format!("{millis} ms") }
}
