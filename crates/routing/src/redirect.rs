//! Where a redirect leads.

use causeway_model::{PathRedirect, PathRewrite, Redirect, RouteMatch};

use crate::path::without_query;
use crate::request::RouteRequest;
use crate::rewrite::rewrite_path;

/// Writes the `location` of a route's redirect, byte for byte as Envoy makes it. `matcher` is that of the
/// same route.
pub fn redirect_location(
    redirect: &Redirect,
    matcher: &RouteMatch,
    request: &impl RouteRequest,
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
            // A query in the file stands in the place of the request's, and is never stripped.
            keeps_query = text.contains('?');
            if !keeps_query && let Some(at) = memchr::memchr(b'?', path) {
                out.extend_from_slice(path.get(at..).unwrap_or_default());
            }
        }
        Some(PathRedirect::Prefix(prefix)) => {
            if !rewrite_path(matcher, &PathRewrite::Prefix(prefix.clone()), path, out) {
                out.extend_from_slice(path);
            }
        }
        Some(PathRedirect::Regex { regex, substitution }) => {
            let bare = without_query(path);
            out.extend_from_slice(&regex.replace_all(bare, substitution));
            out.extend_from_slice(path.get(bare.len()..).unwrap_or_default());
        }
        None => out.extend_from_slice(path),
    }
    if redirect.strip_query && !keeps_query {
        let query = out.get(start..).and_then(|path| memchr::memchr(b'?', path));
        out.truncate(query.map_or(out.len(), |at| start + at));
    }
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
    use causeway_model::{PathMatch, Regex};

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
        };
        let mut out = b"kept ".to_vec();
        redirect_location(redirect, &matcher, request, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("kept ").unwrap().to_owned()
    }

    #[test]
    fn paths_change_as_in_envoy() {
        let path = |path| Redirect { path: Some(path), ..redirect() };
        let prefix = |text: &str| path(PathRedirect::Prefix(text.into()));
        let whole = |text: &str| path(PathRedirect::Path(text.into()));
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
