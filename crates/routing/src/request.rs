//! What a look-up has to know of a request.

/// A client's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Certificate {
    /// It was shown.
    pub presented: bool,
    /// It was found to be good.
    pub validated: bool,
}

/// A request, as routing sees it. Names of headers are in lower case.
pub trait RouteRequest {
    /// `Host` or `:authority`; empty where the request has none.
    fn authority(&self) -> &[u8];

    /// Path and query; empty where the request has none, as CONNECT.
    fn path(&self) -> &[u8];

    /// The method; case matters.
    fn method(&self) -> &[u8];

    /// `:scheme`: `http` or `https`, in lower case. Where the request itself names none, as in HTTP/1, it is
    /// what `x-forwarded-proto` says.
    fn scheme(&self) -> &[u8];

    /// Whether the connection manager takes the request for an internal one (`x-envoy-internal: true`).
    fn is_internal(&self) -> bool;

    /// What is known of the client's certificate; nothing where the connection is not TLS.
    fn certificate(&self) -> Certificate {
        Certificate::default()
    }

    /// An object in the filter state of the client's connection, as a text.
    fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
        let _ = key;
        None
    }

    /// A random number that stays the same over the life of the request.
    fn random(&self) -> u64;

    /// Shows each value of a header field, in their order. Never asked for pseudo names or `host`.
    fn visit_header(&self, name: &str, visit: &mut dyn FnMut(&[u8]));

    /// `x-forwarded-proto` as it will be sent on; empty where there is none. Envoy decides by it, rather
    /// than by the scheme, whether a request came over TLS.
    fn forwarded_proto(&self) -> &[u8];
}

/// Shows each value of what a matcher names: a header field, or a part of the request line under its
/// pseudo name. `host` is `:authority` under its old name, as in Envoy.
pub fn visit_field(request: &impl RouteRequest, name: &str, then: &mut dyn FnMut(&[u8])) {
    visit(request, name, then);
}

/// The same, within.
pub(crate) fn visit(request: &impl RouteRequest, name: &str, then: &mut dyn FnMut(&[u8])) {
    let part = match name {
        ":authority" | "host" => request.authority(),
        ":path" => request.path(),
        ":method" => request.method(),
        ":scheme" => request.scheme(),
        _ => return request.visit_header(name, then),
    };
    // An empty part is an absent one; `Host:` without a value is the one that can be empty.
    if !part.is_empty() || name == "host" || name == ":authority" {
        then(part);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request for tests.
    #[derive(Debug, Clone)]
    pub(crate) struct TestRequest {
        pub(crate) authority: &'static str,
        pub(crate) path: String,
        pub(crate) method: &'static str,
        pub(crate) scheme: &'static str,
        pub(crate) internal: bool,
        pub(crate) random: u64,
        pub(crate) headers: Vec<(&'static str, &'static str)>,
    }

    impl TestRequest {
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

        pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
            self.headers.push((name, value));
            self
        }
    }

    impl RouteRequest for TestRequest {
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

        fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
            (key == "k").then(|| b"v".to_vec())
        }

        fn random(&self) -> u64 {
            self.random
        }

        fn forwarded_proto(&self) -> &[u8] {
            let header = self.headers.iter().find(|(name, _)| *name == "x-forwarded-proto");
            header.map_or(&[], |(_, value)| value.as_bytes())
        }

        fn visit_header(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
            for (_, value) in self.headers.iter().filter(|(known, _)| *known == name) {
                visit(value.as_bytes());
            }
        }
    }

    #[test]
    fn parts_of_the_request_line_go_by_their_pseudo_names() {
        let request = TestRequest::get("a.test", "/p?q").with("x", "1").with("x", "2");
        let values = |name| {
            let mut values = Vec::new();
            visit(&request, name, &mut |value| values.push(String::from_utf8(value.to_vec()).unwrap()));
            values
        };
        assert_eq!(values("host"), ["a.test"]);
        assert_eq!(values(":path"), ["/p?q"]);
        assert_eq!(values(":protocol"), [""; 0]);
        assert_eq!(values("x"), ["1", "2"]);
    }
}
