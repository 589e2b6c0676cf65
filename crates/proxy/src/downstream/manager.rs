//! The connection manager: from the head of a request to the one who answers it.

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;

use causeway_http::h1::Target;
use causeway_http::{Known, Method, Version};
use causeway_model::{
    ClusterName, DirectResponse, LoadShedPointKind, MaxStreamDuration, OverloadActionKind, Redirect,
    RouteAction, Template, TimerType, VirtualHost,
};
use causeway_reason::{Failure, Reason};
use causeway_routing::{
    DomainHint, Lookup, Miss, own_location, redirect_location, redirect_path, tls_redirect_location,
};

use super::upgrade::{leave_on_this_connection, pass_over_upgrades};
use super::{After, Downstream};
use crate::deadlines::{Silence, Timer};
use crate::filters::{FilterContext, Verdict};
use crate::format::{Absent, render};
use crate::grpc_timeout::{self, Limit};
use crate::header_mutations::{self, Message, mutate_in_order};
use crate::header_rules::{self, RequestContext};
use crate::local_reply::LocalReply;
use crate::moment::Moment;
use crate::record::ActiveRequest;
use crate::router::{self, Served};
use crate::routes::{FilterOverrides, RouteEntry};
use crate::snapshot::timeout;
use crate::stats::{Http1Stat, HttpStat};

impl Downstream {
    /// Serves a request whose head has been read.
    pub(super) async fn handle(&mut self, mut request: ActiveRequest) -> After {
        if let Err(failure) = self.check_fields(&mut request) {
            // To the codec of Envoy, such a request never was one.
            request.head = None;
            return Box::pin(self.refuse(request, *failure)).await;
        }
        self.info.course.speaks_http.set(true);
        if self.is_overloaded() {
            self.listener.shards.http.inc(HttpStat::DownstreamRqOverloadClose);
            let reply = LocalReply::failed(self.overloaded(Reason::Overloaded));
            header_rules::note_grpc(&mut request);
            return Box::pin(self.reply(request, reply)).await;
        }
        self.expect_continue(&mut request).await;
        let prepared = self.prepare(&mut request).map_err(Box::new);
        let body = request.head.as_ref().is_some_and(|head| !head.framing.is_none());
        self.arm_body(&request.facts, request.method(), body);
        if let Err(mut reply) = prepared {
            // The end of the request is known; whether that is enough is for the file to say.
            reply.close &= !self.listener.manager.config.http1.stream_error_on_invalid_message;
            return self.answer(request, reply).await;
        }
        loop {
            // Most requests meet no filter that has to be waited for, and need no future for it.
            let found = self.route_and_log(&mut request);
            let found = match self.has_filters(&request) {
                true => Box::pin(self.filter_routed(&mut request, found)).await,
                false => found,
            };
            let entry = match self.dispatch(&mut request, found) {
                Ok(entry) => entry,
                Err(reply) => return self.answer(request, reply).await,
            };
            // Pinned where it is made: what is awaited is moved into its place otherwise, and so are a thousand bytes
            // that hold nothing yet.
            match pin!(router::forward(self, request, entry)).await {
                Served::Ended(after) => return after,
                Served::Redirected(next) => request = next,
            }
            self.begin_again();
            if let Err(reply) = self.normalize(&mut request).map_err(Box::new) {
                return self.answer(request, reply).await;
            }
        }
    }

    /// Checks the fields of a request of HTTP/1; what HTTP/2 brings has been checked as its fields were read.
    pub(super) fn check_fields(&self, request: &mut ActiveRequest) -> Result<(), Box<Failure>> {
        if let Some(Version::Http2) = request.facts.protocol {
            return Ok(());
        }
        match header_rules::check_fields(request, &self.listener.manager.config, self.info.is_encrypted()) {
            Ok(0) => Ok(()),
            Ok(dropped) => {
                self.worker.http1.add(Http1Stat::DroppedHeadersWithUnderscores, dropped);
                Ok(())
            }
            Err(failure) => {
                if failure.reason == Reason::RequestUnderscoreHeader {
                    self.worker.http1.inc(Http1Stat::RequestsRejectedWithUnderscoresInHeaders);
                }
                Err(Box::new(failure))
            }
        }
    }

