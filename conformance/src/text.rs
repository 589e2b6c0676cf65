//! YAML as text: taking pieces apart and putting them together.

/// Removes the indentation that all lines share, so that a piece of YAML can stand in a Rust string
/// as deep as the code around it. Such a piece begins with a new line; any other is left as it is.
#[must_use]
pub fn yaml(text: &str) -> String {
    let Some(text) = text.strip_prefix('\n') else { return text.trim_end().to_owned() };
    let filled = text.lines().filter(|line| !line.trim().is_empty());
    let shared = filled.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let lines: Vec<&str> =
        text.lines().map(|line| line.get(shared..).unwrap_or_default().trim_end()).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Puts text under a line, so many columns deeper.
pub(crate) fn indent(text: &str, columns: usize) -> String {
    let pad = " ".repeat(columns);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{pad}{line}\n") };
    text.lines().map(line).collect()
}

/// Whether a mapping has this key at its first level.
pub(crate) fn has_key(mapping: &str, key: &str) -> bool {
    mapping.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
}

/// Replaces each `{{name}}` by its value.
///
/// # Panics
/// If a name is unknown: a case with a mistake must not look like a difference.
pub(crate) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or_else(|| panic!("{{{{ without }}}} in {text:?}"));
        out.push_str(before);
        out.push_str(&value(name.trim()).unwrap_or_else(|| panic!("nothing is named {{{{{name}}}}}")));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The way to a leaf of the observations, as [`crate::Case::differs`] takes it.
#[must_use]
pub(crate) fn path_of(keys: &[&str]) -> String {
    keys.join(" > ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lose_the_indentation_of_the_code() {
        assert_eq!(
            yaml("\n      - a: 1\n        b: 2\n\n          c: 3\n    "),
            "- a: 1\n  b: 2\n\n    c: 3"
        );
        assert_eq!(yaml("- a: 1\n  b: 2"), "- a: 1\n  b: 2");
        assert_eq!(indent("a:\n  b", 2), "  a:\n    b\n");
    }

    #[test]
    fn keys_are_those_of_the_first_level() {
        assert!(has_key("a: 1\ntype: STATIC", "type"));
        assert!(!has_key("a:\n  type: STATIC\ntypes: 1", "type"));
    }

    #[test]
    fn names_are_replaced() {
        let filled = fill("x {{a}} {{ b }}.", |name| Some(format!("<{name}>")));
        assert_eq!(filled, "x <a> <b>.");
    }

    #[test]
    #[should_panic(expected = "nothing is named {{c}}")]
    fn unknown_names_are_mistakes() {
        fill("{{c}}", |_| None);
    }
}
