//! Names in certificates, and what is expected of them (`SubjectAltNameMatcher`).

use causeway_model::{SanKind, SanMatcher, StringMatch};

use crate::certificate::AlternativeName;

/// Whether one of the names fits one of the matchers.
pub(super) fn matches(matchers: &[SanMatcher], names: &[AlternativeName]) -> bool {
    names.iter().any(|name| matchers.iter().any(|matcher| fits(matcher, name)))
}

/// Whether one of the names is the expected one: a name of a server, with wildcards, or an address.
pub(super) fn is_for(expected: &str, names: &[AlternativeName]) -> bool {
    names.iter().any(|name| match name {
        AlternativeName::Dns(name) => dns_name_matches(expected, name),
        AlternativeName::Uri(name) | AlternativeName::Email(name) | AlternativeName::Other(_, name) => {
            name == expected
        }
        AlternativeName::Ip(address) => address.to_string() == expected,
    })
}

/// The names as Envoy's error has them.
pub(super) fn list(names: &[AlternativeName]) -> String {
    let texts: Vec<_> = names.iter().map(text).collect();
    texts.join(", ")
}

fn text(name: &AlternativeName) -> String {
    match name {
        AlternativeName::Dns(name)
        | AlternativeName::Uri(name)
        | AlternativeName::Email(name)
        | AlternativeName::Other(_, name) => name.clone(),
        AlternativeName::Ip(address) => address.to_string(),
    }
}

fn fits(matcher: &SanMatcher, name: &AlternativeName) -> bool {
    let text = match (&matcher.kind, name) {
        (SanKind::Dns, AlternativeName::Dns(name)) => {
            if let StringMatch::Exact(expected) = &matcher.matcher.pattern {
                return dns_name_matches(expected, name);
            }
            name
        }
        (SanKind::Uri, AlternativeName::Uri(name)) | (SanKind::Email, AlternativeName::Email(name)) => name,
        (SanKind::IpAddress, AlternativeName::Ip(address)) => &address.to_string(),
        (SanKind::OtherName(oid), AlternativeName::Other(kind, name)) if **oid == *kind => name,
        _ => return false,
    };
    matcher.matcher.matches(text.as_bytes())
}

/// Whether a name is the one in a certificate, in whatever case. In the certificate one `*` in the first label may
/// stand for any part of that label, unless the label is an internationalised one (RFC 6125 §6.4.3).
#[must_use]
pub fn dns_name_matches(name: &str, pattern: &str) -> bool {
    if name.eq_ignore_ascii_case(pattern) {
        return true;
    }
    let (Some((label, rest)), Some((pattern, pattern_rest))) =
        (name.split_once('.'), pattern.split_once('.'))
    else {
        return false;
    };
    let international = pattern.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"));
    let Some((before, after)) = pattern.split_once('*') else { return false };
    !international
        && !pattern_rest.contains('*')
        && !after.contains('*')
        && rest.eq_ignore_ascii_case(pattern_rest)
        && (pattern == "*" || label.len() + 1 >= pattern.len())
        && begins(label.as_bytes(), before.as_bytes())
        && ends(label.as_bytes(), after.as_bytes())
}

fn begins(label: &[u8], part: &[u8]) -> bool {
    label.get(..part.len()).is_some_and(|head| head.eq_ignore_ascii_case(part))
}

fn ends(label: &[u8], part: &[u8]) -> bool {
    label
        .len()
        .checked_sub(part.len())
        .and_then(|at| label.get(at..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use causeway_model::{Regex, StringMatcher};
    use proptest::prelude::*;

    use super::*;

    /// Envoy's own cases of `Utility::dnsNameMatch`.
    #[test]
    fn wildcards_stand_for_one_label_or_a_part_of_it() {
        for (name, pattern, fits) in [
            ("lyft.com", "lyft.com", true),
            ("a.lyft.com", "*.lyft.com", true),
            ("a.LYFT.com", "*.lyft.COM", true),
            ("lyft.com", "*yft.com", true),
            ("LYFT.com", "*yft.com", true),
            ("lyft.com", "lyft*.com", true),
            ("lyft.com", "lYF*.com", true),
            ("foo.lyft.com", "f*o.lyft.com", true),
            ("lyft.com", "lyft.c*", false),
            ("lyft.com", "*.com", true),
            ("a.b.lyft.com", "*.lyft.com", false),
            ("foo.test.com", "*.lyft.com", false),
            ("lyft.com", "*.lyft.com", false),
            ("alyft.com", "*.lyft.com", false),
            ("", "*lyft.com", false),
            ("lyft.com", "", false),
            ("xn--lyft.com", "xn--*.com", false),
            ("xn--lyft.com", "xn*.com", true),
            ("fo.lyft.com", "f*f*o.lyft.com", false),
            ("aa.b.c", "a*a*.b.c", false),
            ("a.b.c", "a*a.b.c", false),
            ("localhost", "*", false),
        ] {
            assert_eq!(dns_name_matches(name, pattern), fits, "{name} {pattern}");
        }
    }

    #[test]
    fn matchers_look_at_names_of_their_kind() {
        let names = [
            AlternativeName::Dns("*.lab.test".into()),
            AlternativeName::Uri("spiffe://lab/x".into()),
            AlternativeName::Ip([127, 0, 0, 1].into()),
            AlternativeName::Other("1.2.3".into(), "user".into()),
        ];
        let has = |kind, pattern| {
            matches(&[SanMatcher { kind, matcher: StringMatcher::new(pattern, false) }], &names)
        };
        let exact = |text: &str| StringMatch::Exact(text.into());
        assert!(has(SanKind::Dns, exact("a.lab.test")));
        assert!(!has(SanKind::Uri, exact("a.lab.test")));
        assert!(!has(SanKind::Dns, StringMatch::Suffix("a.lab.test".into())));
        assert!(has(SanKind::Dns, StringMatch::Suffix(".lab.test".into())));
        assert!(has(SanKind::Uri, StringMatch::Prefix("spiffe://lab/".into())));
        assert!(has(SanKind::Uri, StringMatch::Regex(Regex::new("spiffe://.*").unwrap())));
        assert!(has(SanKind::IpAddress, exact("127.0.0.1")));
        assert!(has(SanKind::OtherName("1.2.3".into()), exact("user")));
        assert!(!has(SanKind::OtherName("1.2.4".into()), exact("user")));
        assert!(is_for("b.lab.test", &names) && is_for("127.0.0.1", &names) && !is_for("lab.test", &names));
    }

    proptest! {
        #[test]
        fn a_name_without_wildcards_fits_itself_and_nothing_longer(name in "[a-z]{1,5}(\\.[a-z]{1,5}){0,3}") {
            prop_assert!(dns_name_matches(&name.to_ascii_uppercase(), &name));
            let longer = format!("x.{name}");
            prop_assert!(!dns_name_matches(&longer, &name));
            let wild = format!("*.{name}");
            prop_assert_eq!(dns_name_matches(&longer, &wild), name.contains('.') || !name.is_empty());
            let deeper = format!("y.{longer}");
            prop_assert!(!dns_name_matches(&deeper, &wild));
        }

        #[test]
        fn nothing_panics(name in ".{0,40}", pattern in ".{0,40}") {
            let _ = dns_name_matches(&name, &pattern);
        }
    }
}