    /// Has the filters see a request, which may be answered by one of them.
    async fn filter_routed(
        &mut self,
        request: &mut ActiveRequest,
        found: Result<Rc<RouteEntry>, Unrouted>,
    ) -> Result<Rc<RouteEntry>, Unrouted> {
        let entry = match &found {
            Ok(entry) => Some(entry),
            Err(Unrouted::AtOnce(_)) => return found,
            Err(Unrouted::BehindFilters(..)) => None,
        };
        match self.filter(request, entry).await {
            Some(reply) => Err(Unrouted::AtOnce(reply)),
            None => found,
        }
    }

    /// Finds out who is to answer: a back-end, on the route that is returned, or the proxy itself.
    ///
    /// Answers are boxed here and on: the future of each request keeps room for whatever is held while it waits.
    fn dispatch(
        &self,
        request: &mut ActiveRequest,
        found: Result<Rc<RouteEntry>, Unrouted>,
    ) -> Result<Rc<RouteEntry>, Box<LocalReply>> {
        let entry = match found {
            Ok(entry) => entry,
            Err(Unrouted::AtOnce(reply)) => return Err(reply),
            Err(Unrouted::BehindFilters(reply, stat)) => {
                self.listener.shards.http.inc(HttpStat::RqTotal);
                self.listener.shards.http.inc(stat);
                return Err(reply);
            }
        };
        self.listener.shards.http.inc(HttpStat::RqTotal);
        match &entry.route.action {
            RouteAction::Forward(_) => Ok(entry),
            RouteAction::Redirect(redirect) => Err(Box::new(self.redirect(request, &entry, redirect))),
            RouteAction::DirectResponse(response) => Err(Box::new(self.direct_response(request, response))),
        }
    }

