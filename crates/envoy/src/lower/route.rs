//! Routes and what they match.

use causeway_model::{
    CertificateMatch, CookieMatcher, FilterStateMatcher, MoreConditions, PROXY_PROTOCOL_TLV, PathMatch,
    Route, RouteMatch,
};

use super::Cx;
use super::extension::short_kind;
use crate::diagnostic::Draft;
use crate::tree::Message;

/// What became of the conditions of a route.
enum Matched {
    Match(Box<RouteMatch>),
    /// No request can satisfy them.
    Never,
}

impl Cx<'_> {
    /// `Route`; `None` where it can't be used, or never is.
    pub(super) fn route(&self, message: &Message<'_>, body_limit: u32) -> Option<Route> {
        let matcher = message.message("match").and_then(|matcher| self.route_match(matcher));
        let path = match &matcher {
            Some(Matched::Match(matcher)) => Some(&matcher.path),
            Some(Matched::Never) | None => None,
        };
        let mut per_filter = self.per_filter(message);
        let action = self.action(message, path, body_limit, &mut per_filter);
        for field in ["decorator", "tracing"] {
            if message.has(field) {
                self.ignored(message.at_key(field), format!("`{field}` is for traces, which nobody makes"));
            }
            message.settle(field);
        }
        let route = |matcher| -> Option<Route> {
            Some(Route {
                position: self.position(message),
                name: message.text("name").into(),
                matcher,
                action: action?,
                request_headers: self.mutations(message, "request"),
                response_headers: self.mutations(message, "response"),
                per_filter,
                metadata: self.metadata(message, "metadata"),
                stat_prefix: message.text("stat_prefix").into(),
                // Its virtual host has a say in it.
                request_body_buffer_limit: None,
            })
        };
        match matcher {
            Some(Matched::Match(matcher)) => route(*matcher),
            Some(Matched::Never) => {
                message.settle_all();
                None
            }
            None => {
                // What else is wrong with it is said all the same.
                let path = PathMatch::Prefix("/".into());
                let _ = route(RouteMatch {
                    path,
                    case_sensitive: true,
                    headers: Vec::new(),
                    query_parameters: Vec::new(),
                    runtime_fraction: None,
                    grpc: false,
                    more: None,
                });
                None
            }
        }
    }

    fn route_match(&self, matcher: &Message<'_>) -> Option<Matched> {
        let (mut headers, never) = self.header_conditions(matcher, "headers");
        let mut query_parameters: Vec<_> =
            matcher.messages("query_parameters").filter_map(|query| self.query_matcher(query)).collect();
        // Routes are many and stay: room for four conditions where there is one adds up.
        headers.shrink_to_fit();
        query_parameters.shrink_to_fit();
        let runtime_fraction = self.runtime_fraction(matcher, "runtime_fraction");
        let grpc = matcher.message("grpc").is_some();
        let more = self.more_conditions(matcher);
        let more = (more != MoreConditions::default()).then(|| Box::new(more));
        let case_sensitive = matcher.bool_value("case_sensitive").unwrap_or(true);
        let path = self.path_match(matcher)?;
        if never {
            return Some(Matched::Never);
        }
        Some(Matched::Match(Box::new(RouteMatch {
            path,
            case_sensitive,
            headers,
            query_parameters,
            runtime_fraction,
            grpc,
            more,
        })))
    }

    fn more_conditions(&self, matcher: &Message<'_>) -> MoreConditions {
        let cookies = matcher.messages("cookies").filter_map(|cookie| {
            let (name, invert) = (cookie.text("name").into(), cookie.bool("invert_match"));
            let value = self.string_matcher(cookie.message("string_match")?)?;
            Some(CookieMatcher { name, value, invert })
        });
        let cookies = cookies.collect();
        let certificate = matcher.message("tls_context").and_then(|context| {
            let wanted = CertificateMatch {
                presented: context.bool_value("presented"),
                validated: context.bool_value("validated"),
            };
            if wanted == CertificateMatch::default() {
                self.has_no_effect(matcher, "tls_context", "it asks for nothing");
                return None;
            }
            Some(wanted)
        });
        let mut dynamic_metadata = Vec::new();
        for metadata in matcher.messages("dynamic_metadata") {
            if metadata.bool("invert") {
                let text = "every request fulfils this: none has dynamic metadata before its route is found";
                self.ignored(metadata.here(), text);
            } else {
                self.never_met(metadata, "dynamic metadata");
                dynamic_metadata.push(metadata.text("filter").into());
            }
            metadata.settle_all();
        }
        let mut filter_state = Vec::new();
        for state in matcher.messages("filter_state") {
            let key = state.text("key");
            let wanted = state.message("string_match").filter(|_| key == PROXY_PROTOCOL_TLV);
            let value = wanted.and_then(|wanted| self.string_matcher(wanted));
            if wanted.is_none() {
                self.never_met(state, "such filter state");
                state.settle_all();
            }
            filter_state.push(FilterStateMatcher { key: key.into(), value });
        }
        MoreConditions { cookies, certificate, dynamic_metadata, filter_state }
    }

    fn never_met(&self, condition: &Message<'_>, what: &str) {
        let text = format!("no request has {what} before its route is found");
        let draft = self.suspicious(condition.here(), "unreachable-route", text);
        self.push(draft.label("so this route takes none, with Envoy neither"));
    }

    fn path_match(&self, matcher: &Message<'_>) -> Option<PathMatch> {
        let field = matcher.which("path_specifier")?;
        let text = || matcher.text_value(field).map(Into::into);
        match field {
            "prefix" => {
                let prefix = matcher.text_value(field)?;
                self.path_begins_with_slash(matcher, field, prefix);
                Some(PathMatch::Prefix(prefix.into()))
            }
            "path" => {
                let path = matcher.text_value(field)?;
                self.path_begins_with_slash(matcher, field, path);
                if let Some(query) = path.find('?') {
                    let at = self.part(&matcher.at(field), path, query..path.len());
                    self.push(
                        self.suspicious(at, "query-in-path", "no request ever matches this path")
                            .label("what is compared is the path without its query"),
                    );
                }
                text().map(PathMatch::Path)
            }
            "path_separated_prefix" => text().map(PathMatch::PathSeparatedPrefix),
            "safe_regex" => self.regex_matcher(matcher, field).map(PathMatch::Regex),
            "connect_matcher" => {
                matcher.settle(field);
                Some(PathMatch::Connect)
            }
            _ => self.path_match_policy(matcher),
        }
    }

    fn path_begins_with_slash(&self, matcher: &Message<'_>, field: &str, path: &str) {
        if !path.is_empty() && !path.starts_with('/') {
            self.push(
                self.suspicious(
                    matcher.at(field),
                    "path-without-slash",
                    format!("no path begins with `{path}`"),
                )
                .label(format!("write `/{path}`")),
            );
        }
    }

    fn path_match_policy(&self, matcher: &Message<'_>) -> Option<PathMatch> {
        let holder = matcher.message("path_match_policy")?;
        let config = self.typed(holder)?;
        if short_kind(config.schema.name()) != "UriTemplateMatchConfig" {
            self.not_implemented_vital(matcher, "path_match_policy", "");
            return None;
        }
        let template = config.text("path_template");
        match super::uri_template::parse_match(template) {
            Ok(matched) => Some(matched),
            Err(why) => {
                if !template.is_empty() {
                    self.push(
                        Draft::rejected(
                            "invalid-path-template",
                            format!("`{template}` is not a path template"),
                        )
                        .at(config.at("path_template"))
                        .label(why),
                    );
                }
                None
            }
        }
    }
}
