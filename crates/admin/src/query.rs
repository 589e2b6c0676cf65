//! Query strings, and the paths in front of them.

/// The parameters of a request, decoded, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands behind `?`. A `+` is a plus: these are regular expressions, not forms.
    pub(crate) fn parse(text: &str) -> Self {
        Self::split(text, decode)
    }

    /// Reads the body of a form (`application/x-www-form-urlencoded`), where `+` is a blank.
    pub(crate) fn parse_form(text: &str) -> Self {
        Self::split(text, |text| decode(&text.replace('+', " ")))
    }

    fn split(text: &str, decode: impl Fn(&str) -> String) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// The value of a parameter; `None` where it is absent or empty, which an empty field of a form is.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// Whether a parameter is there, whatever its value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Adds a parameter in front of all others.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.0.insert(0, (name.to_owned(), value.to_owned()));
    }

    /// All parameters.
    pub(crate) fn all(&self) -> &[(String, String)] {
        &self.0
    }
}

/// Decodes `%2e`. What is no UTF-8 behind it is replaced, what is no escape stays.
pub(crate) fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The path that a request means, as Envoy normalises it: escapes decoded, slashes merged. Dots stay;
/// no endpoint has any.
pub(crate) fn normalize_path(path: &str) -> String {
    let decoded = decode(path);
    let mut normal = String::with_capacity(decoded.len());
    for c in decoded.chars() {
        if c != '/' || !normal.ends_with('/') {
            normal.push(c);
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_by_name() {
        let query = Query::parse("usedonly&filter=a%2e+b&filter=second&empty=&&%66ormat=json");
        assert!(query.has("usedonly") && query.has("empty") && !query.has("nope"));
        assert_eq!(query.value("filter"), Some("a.+b"));
        assert_eq!(query.value("format"), Some("json"));
        assert_eq!((query.value("usedonly"), query.value("empty")), (None, None));
        assert_eq!(query.all().len(), 5);
        assert_eq!(Query::parse_form("text=a+%2B+b").value("text"), Some("a + b"));
    }

    #[test]
    fn escapes_are_decoded_where_they_are_some() {
        for (text, decoded) in [
            ("a%2", "a%2"),
            ("%zz", "%zz"),
            ("%ed%95%9c", "한"),
            ("%ff", "\u{fffd}"),
            ("%", "%"),
            ("한", "한"),
        ] {
            assert_eq!(decode(text), decoded);
        }
    }

    #[test]
    fn whatever_comes_has_one_meaning() {
        let pieces = [
            "%",
            "%2",
            "%2f",
            "%2F",
            "%25",
            "%zz",
            "%ff",
            "%00",
            "/",
            "?",
            "&",
            "=",
            "+",
            "a",
            "한",
            "%ed%95%9c",
        ];
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..state >> 33 & 15 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[usize::try_from(state >> 60).unwrap()]);
            }
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15).rotate_left(7);
            // Escaped as a whole it comes back as it was, whatever it holds.
            let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(decode(&escaped), text);
            let query = Query::parse(&format!("{escaped}={escaped}&{text}"));
            assert_eq!(query.all()[0], (text.clone(), text.clone()));
            assert!(query.all().len() <= 2 + text.matches('&').count());
            assert!(!normalize_path(&text).contains("//"), "{text}");
        }
    }

    #[test]
    fn paths_are_normal() {
        for (path, normal) in
            [("//ready", "/ready"), ("/re%61dy", "/ready"), ("/a//%2Fb/", "/a/b/"), ("/", "/"), ("", "")]
        {
            assert_eq!(normalize_path(path), normal);
        }
    }
}