    /// Gives an answer of the proxy's own, once the request has arrived where it can be waited for.
    #[expect(clippy::boxed_local, reason = "who has none keeps room for a pointer")]
    fn answer(
        &mut self,
        request: ActiveRequest,
        reply: Box<LocalReply>,
    ) -> Pin<Box<dyn Future<Output = After> + '_>> {
        if reply.at_end && !request.facts.upgrade && request.again.is_none() {
            return Box::pin(self.reply_at_end(request, *reply));
        }
        Box::pin(self.reply(request, *reply))
    }

    /// Whether the overload manager lets no request pass.
    fn is_overloaded(&self) -> bool {
        let Some(overload) = self.overload() else { return false };
        overload.shared.acts(OverloadActionKind::StopAcceptingRequests, self.worker.random())
            || overload.sheds(LoadShedPointKind::HttpConnectionManagerDecodeHeaders, self.worker.random())
    }

    /// The next request of a redirect begins: it has deadlines of its own.
    fn begin_again(&mut self) {
        self.deadlines.clear_request();
        let duration = timeout(self.listener.manager.config.max_stream_duration);
        self.deadlines.set(Timer::StreamDuration, duration.map(|after| self.worker.now() + after));
    }

    /// Answers `Expect: 100-continue` at once, as Envoy does, so that the client need not wait for the
    /// back-end to say it.
    pub(super) async fn expect_continue(&mut self, request: &mut ActiveRequest) {
        let Some(head) = request.head.as_ref().filter(|head| head.expects_continue) else { return };
        // An old client does not know what it asks for (RFC 9110 §10.1.1).
        let old = head.version == Version::Http10;
        if self.listener.manager.config.proxy_100_continue && !old {
            return;
        }
        request.request.remove(Known::Expect);
        if old {
            return;
        }
        Box::pin(self.interim(request, 100)).await;
    }

    /// Looks for the route; a log may want to know of the request now.
    fn route_and_log(&mut self, request: &mut ActiveRequest) -> Result<Rc<RouteEntry>, Unrouted> {
        let found = self.route(request);
        if self.listener.manager.config.access_log_options.on_new_request {
            request.log_unfinished("DownstreamStart");
        }
        found
    }

    /// Checks and completes the head: what is wrong with it is answered.
    pub(super) fn prepare(&self, request: &mut ActiveRequest) -> Result<(), LocalReply> {
        let config = &*self.listener.manager.config;
        let Some(head) = request.head.clone() else { return Err(failed(Reason::Dropped)) };
        if let Some(header) = &self.listener.manager.options.reason_header {
            let all = header.may_know_all(&mut request.request, self.info.direct_remote());
            request.facts.may_know_all = all;
        }
        header_rules::note_grpc(request);
        if head.connection.upgrade && !config.http1.ignored_upgrades.is_empty() {
            pass_over_upgrades(request, &config.http1.ignored_upgrades);
        }
        let http = &self.listener.shards.http;
        if head.version == Version::Http10 && !request.request.has(Known::Host) {
            let host = &config.http1.default_host_for_http_10;
            if !host.is_empty() {
                request.request.set(Known::Host, host.as_bytes());
            }
        }
        if !request.request.has(Known::Host) {
            return Err(refused(Reason::RequestHostMissing, "there is no Host", request));
        }
        if matches!(head.target, Target::NotPath(_)) {
            http.inc(HttpStat::DownstreamRqNonRelativePath);
            return Err(refused(Reason::RequestTargetNotPath, "no path is asked for", request));
        }
        if head.method == Method::Query && !request.request.has(Known::ContentType) {
            return Err(refused(Reason::RequestQueryWithoutType, "there is no Content-Type", request));
        }
        if !config.early_header_mutations.is_empty() {
            let viewer = request.viewer();
            for mutations in &config.early_header_mutations {
                mutate_in_order(request, Message::Request, mutations, &viewer);
            }
        }
        if head.method != Method::Connect {
            self.normalize(request)?;
        }
        leave_on_this_connection(request);
        let mut context = RequestContext {
            config,
            connection: &self.info,
            own_address: self.listener.manager.options.own_address,
            request_id: &mut || self.worker.uuid(),
            internal_only: &config.route_config.internal_only_headers,
        };
        header_rules::apply_to_request(request, &mut context)
            .inspect_err(|_| http.inc(HttpStat::DownstreamRqRejectedViaIpDetection))
    }

    /// Normalises authority and path.
    fn normalize(&self, request: &mut ActiveRequest) -> Result<(), LocalReply> {
        let config = &self.listener.manager.config;
        header_rules::normalize(request, config, &self.info).inspect_err(|reply| {
            self.listener.shards.http.inc(match reply.status() {
                307 => HttpStat::DownstreamRqRedirectedWithNormalizedPath,
                _ => HttpStat::DownstreamRqFailedPathNormalization,
            });
        })
    }

    /// Finds the route, and whether it lets the request through.
    pub(super) fn route(&mut self, request: &mut ActiveRequest) -> Result<Rc<RouteEntry>, Unrouted> {
        let listener = Rc::clone(&self.listener);
        let table = &listener.manager.shared().table;
        let since = listener.manager.shared().measures.routing.then(Moment::now);
        let found = table.lookup(&request.seen());
        request.facts.route_was_looked_for(since);
        let seen = request.seen();
        let index = match found {
            Lookup::Route(found) => found.route_index,
            Lookup::TlsRequired { .. } => {
                let mut location = Vec::new();
                tls_redirect_location(&seen, &mut location);
                let reply = LocalReply::configured(301, "direct_response").with_header("location", location);
                return Err(Unrouted::BehindFilters(Box::new(reply), HttpStat::RqDirectResponse));
            }
            Lookup::NoRoute { virtual_host, .. } => {
                let evidence = format!("virtual host {}: {}", place(virtual_host), table.explain(&seen));
                request.facts.without_route = Some(Arc::clone(virtual_host));
                let reason = if is_preflight(request) { Reason::PreflightUnrouted } else { Reason::NoRoute };
                return Err(Unrouted::no_route(Failure::new(reason).with_evidence(evidence)));
            }
            Lookup::NoVirtualHost => {
                let miss = table.explain(&seen);
                let reason = match &miss {
                    Miss::Domain { hint: Some(DomainHint::Port(..)), .. } => Reason::PortInHost,
                    _ => Reason::NoVirtualHost,
                };
                return Err(Unrouted::no_route(Failure::new(reason).with_evidence(miss.to_string())));
            }
        };
        let Some(entry) = listener.manager.entry(index).cloned() else {
            return Err(Unrouted::no_route(Reason::NoRoute.into()));
        };
        if entry.forward().is_some() {
            // Which cluster it is is a part of the route: filters that change fields change it no more, and
            // what the cluster says to filters holds.
            let Some(target) = entry.draw(&request.seen()).cloned() else {
                let evidence = format!("no cluster of the route at {} has a weight", entry.route.position);
                return Err(Unrouted::no_route(Failure::new(Reason::NoRoute).with_evidence(evidence)));
            };
            request.facts.cluster = match &target.name {
                ClusterName::Fixed(_) => target.cluster.clone(),
                ClusterName::Header(name) => self.worker.cluster_named_in(&request.seen(), name),
            };
            request.facts.target = Some(target);
        }
        request.facts.route = Some(Rc::clone(&entry));
        self.check_upgrade(request, &entry).map_err(|reply| Unrouted::AtOnce(Box::new(reply)))?;
        if let Some(forward) = entry.forward() {
            let idle = forward.idle_timeout.or(listener.manager.config.stream_idle_timeout);
            let idle = timeout(idle).map(|idle| self.scaled(TimerType::StreamIdle, idle));
            self.deadlines.limit_silence(Silence::Stream, idle);
            if let Some(limits) = &forward.max_stream_duration {
                self.limit_duration(request, limits)?;
            }
        } else {
            let idle = timeout(listener.manager.config.stream_idle_timeout);
            let idle = idle.map(|idle| self.scaled(TimerType::StreamIdle, idle));
            self.deadlines.limit_silence(Silence::Stream, idle);
        }
        self.touch();
        Ok(entry)
    }

    /// Sets the time that the whole request may take, as the route or the client says, and tells a gRPC
    /// back-end. A request that has no time at all is answered.
    fn limit_duration(
        &mut self,
        request: &mut ActiveRequest,
        limits: &MaxStreamDuration,
    ) -> Result<(), Unrouted> {
        let limit = match grpc_timeout::stream_duration(limits, &request.request) {
            Limit::Manager => {
                let limit = timeout(self.listener.manager.config.max_stream_duration);
                if let Some(limit) = limit.filter(|_| request.facts.grpc) {
                    grpc_timeout::tell(&mut request.request, limit);
                }
                return Ok(());
            }
            Limit::None => {
                if request.facts.grpc && self.listener.manager.config.max_stream_duration.is_some() {
                    request.request.remove(Known::GrpcTimeout);
                }
                None
            }
            Limit::Of(0) => {
                let http = &self.listener.shards.http;
                http.inc(HttpStat::DownstreamRqMaxDurationReached);
                http.inc(HttpStat::RqTotal);
                let complete = !request.is_open_ended() || self.holds_whole_body(request);
                let reason = if complete { Reason::MaxStreamDuration } else { Reason::RequestMaxDuration };
                let failure = Failure::new(reason).with_evidence("grpc-timeout leaves no time at all");
                let mut reply = LocalReply::failed(failure);
                reply.at_end = complete;
                if !complete {
                    self.discard_request_body(request);
                }
                return Err(Unrouted::AtOnce(Box::new(reply)));
            }
            Limit::Of(limit) => Some(limit),
        };
        let begun = request.facts.begun;
        let from = begun.map_or_else(|| self.worker.now(), |begun| self.worker.timers.at(begun));
        self.deadlines.set(Timer::StreamDuration, limit.map(|after| from + after));
        if let Some(limit) = limit.filter(|_| request.facts.grpc) {
            grpc_timeout::tell(&mut request.request, limit);
        }
        Ok(())
    }

    /// Runs the filters in front of the router; one of them may answer.
    async fn filter(
        &mut self,
        request: &mut ActiveRequest,
        entry: Option<&Rc<RouteEntry>>,
    ) -> Option<Box<LocalReply>> {
        let listener = Rc::clone(&self.listener);
        let chain = request.facts.chain;
        for (at, runtime) in listener.manager.filters(chain).iter().enumerate() {
            let target = request.facts.target.clone();
            let overrides = entry.and_then(|entry| entry.overrides(target.as_deref(), chain, at));
            if overrides.and_then(|overrides| overrides.disabled).unwrap_or(runtime.disabled) {
                continue;
            }
            let mut verdict = with_context(request, overrides, |context| runtime.filter.on_request(context));
            loop {
                match verdict {
                    Verdict::Continue => break,
                    Verdict::Reply(reply) => return Some(reply),
                    Verdict::Wait(waiting) => verdict = waiting.await,
                }
            }
        }
        None
    }

    pub(super) fn redirect(
        &self,
        request: &mut ActiveRequest,
        entry: &RouteEntry,
        redirect: &Redirect,
    ) -> LocalReply {
        self.listener.shards.http.inc(HttpStat::RqDirectResponse);
        let (mut location, viewer) = (Vec::new(), request.viewer());
        let seen = request.seen();
        let fill = |template: &Template, out: &mut Vec<u8>| {
            viewer.view(request, |view| render(template, view, Absent::Nothing, out));
        };
        let matcher = &entry.route.matcher;
        redirect_location(redirect, matcher, &seen, &fill, &mut location);
        header_mutations::without_controls(&mut location);
        // For logs, and for headers made of it, it is the request's path from here on.
        let mut path = Vec::new();
        if redirect_path(redirect, matcher, &request.path, &mut path) {
            let old = std::mem::replace(&mut request.path, path);
            if !self.listener.manager.config.suppress_envoy_headers {
                request.request.set(Known::EnvoyOriginalPath, &old);
            }
        }
        LocalReply::configured(redirect.status, "direct_response").with_header("location", location)
    }

    pub(super) fn direct_response(&self, request: &ActiveRequest, response: &DirectResponse) -> LocalReply {
        self.listener.shards.http.inc(HttpStat::RqDirectResponse);
        let reply = LocalReply::configured(response.status, "direct_response")
            .with_body(response.body.to_vec(), response.body_format.clone());
        if response.status == 201 || (300..400).contains(&response.status) {
            let mut location = Vec::new();
            own_location(&request.seen(), &mut location);
            return reply.with_header("location", location);
        }
        reply
    }
}

