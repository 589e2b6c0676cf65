//! Where a redirect leads.

use causeway_model::{PathRedirect, Redirect, RouteMatch};

use crate::path::without_query;
use crate::request::RouteRequest;
use crate::rewrite::{Fill, matched_len};

/// Writes the `location` of a route's redirect, byte for byte as Envoy makes it. `matcher` is that of the
/// same route; `fill` prints nothing for a value that is absent.
pub fn redirect_location(
    redirect: &Redirect,
    matcher: &RouteMatch,
    request: &impl RouteRequest,
    fill: Fill<'_>,
    out: &mut Vec<u8>,
) {
    let scheme = redirect.scheme.as_deref().map_or(request.scheme(), str::as_bytes);
    let port = redirect.port;
    let host = match &redirect.host {
        Some(host) => host.as_bytes(),
        None => request_host(request, scheme, port.is_some()),
    };
    origin(scheme, host, out);
    if let Some(port) = port {
        out.push(b':');
        out.extend_from_slice(port.to_string().as_bytes());
    }
    let start = out.len();
    let path = request.path();
    let mut keeps_query = false;
    match &redirect.path {
        Some(PathRedirect::Path(text)) => {
            out.extend_from_slice(text.as_bytes());
            keeps_query = end_path(path, start, out);
        }
        Some(PathRedirect::Template(template)) => {
            fill(template, out);
            if out.len() == start {
                out.extend_from_slice(path);
            } else {
                keeps_query = end_path(path, start, out);
            }
        }
        Some(PathRedirect::Prefix(_) | PathRedirect::Regex { .. }) => {
            if !redirect_path(redirect, matcher, path, out) {
                out.extend_from_slice(path);
            }
        }
        None => out.extend_from_slice(path),
    }
    if out.get(start).is_some_and(|first| *first != b'/') {
        out.insert(start, b'/');
    }
    if redirect.strip_query && !keeps_query {
        let query = out.get(start..).and_then(|path| memchr::memchr(b'?', path));
        out.truncate(query.map_or(out.len(), |at| start + at));
    }
}

/// Writes the path that a redirect makes of the request's own by `prefix_rewrite` or `regex_rewrite`, and says
/// whether it makes one. Envoy takes it for the request's path from then on.
pub fn redirect_path(redirect: &Redirect, matcher: &RouteMatch, path: &[u8], out: &mut Vec<u8>) -> bool {
    match &redirect.path {
        Some(PathRedirect::Prefix(prefix)) => {
            let Some(matched) = matched_len(matcher, path) else { return false };
            out.extend_from_slice(prefix.as_bytes());
            out.extend_from_slice(path.get(matched..).unwrap_or_default());
            true
        }
        Some(PathRedirect::Regex { regex, substitution }) => {
            let bare = without_query(path);
            let replaced = regex.replace_all(bare, substitution);
            if replaced.is_empty() {
                return false;
            }
            out.extend_from_slice(&replaced);
            out.extend_from_slice(path.get(bare.len()..).unwrap_or_default());
            true
        }
        Some(PathRedirect::Path(_) | PathRedirect::Template(_)) | None => false,
    }
}

/// Ends a path that takes the place of the request's, and begins at `start`: with the request's query, unless
/// it has one of its own, which is never stripped then; says whether it has.
fn end_path(path: &[u8], start: usize, out: &mut Vec<u8>) -> bool {
    let own = out.get(start..).is_some_and(|text| memchr::memchr(b'?', text).is_some());
    if !own && let Some(at) = memchr::memchr(b'?', path) {
        out.extend_from_slice(path.get(at..).unwrap_or_default());
    }
    own
}

/// Writes the `location` for `require_tls`: the same by https.
pub fn tls_redirect_location(request: &impl RouteRequest, out: &mut Vec<u8>) {
    origin(b"https", request.authority(), out);
    out.extend_from_slice(request.path());
}

/// Writes the `location` that Envoy adds to a `direct_response` of status 201 or 3xx: that of the request
/// itself.
pub fn own_location(request: &impl RouteRequest, out: &mut Vec<u8>) {
    origin(request.scheme(), request_host(request, request.scheme(), false), out);
    out.extend_from_slice(request.path());
}

fn origin(scheme: &[u8], host: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(scheme);
    out.extend_from_slice(b"://");
    out.extend_from_slice(host);
}

/// The request's authority, without its port where another takes its place, and without the default port
/// of a scheme that is left.
fn request_host<'r>(request: &'r impl RouteRequest, scheme: &[u8], other_port: bool) -> &'r [u8] {
    let authority = request.authority();
    let colon = match authority.first() {
        Some(b'[') => memchr::memrchr(b']', authority)
            .map(|bracket| bracket + 1)
            .filter(|colon| authority.get(*colon) == Some(&b':')),
        _ => memchr::memrchr(b':', authority),
    };
    let Some((host, port)) = colon.and_then(|colon| authority.split_at_checked(colon)) else {
        return authority;
    };
    let from = request.forwarded_proto();
    let default_port =
        scheme != from && ((from == b"https" && port == b":443") || (from == b"http" && port == b":80"));
    if other_port || default_port { host } else { authority }
}

#[cfg(test)]
mod tests {
    use causeway_model::{PathMatch, Regex, Template};

    use super::*;
    use crate::request::tests::TestRequest;

    fn redirect() -> Redirect {
        Redirect { status: 301, scheme: None, host: None, port: None, path: None, strip_query: false }
    }

