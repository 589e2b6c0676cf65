//! Paths: what the rules made of a path is what they make of the result, so that nothing gets by them by
//! being written twice over.

use causeway_http::path::{EscapedSlashes, PathOutcome, PathRules, apply};

use crate::Choices;

/// A path with its query, under some rules.
pub fn path(data: &[u8]) {
    let Some((choices, rest)) = Choices::split(data) else { return };
    // Only paths come here: other targets have been told apart before.
    let path: Vec<u8> = std::iter::once(b'/').chain(rest.iter().copied()).collect();
    let rules = PathRules {
        normalize: choices.on(0),
        merge_slashes: choices.on(1),
        escaped_slashes: match (choices.on(2), choices.on(3)) {
            (false, false) => EscapedSlashes::Keep,
            (false, true) => EscapedSlashes::Reject,
            (true, false) => EscapedSlashes::Redirect,
            (true, true) => EscapedSlashes::Unescape,
        },
    };
    let result = match apply(&path, rules) {
        PathOutcome::Unchanged => path.clone(),
        PathOutcome::Changed(changed) => {
            assert_ne!(changed, path);
            changed
        }
        PathOutcome::Redirect(to) => {
            assert_eq!(rules.escaped_slashes, EscapedSlashes::Redirect);
            assert_ne!(to, path, "a redirect to itself");
            to
        }
        PathOutcome::Rejected(_) => return,
    };
    assert_eq!(
        apply(&result, rules),
        PathOutcome::Unchanged,
        "not the same twice: {} became {}",
        path.escape_ascii(),
        result.escape_ascii()
    );
    holds(&path, &result, rules);
}

fn holds(path: &[u8], result: &[u8], rules: PathRules) {
    let (before, query_before) = cut(path);
    let (after, query_after) = cut(result);
    assert_eq!(query_before, query_after, "the query is nobody's business");
    assert_eq!(after.first(), Some(&b'/'));
    assert!(!result.contains(&b'#'));
    if rules.normalize {
        assert!(!after.iter().any(|byte| b"\\\"<>^`{|} ".contains(byte) || !byte.is_ascii_graphic()));
        for segment in after.split(|byte| *byte == b'/') {
            let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
            assert!(!matches!(name, b"." | b".."), "{}", result.escape_ascii());
        }
        // Whoever unescapes dots, letters and the like must find nothing new.
        for escape in after.windows(3).filter(|w| w[0] == b'%') {
            let digits = std::str::from_utf8(&escape[1..]).ok();
            let byte = digits
                .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            if let Some(byte) = byte {
                let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
                assert!(byte != 0 && !unreserved, "{}", result.escape_ascii());
            }
        }
    }
    if rules.merge_slashes {
        assert!(after == b"//" || !after.windows(2).any(|pair| pair == b"//"));
    }
    if rules.escaped_slashes != EscapedSlashes::Keep {
        let lower = after.to_ascii_lowercase();
        assert!(!lower.windows(3).any(|w| matches!(w, b"%2f" | b"%5c")), "{}", result.escape_ascii());
    }
    if !rules.normalize && !rules.merge_slashes && rules.escaped_slashes == EscapedSlashes::Keep {
        assert_eq!(before, after);
    }
}

fn cut(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
    path.split_at(at)
}