/// A request that no route takes.
pub(super) enum Unrouted {
    /// The filters come first: one of them may answer. If none does, this is the answer, and counted.
    BehindFilters(Box<LocalReply>, HttpStat),
    /// There are no filters for such a request.
    AtOnce(Box<LocalReply>),
}

impl Unrouted {
    fn no_route(failure: Failure) -> Self {
        Self::BehindFilters(Box::new(LocalReply::failed(failure)), HttpStat::NoRoute)
    }
}

/// Runs something that needs a filter's view of the request.
pub(super) fn with_context<T>(
    request: &mut ActiveRequest,
    overrides: Option<&FilterOverrides>,
    run: impl FnOnce(&mut FilterContext<'_>) -> T,
) -> T {
    let listener = Rc::clone(request.listener());
    let worker = Rc::clone(request.worker());
    run(&mut FilterContext {
        worker: &worker,
        viewer: request.viewer(),
        random: request.random(),
        overrides: overrides.map_or(&[], |overrides| &overrides.configs),
        shards: &listener.shards,
        exchange: request,
    })
}

/// Whether a browser asks whether it may ask (the CORS preflight of the Fetch standard).
fn is_preflight(request: &ActiveRequest) -> bool {
    request.method() == Method::Options
        && request.request.has(Known::Origin)
        && request.request.has(Known::AccessControlRequestMethod)
}

fn failed(reason: Reason) -> LocalReply {
    LocalReply::failed(reason.into())
}

/// What is wrong with a head that could be read, with its first line.
fn refused(reason: Reason, what: &str, request: &ActiveRequest) -> LocalReply {
    let method = request.head.as_ref().map_or("", |head| head.method_name(&request.request));
    let target = request.path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let evidence = format!("{what}; the request is {method} \"{}\"", target.escape_ascii());
    LocalReply::failed(Failure::new(reason).with_evidence(evidence))
}

fn place(host: &VirtualHost) -> String {
    format!("{} ({})", host.name, host.position)
}
