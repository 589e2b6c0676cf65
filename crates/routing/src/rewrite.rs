//! The path and the host that are sent on.

use causeway_model::{HostRewrite, PathMatch, PathRewrite, RouteMatch, Template, UriTemplateSegment};

use crate::path::without_query;
use crate::request::{self, RouteRequest};

/// Fills in a template at the end of a text.
pub type Fill<'f> = &'f dyn Fn(&Template, &mut Vec<u8>);

/// Writes the path (and query) that is sent on in place of `path`, byte for byte as Envoy makes it, and
/// says whether there is one: `false` leaves `out` as it is, the path stays, and there is no
/// `x-envoy-original-path`. So it is where nothing is left in place of the path, whatever the query. `matcher` is that
/// of the route that took the request; `fill` prints nothing for a value that is absent.
pub fn rewrite_path(
    matcher: &RouteMatch,
    rewrite: &PathRewrite,
    path: &[u8],
    fill: Fill<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let bare = without_query(path);
    let before = out.len();
    let rest = match rewrite {
        PathRewrite::Prefix(prefix) => {
            let Some(matched) = matched_len(matcher, path) else { return false };
            out.extend_from_slice(prefix.as_bytes());
            matched
        }
        PathRewrite::Regex { regex, substitution } => {
            out.extend_from_slice(&regex.replace_all(bare, substitution));
            bare.len()
        }
        PathRewrite::UriTemplate(segments) => {
            let PathMatch::UriTemplate { regex, .. } = &matcher.path else { return false };
            let Some(variables) = regex.groups(bare) else { return false };
            for segment in segments {
                out.extend_from_slice(match segment {
                    UriTemplateSegment::Literal(text) => text.as_bytes(),
                    UriTemplateSegment::Variable(index) => variables.get(*index).copied().unwrap_or_default(),
                });
            }
            bare.len()
        }
        PathRewrite::Template(template) => {
            fill(template, out);
            bare.len()
        }
    };
    // A request line without a path is none (RFC 9112 §3.2).
    if out.len() == before {
        return false;
    }
    out.extend_from_slice(path.get(rest..).unwrap_or_default());
    true
}

/// How much of the path `prefix_rewrite` replaces: what the route names, or the whole path without its
/// query where it names an expression. `None` where the path does not begin with it literally, which
/// can only be if `;parameters` were left out of the comparison.
pub(crate) fn matched_len(matcher: &RouteMatch, path: &[u8]) -> Option<usize> {
    match &matcher.path {
        PathMatch::Prefix(text) | PathMatch::Path(text) | PathMatch::PathSeparatedPrefix(text) => {
            let head = path.get(..text.len())?;
            let same = if matcher.case_sensitive {
                head == text.as_bytes()
            } else {
                head.eq_ignore_ascii_case(text.as_bytes())
            };
            same.then_some(text.len())
        }
        PathMatch::Regex(_) | PathMatch::UriTemplate { .. } | PathMatch::Connect => {
            Some(without_query(path).len())
        }
    }
}

/// Writes the host that is sent on, and says whether there is another than the request's. The request's
/// path is the one before [`rewrite_path`]. `endpoint_hostname` is empty where the endpoint has none. `fill`
/// prints a dash for a value that is absent.
pub fn rewrite_host(
    rewrite: &HostRewrite,
    request: &impl RouteRequest,
    endpoint_hostname: &str,
    fill: Fill<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let before = out.len();
    match rewrite {
        HostRewrite::Literal(host) => out.extend_from_slice(host.as_bytes()),
        HostRewrite::Auto => out.extend_from_slice(endpoint_hostname.as_bytes()),
        HostRewrite::Header(name) => {
            let mut first = true;
            request::visit(request, name.as_str(), &mut |value| {
                if std::mem::take(&mut first) {
                    out.extend_from_slice(value);
                }
            });
        }
        HostRewrite::PathRegex { regex, substitution } => {
            out.extend_from_slice(&regex.replace_all(without_query(request.path()), substitution));
        }
        HostRewrite::Template(template) => fill(template, out),
    }
    out.len() > before
}

#[cfg(test)]
mod tests {
    use causeway_model::{HeaderName, Regex};

    use super::*;
    use crate::request::tests::TestRequest;