    fn location(redirect: &Redirect, path: PathMatch, request: &TestRequest) -> String {
        let matcher = RouteMatch {
            path,
            case_sensitive: false,
            headers: Vec::new(),
            query_parameters: Vec::new(),
            runtime_fraction: None,
            grpc: false,
            more: None,
        };
        let mut out = b"kept ".to_vec();
        redirect_location(
            redirect,
            &matcher,
            request,
            &|template, out| out.extend_from_slice(template.as_literal().unwrap().as_bytes()),
            &mut out,
        );
        String::from_utf8(out).unwrap().strip_prefix("kept ").unwrap().to_owned()
    }

    #[test]
    fn paths_change_as_in_envoy() {
        let path = |path| Redirect { path: Some(path), ..redirect() };
        let prefix = |text: &str| path(PathRedirect::Prefix(text.into()));
        let whole = |text: &str| path(PathRedirect::Path(text.into()));
        let filled = |text: &str| path(PathRedirect::Template(Template::literal(text)));
        let regex = |regex: &str, substitution: &str| {
            path(PathRedirect::Regex { regex: Regex::new(regex).unwrap(), substitution: substitution.into() })
        };
        let strip = |redirect| Redirect { strip_query: true, ..redirect };
        for (redirect, matched, request, expected) in [
            (prefix("/new"), "/pp", "/pp/a?q=1", "/new/a?q=1"),
            (prefix("/new"), "/pp", "/ppx", "/newx"),
            (prefix("/new"), "/Ci", "/cI/a", "/new/a"),
            (regex("^/re/(.*)$", r"/x/\1"), "/re", "/re/a/b?q", "/x/a/b?q"),
            (regex("^/re/(.*)$", r"/x/\1"), "/re", "/ree", "/ree"),
            (regex("e", "f"), "/ee", "/ee?e=e", "/ff?e=e"),
            (whole("/a"), "/pr", "/pr/x?q=1", "/a?q=1"),
            (whole("/a?k=1"), "/pr", "/pr/x?q=1", "/a?k=1"),
            (strip(whole("/a")), "/pr", "/pr?q=1", "/a"),
            (strip(whole("/a?k=1")), "/pr", "/pr?q=1", "/a?k=1"),
            (whole("/a#frag"), "/pr", "/pr?q=1", "/a#frag?q=1"),
            (strip(redirect()), "/sq", "/sq/a?q=1", "/sq/a"),
            (strip(prefix("/n")), "/sp", "/sp/x?q", "/n/x"),
            (whole("bare"), "/b", "/b?q=1", "/bare?q=1"),
            (prefix("bare"), "/b", "/b/x?q", "/bare/x?q"),
            (regex("/b/(.*)", r"\1"), "/b", "/b/x?q", "/x?q"),
            (regex(".*", ""), "/b", "/b/x?q", "/b/x?q"),
            (filled("/f"), "/b", "/b?q=1", "/f?q=1"),
            (filled("/f?k"), "/b", "/b?q=1", "/f?k"),
            (strip(filled("/f?k")), "/b", "/b?q=1", "/f?k"),
            (strip(filled("")), "/b", "/b?q=1", "/b"),
        ] {
            let request = TestRequest::get("lab.test", request);
            let location = location(&redirect, PathMatch::Prefix(matched.into()), &request);
            assert_eq!(location, format!("http://lab.test{expected}"), "{redirect:?}");
        }
    }

    #[test]
    fn hosts_and_ports_change_as_in_envoy() {
        let https = Redirect { scheme: Some("https".into()), ..redirect() };
        let ftp = Redirect { scheme: Some("ftp".into()), ..redirect() };
        let port = Redirect { port: Some(8443), ..redirect() };
        let both = Redirect { host: Some("x.test:99".into()), port: Some(8443), ..redirect() };
        for (redirect, proto, host, expected) in [
            (&https, "http", "lab.test:80", "https://lab.test"),
            (&https, "http", "lab.test:443", "https://lab.test:443"),
            (&https, "https", "lab.test:80", "https://lab.test:80"),
            (&https, "https", "lab.test:443", "https://lab.test:443"),
            (&https, "http", "lab.test:8080", "https://lab.test:8080"),
            (&ftp, "https", "lab.test:443", "ftp://lab.test"),
            (&ftp, "http", "lab.test:443", "ftp://lab.test:443"),
            (&port, "http", "lab.test:80", "http://lab.test:8443"),
            (&port, "https", "lab.test:8080", "https://lab.test:8443"),
            (&both, "http", "lab.test", "http://x.test:99:8443"),
            (&https, "http", "[::1]:80", "https://[::1]"),
            (&port, "http", "[::1]", "http://[::1]:8443"),
            (&redirect(), "http", "[::1]:80", "http://[::1]:80"),
        ] {
            let request = TestRequest { scheme: proto, ..TestRequest::get(host, "/p") };
            let request = request.with("x-forwarded-proto", proto);
            let location = location(redirect, PathMatch::Prefix("/".into()), &request);
            assert_eq!(location, format!("{expected}/p"), "{redirect:?} {host}");
        }
    }

    #[test]
    fn the_request_s_own_place_keeps_its_port() {
        let request = TestRequest::get("all.test:8080", "/p?q=1");
        let (mut tls, mut own) = (Vec::new(), Vec::new());
        tls_redirect_location(&request, &mut tls);
        own_location(&request, &mut own);
        assert_eq!(tls, b"https://all.test:8080/p?q=1");
        assert_eq!(own, b"http://all.test:8080/p?q=1");
    }
}
