//! A strict reader of the Prometheus text format.

use std::collections::{BTreeMap, BTreeSet};

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// A family: its type and its lines.
pub(crate) type Families = BTreeMap<String, (String, Vec<Line>)>;

/// Reads a whole exposition. Fails on whatever Prometheus would, or might one day.
pub(crate) fn parse(text: &str) -> Result<Families, String> {
    let mut families = Families::new();
    let mut current: Option<String> = None;
    let mut series = BTreeSet::new();
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    for line in text.lines() {
        let fail = |what: &str| Err(format!("{what}: {line}"));
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let Some((name, kind)) = rest.split_once(' ') else { return fail("no type") };
            if !is_name(name) || !["counter", "gauge", "histogram", "summary"].contains(&kind) {
                return fail("bad type");
            }
            if families.insert(name.to_owned(), (kind.to_owned(), vec![])).is_some() {
                return fail("a family comes twice");
            }
            current = Some(name.to_owned());
            continue;
        }
        let Some(family) = &current else { return fail("no family") };
        let parsed = parse_line(line)?;
        let Some((kind, lines)) = families.get_mut(family) else { return fail("no family") };
        let suffix = parsed.name.strip_prefix(family.as_str());
        let fits = match (kind.as_str(), suffix) {
            ("counter" | "gauge", Some("")) => !parsed.labels.contains_key("le"),
            ("histogram", Some("_bucket")) => parsed.labels.contains_key("le"),
            ("histogram" | "summary", Some("_sum" | "_count")) => true,
            ("summary", Some("")) => parsed.labels.contains_key("quantile"),
            _ => false,
        };
        if !fits {
            return fail("the line is not of its family");
        }
        if !series.insert(format!("{}{:?}", parsed.name, parsed.labels)) {
            return fail("a series comes twice");
        }
        lines.push(parsed);
    }
    for (name, (kind, lines)) in &families {
        if lines.is_empty() {
            return Err(format!("{name} is empty"));
        }
        if kind == "histogram" {
            check_histogram(name, lines)?;
        }
    }
    Ok(families)
}

fn parse_line(line: &str) -> Result<Line, String> {
    let fail = |what: &str| Err(format!("{what}: {line}"));
    let Some((name, rest)) = line.split_once('{') else { return fail("no labels") };
    if !is_name(name) {
        return fail("bad name");
    }
    let mut labels = BTreeMap::new();
    let mut rest = rest;
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            rest = behind;
            break;
        }
        let Some((label, behind)) = rest.split_once("=\"") else { return fail("bad label") };
        if !is_name(label) || label.contains(':') {
            return fail("bad label");
        }
        let mut value = String::new();
        let mut chars = behind.chars();
        loop {
            match chars.next() {
                Some('"') => break,
                Some('\\') => match chars.next() {
                    Some('\\') => value.push('\\'),
                    Some('"') => value.push('"'),
                    Some('n') => value.push('\n'),
                    _ => return fail("bad escape"),
                },
                Some(c) => value.push(c),
                None => return fail("open quotes"),
            }
        }
        if labels.insert(label.to_owned(), value).is_some() {
            return fail("a label comes twice");
        }
        rest = chars.as_str();
        rest = match rest.strip_prefix(',') {
            Some(behind) if !behind.starts_with('}') => behind,
            Some(_) => return fail("a comma too many"),
            None => rest,
        };
    }
    let Some(value) = rest.strip_prefix(' ').and_then(|value| value.parse().ok()) else {
        return fail("bad value");
    };
    Ok(Line { name: name.to_owned(), labels, value })
}

/// Buckets grow, the last is `+Inf`, and it is the count.
fn check_histogram(name: &str, lines: &[Line]) -> Result<(), String> {
    let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for line in lines {
        let mut labels = line.labels.clone();
        let bound =
            labels.remove("le").map(|le| if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() });
        let key = format!("{labels:?}");
        match bound {
            Some(bound) => buckets.entry(key).or_default().push((bound, line.value)),
            None if line.name.ends_with("_count") => {
                counts.insert(key, line.value);
            }
            None => {}
        }
    }
    for (key, buckets) in buckets {
        let grow = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let last = buckets.last().copied();
        if !grow || last != counts.get(&key).map(|count| (f64::INFINITY, *count)) {
            return Err(format!("{name}{key}: {buckets:?}"));
        }
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

#[test]
fn the_reader_is_strict() {
    for good in ["", "# TYPE a counter\na{} 1\n", "# TYPE a gauge\na{b=\"\\\"\\\\\\n\",c=\"\"} -1.5e3\n"] {
        parse(good).unwrap();
    }
    for bad in [
        "a{} 1\n",
        "# TYPE a counter\na{} 1",
        "# TYPE a counter\n",
        "# TYPE a counter\nb{} 1\n",
        "# TYPE a counter\na{} 1\na{} 2\n",
        "# TYPE a counter\na{} 1\n# TYPE a counter\na{b=\"\"} 2\n",
        "# TYPE a counter\na{b=\"c\",} 1\n",
        "# TYPE a counter\na{b=\"\\c\"} 1\n",
        "# TYPE a counter\na{b-c=\"\"} 1\n",
        "# TYPE a counter\na{} x\n",
        "# TYPE 1a counter\n1a{} 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum{} 1\na_count{} 1\n",
    ] {
        parse(bad).unwrap_err();
    }
}