    fn matcher(path: PathMatch) -> RouteMatch {
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

    /// Fills in templates that are nothing but text.
    fn literally(template: &Template, out: &mut Vec<u8>) {
        out.extend_from_slice(template.as_literal().unwrap().as_bytes());
    }

    fn rewritten(matcher: &RouteMatch, rewrite: &PathRewrite, path: &str) -> Option<String> {
        let mut out = Vec::new();
        let changed = rewrite_path(matcher, rewrite, path.as_bytes(), &literally, &mut out);
        changed.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_prefix_is_replaced_as_characters() {
        for (prefix, rewrite, path, expected) in [
            ("/one/", "/", "/one/a?q=1", "/a?q=1"),
            ("/one", "/", "/one", "/"),
            ("/one", "/", "/oneb", "/b"),
            ("/one", "/", "/one/b", "//b"),
            ("/two", "/x/y", "/twoz", "/x/yz"),
            ("/three/", "/t", "/three/a", "/ta"),
            ("/four", "/f?z=1", "/four?y=2", "/f?z=1?y=2"),
        ] {
            let rewrite = PathRewrite::Prefix(rewrite.into());
            let matcher = matcher(PathMatch::Prefix(prefix.into()));
            assert_eq!(rewritten(&matcher, &rewrite, path).unwrap(), expected);
        }
    }

    #[test]
    fn what_a_prefix_rewrite_replaces_depends_on_the_match() {
        let rewrite = PathRewrite::Prefix("/new".into());
        let any_case = RouteMatch { case_sensitive: false, ..matcher(PathMatch::Prefix("/Ci".into())) };
        assert_eq!(rewritten(&any_case, &rewrite, "/cI/x").unwrap(), "/new/x");
        let exact = matcher(PathMatch::Path("/exact".into()));
        assert_eq!(rewritten(&exact, &rewrite, "/exact?q").unwrap(), "/new?q");
        assert_eq!(rewritten(&exact, &rewrite, "/exact;a=b").unwrap(), "/new;a=b");
        let separated = matcher(PathMatch::PathSeparatedPrefix("/sep/x".into()));
        assert_eq!(rewritten(&separated, &rewrite, "/sep/x/a").unwrap(), "/new/a");
        assert_eq!(rewritten(&separated, &rewrite, "/sep;1/x/a"), None);
        let regex = matcher(PathMatch::Regex(Regex::new("/re/.*").unwrap()));
        assert_eq!(rewritten(&regex, &rewrite, "/re/abc?q").unwrap(), "/new?q");
    }

    #[test]
    fn a_regex_replaces_in_the_path_alone() {
        let prefix = matcher(PathMatch::Prefix("/".into()));
        let rewrite = |regex: &str, substitution: &str| PathRewrite::Regex {
            regex: Regex::new(regex).unwrap(),
            substitution: substitution.into(),
        };
        let groups = rewrite("/rx1/([a-z]+)", r"/\1/\0");
        assert_eq!(rewritten(&prefix, &groups, "/rx1/ab/c?q=/rx1/d").unwrap(), "/ab//rx1/ab/c?q=/rx1/d");
        assert_eq!(rewritten(&prefix, &rewrite("zzz", "f"), "/rx2/a?q").unwrap(), "/rx2/a?q");
        assert_eq!(rewritten(&prefix, &rewrite("x", ""), "/rx3/axb").unwrap(), "/r3/ab");
        assert_eq!(rewritten(&prefix, &rewrite("^/e", ""), "/e/x").unwrap(), "/x");
        assert_eq!(rewritten(&prefix, &rewrite("^/e", ""), "/e?x"), None);
    }

    #[test]
    fn a_template_puts_variables_elsewhere() {
        let matched = matcher(PathMatch::UriTemplate {
            template: "/api/{ver}/users/{id}".into(),
            regex: Regex::new("/api/(?P<ver>[^/]+)/users/(?P<id>[^/]+)").unwrap(),
            variables: vec!["ver".into(), "id".into()],
        });
        let rewrite = PathRewrite::UriTemplate(vec![
            UriTemplateSegment::Literal("/u/".into()),
            UriTemplateSegment::Variable(1),
            UriTemplateSegment::Literal("/".into()),
            UriTemplateSegment::Variable(0),
        ]);
        assert_eq!(rewritten(&matched, &rewrite, "/api/v1/users/7?x=1").unwrap(), "/u/7/v1?x=1");
        assert_eq!(rewritten(&matcher(PathMatch::Prefix("/".into())), &rewrite, "/api"), None);
    }

    #[test]
    fn a_path_that_is_filled_in_keeps_the_query_unless_it_comes_out_empty() {
        let prefix = matcher(PathMatch::Prefix("/".into()));
        let filled = |text: &str| PathRewrite::Template(Template::literal(text));
        assert_eq!(rewritten(&prefix, &filled("/new"), "/a?q=1").unwrap(), "/new?q=1");
        assert_eq!(rewritten(&prefix, &filled("/n?x"), "/a?q=1").unwrap(), "/n?x?q=1");
        assert_eq!(rewritten(&prefix, &filled(""), "/a?q=1"), None);
    }

    #[test]
    fn hosts_come_from_where_the_route_says() {
        let request =
            TestRequest::get("lab.test", "/hp/www/x?q").with("x-host", "one.test").with("x-host", "two.test");
        let host = |rewrite: HostRewrite, endpoint: &str| {
            let mut out = Vec::new();
            rewrite_host(&rewrite, &request, endpoint, &literally, &mut out)
                .then(|| String::from_utf8(out).unwrap())
        };
        let header = |name: &str| HostRewrite::Header(HeaderName::new(name).unwrap());
        let regex = |text: &str| HostRewrite::PathRegex {
            regex: Regex::new(text).unwrap(),
            substitution: r"\1.test".into(),
        };
        assert_eq!(host(HostRewrite::Literal("lit.test".into()), "").unwrap(), "lit.test");
        assert_eq!(host(HostRewrite::Auto, "named.test").unwrap(), "named.test");
        assert_eq!(host(HostRewrite::Auto, ""), None);
        assert_eq!(host(header("x-host"), "").unwrap(), "one.test");
        assert_eq!(host(header("x-none"), ""), None);
        assert_eq!(host(regex("^/hp/([^/]+).*"), "").unwrap(), "www.test");
        assert_eq!(host(regex("nomatch"), "").unwrap(), "/hp/www/x");
        assert_eq!(host(HostRewrite::Template(Template::literal("t.test")), "").unwrap(), "t.test");
    }
}
