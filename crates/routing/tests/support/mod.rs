//! A request and small makers of configurations for tests.

#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use causeway_model::{
    DirectResponse, HeaderMutations, Metadata, PathMatch, Route, RouteAction, RouteMatch, SourcePosition,
};
use causeway_routing::RouteRequest;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) authority: &'static str,
    pub(crate) path: String,
    pub(crate) method: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) internal: bool,
    pub(crate) random: u64,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

impl Request {
    pub(crate) fn get(authority: &'static str, path: &str) -> Self {
        Self {
            authority,
            path: path.to_owned(),
            method: "GET",
            scheme: "http",
            internal: false,
            random: 0,
            headers: Vec::new(),
        }
    }
}

impl RouteRequest for Request {
    fn authority(&self) -> &[u8] {
        self.authority.as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }

    fn scheme(&self) -> &[u8] {
        self.scheme.as_bytes()
    }

    fn is_internal(&self) -> bool {
        self.internal
    }

    fn random(&self) -> u64 {
        self.random
    }

    fn visit_header(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
        for (_, value) in self.headers.iter().filter(|(known, _)| *known == name) {
            visit(value.as_bytes());
        }
    }

    fn forwarded_proto(&self) -> &[u8] {
        let header = self.headers.iter().find(|(name, _)| *name == "x-forwarded-proto");
        header.map_or(&[], |(_, value)| value.as_bytes())
    }
}

/// A match on the path alone.
pub(crate) fn matcher(path: PathMatch) -> RouteMatch {
    RouteMatch {
        path,
        case_sensitive: true,
        headers: Vec::new(),
        query_parameters: Vec::new(),
        runtime_fraction: None,
        grpc: false,
        more: None,
    }
}

/// A route that answers 200.
pub(crate) fn route(matcher: RouteMatch) -> Arc<Route> {
    Arc::new(Route {
        position: SourcePosition::default(),
        name: "".into(),
        matcher,
        action: RouteAction::DirectResponse(Box::new(DirectResponse {
            status: 200,
            body: Box::default(),
            body_format: None,
        })),
        request_headers: HeaderMutations::default(),
        response_headers: HeaderMutations::default(),
        per_filter: Vec::new(),
        metadata: Metadata::default(),
        stat_prefix: "".into(),
        request_body_buffer_limit: None,
    })
}
