//! What would become of a request: found out by what serves requests, on a connection that nobody made.
//!
//! The steps are those of [`Downstream::handle`] up to the router. They are written out once more because that one
//! saves the memory of whatever waits, and counts; each step is the same function.

use std::rc::Rc;
use std::sync::Arc;

use causeway_http::Known;
use causeway_model::{HttpConnectionManager, HttpFilter, RouteAction, VirtualHost};
use causeway_reason::Failure;
use causeway_routing::{Korean, Lookup};

use super::manager::{Unrouted, with_context};
use super::{After, Downstream};
use crate::filters::Verdict;
use crate::local_reply::LocalReply;
use crate::record::ActiveRequest;
use crate::rehearse::{Answerer, Chance, Passed, chances};
use crate::router::{self, Sent};
use crate::routes::RouteEntry;

/// What is found out on the way.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// The authority, once it is normalised.
    pub(crate) authority: Vec<u8>,
    /// Path and query, once they are.
    pub(crate) path: Vec<u8>,
    /// The domain by which it belongs to its virtual host.
    pub(crate) domain: Option<String>,
    pub(crate) virtual_host: Option<Arc<VirtualHost>>,
    /// It is to be told why routes are passed over.
    pub(crate) thorough: bool,
    /// The number of the route that takes it, in its virtual host.
    pub(crate) number: Option<usize>,
    /// What became of each route.
    pub(crate) routes: Vec<Passed>,
    /// What comes nearest, where there is no route.
    pub(crate) miss: Option<String>,
    /// The same in Korean.
    pub(crate) miss_in_korean: Option<String>,
    pub(crate) chances: Vec<Chance>,
    pub(crate) route: Option<Rc<RouteEntry>>,
    /// The filters that see it.
    pub(crate) filters: Vec<Arc<str>>,
}

/// How it ends.
pub(crate) enum Rehearsed {
    /// A back-end would be sent this.
    Sent(Box<Sent>),
    /// The proxy answers by itself.
    Answered(Answerer, Option<Failure>),
}

impl Downstream {
    /// Rehearses a request whose head has been read, or has been refused. What the proxy answers by itself is written
    /// to the connection.
    pub(crate) async fn rehearse(
        &mut self,
        mut request: ActiveRequest,
        refused: Option<Failure>,
        course: &mut Course,
    ) -> Rehearsed {
        let unread = match refused {
            Some(failure) => Err(Box::new(failure)),
            None => self.check_fields(&mut request),
        };
        if let Err(failure) = unread {
            request.head = None;
            let told = failure.clone();
            let _: After = self.refuse(request, *failure).await;
            return Rehearsed::Answered(Answerer::Manager, Some(*told));
        }
        self.arm_arrival();
        self.expect_continue(&mut request).await;
        let prepared = self.prepare(&mut request);
        course.authority = request.request.get(Known::Host).unwrap_or_default().to_vec();
        course.path.clone_from(&request.path);
        if let Err(reply) = prepared {
            return self.tell(request, reply, Answerer::Manager).await;
        }
        self.look_around(&request, course);
        let found = self.route(&mut request);
        course.route.clone_from(&request.facts.route);
        let mut by = Answerer::Router;
        let found = match found {
            Err(Unrouted::AtOnce(reply)) => return self.tell(request, *reply, Answerer::Manager).await,
            Ok(entry) => Ok(entry),
            Err(Unrouted::BehindFilters(reply, _)) => {
                by = if reply.reason().is_some() { Answerer::NoRoute } else { Answerer::TlsRequired };
                Err(reply)
            }
        };
        if let Some((name, reply)) = self.pass_filters(&mut request, found.as_ref().ok(), course).await {
            return self.tell(request, *reply, Answerer::Filter(name)).await;
        }
        let entry = match found {
            Ok(entry) => entry,
            Err(reply) => return self.tell(request, *reply, by).await,
        };
        let reply = match &entry.route.action {
            RouteAction::Forward(_) => match router::rehearse(self, &mut request, &entry) {
                Ok(sent) => return Rehearsed::Sent(Box::new(sent)),
                Err(reply) => *reply,
            },
            RouteAction::Redirect(redirect) => {
                by = Answerer::Redirect;
                self.redirect(&mut request, &entry, redirect)
            }
            RouteAction::DirectResponse(response) => {
                by = Answerer::DirectResponse;
                self.direct_response(&request, response)
            }
        };
        self.tell(request, reply, by).await
    }

    /// What the route table says of the request.
    fn look_around(&self, request: &ActiveRequest, course: &mut Course) {
        let shared = self.listener.manager.shared();
        let (table, seen) = (&shared.table, request.seen());
        course.domain = table.domain_of(&seen).map(str::to_owned);
        course.virtual_host = match table.lookup(&seen) {
            Lookup::Route(found) => {
                let mut routes = found.virtual_host.routes.iter();
                course.number = routes.position(|route| Arc::ptr_eq(route, found.route));
                Some(Arc::clone(found.virtual_host))
            }
            Lookup::TlsRequired { virtual_host, .. } => Some(Arc::clone(virtual_host)),
            Lookup::NoRoute { virtual_host, .. } => {
                let miss = table.explain(&seen);
                course.miss = Some(miss.to_string());
                course.miss_in_korean = Some(Korean(&miss).to_string());
                Some(Arc::clone(virtual_host))
            }
            Lookup::NoVirtualHost => {
                let miss = table.explain(&seen);
                course.miss = Some(miss.to_string());
                course.miss_in_korean = Some(Korean(&miss).to_string());
                None
            }
        };
        if course.thorough {
            course.routes = table.examine(&seen).iter().map(Passed::from).collect();
        }
        course.chances = chances(table, &self.listener.manager, request);
    }

    async fn tell(&mut self, request: ActiveRequest, reply: LocalReply, by: Answerer) -> Rehearsed {
        let failure = reply.failure().cloned();
        let _: After = self.reply(request, reply).await;
        Rehearsed::Answered(by, failure)
    }

    /// Has the filters see the request, and says which of them answers it, where one does.
    async fn pass_filters(
        &mut self,
        request: &mut ActiveRequest,
        entry: Option<&Rc<RouteEntry>>,
        course: &mut Course,
    ) -> Option<(Arc<str>, Box<LocalReply>)> {
        let listener = Rc::clone(&self.listener);
        let chain = request.facts.chain;
        let filters = listener.manager.filters(chain).iter();
        for (at, (runtime, config)) in filters.zip(configured(&listener.manager.config, chain)).enumerate() {
            let target = request.facts.target.clone();
            let overrides = entry.and_then(|entry| entry.overrides(target.as_deref(), chain, at));
            if overrides.and_then(|overrides| overrides.disabled).unwrap_or(runtime.disabled) {
                continue;
            }
            course.filters.push(Arc::clone(&config.name));
            let mut verdict = with_context(request, overrides, |context| runtime.filter.on_request(context));
            loop {
                match verdict {
                    Verdict::Continue => break,
                    Verdict::Reply(reply) => return Some((Arc::clone(&config.name), reply)),
                    Verdict::Wait(waiting) => verdict = waiting.await,
                }
            }
        }
        None
    }
}

/// The filters of a chain: 0 is the connection manager's own, the others are those of upgrades.
fn configured(config: &HttpConnectionManager, chain: usize) -> &[HttpFilter] {
    match chain.checked_sub(1) {
        None => &config.http_filters,
        Some(upgrade) => {
            let upgrade = config.upgrades.get(upgrade);
            upgrade.and_then(|upgrade| upgrade.filters.as_deref()).unwrap_or_default()
        }
    }
}
