//! Comparing two trees of observations leaf by leaf.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::case::{Difference, Refusal};
use crate::run::Seen;
use crate::text::path_of;

/// One place where two runs are not equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unequal {
    pub(crate) path: String,
    /// What the oracle showed; nothing if it showed nothing there.
    pub(crate) oracle: Option<Value>,
    pub(crate) subject: Option<Value>,
    /// The row of the table of differences that this place was said to follow, if any.
    pub(crate) id: Option<&'static str>,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) leaves: usize,
    pub(crate) unequal: Vec<Unequal>,
    /// The rows by which the two differ as they should.
    pub(crate) on_purpose: Vec<&'static str>,
}

pub(crate) fn compare(
    oracle: &Map<String, Value>,
    subject: &Map<String, Value>,
    differs: &[Difference],
) -> Comparison {
    let mut result = Comparison::default();
    let (mut oracle, mut subject) = (leaves(oracle), leaves(subject));
    for difference in differs {
        let (theirs, ours) = (cut(&mut oracle, &difference.path), cut(&mut subject, &difference.path));
        let expected = flat(&difference.path, &difference.instead);
        let nothing = difference.instead.is_null() && ours.is_empty();
        if (like(&expected, &ours) || nothing) && ours != theirs {
            result.on_purpose.push(difference.id);
            continue;
        }
        result.unequal.push(Unequal {
            path: difference.path.clone(),
            oracle: Some(difference.instead.clone()),
            subject: Some(ours.into_iter().collect::<Map<_, _>>().into()),
            id: Some(difference.id),
        });
    }
    result.leaves = oracle.len();
    for (path, value) in &oracle {
        let ours = subject.remove(path);
        if ours.as_ref() != Some(value) {
            let oracle = Some(value.clone());
            result.unequal.push(Unequal { path: path.clone(), oracle, subject: ours, id: None });
        }
    }
    let more = subject.into_iter();
    result.unequal.extend(more.map(|(path, value)| Unequal {
        path,
        oracle: None,
        subject: Some(value),
        id: None,
    }));
    result
}

/// What is to be said of a configuration that only the oracle is to take.
pub(crate) fn refused(oracle: &Seen, subject: &Seen, refusal: Refusal) -> Comparison {
    let verdict = |seen: &Seen| seen.leaves.get("config").cloned();
    if verdict(oracle) == Some(json!("accepted"))
        && verdict(subject) == Some(json!("refused"))
        && subject.log.contains(refusal.says)
    {
        return Comparison { on_purpose: vec![refusal.id], ..Comparison::default() };
    }
    let wanted = Unequal {
        path: "config".into(),
        oracle: verdict(oracle),
        subject: verdict(subject),
        id: Some(refusal.id),
    };
    Comparison { unequal: vec![wanted], ..Comparison::default() }
}

fn leaves(tree: &Map<String, Value>) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for (key, value) in tree {
        out.extend(flat(key, value));
    }
    out
}

/// The leaves of a value; an empty list or mapping is a leaf too.
fn flat(path: &str, value: &Value) -> BTreeMap<String, Value> {
    let below = |key: &str, value| flat(&path_of(&[path, key]), value);
    match value {
        Value::Object(map) if !map.is_empty() => map.iter().flat_map(|(k, v)| below(k, v)).collect(),
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().flat_map(|(i, v)| below(&i.to_string(), v)).collect()
        }
        _ => BTreeMap::from([(path.to_owned(), value.clone())]),
    }
}

/// Whether these leaves are the ones that were expected, in which `<any>` stands for any text.
fn like(expected: &BTreeMap<String, Value>, leaves: &BTreeMap<String, Value>) -> bool {
    expected.len() == leaves.len()
        && expected.iter().zip(leaves).all(|((path, wanted), (other, found))| {
            path == other
                && match (wanted, found) {
                    (Value::String(wanted), Value::String(found)) => fits(wanted, found),
                    _ => wanted == found,
                }
        })
}

fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once("<any>") else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    (0..=text.len()).filter(|&at| text.is_char_boundary(at)).any(|at| fits(rest, &text[at..]))
}

/// Takes out everything at and below a path.
fn cut(leaves: &mut BTreeMap<String, Value>, path: &str) -> BTreeMap<String, Value> {
    let below = path_of(&[path, ""]);
    leaves.extract_if(.., |leaf, _| leaf == path || leaf.starts_with(&below)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("a mapping is needed") };
        map
    }

    fn difference(path: &[&str], instead: Value) -> Difference {
        Difference { id: "D-01", path: path_of(path), instead }
    }

    #[test]
    fn equal_trees_are_equal_whatever_the_order() {
        let a = map(json!({"x": {"a": 1, "b": [1, 2]}, "e": {}}));
        let b = map(json!({"e": {}, "x": {"b": [1, 2], "a": 1}}));
        let result = compare(&a, &b, &[]);
        assert_eq!((result.leaves, result.unequal.len()), (4, 0));
    }

    #[test]
    fn every_leaf_that_is_not_equal_is_named() {
        let a = map(json!({"x": {"a": 1, "b": 2}}));
        let b = map(json!({"x": {"a": 1, "b": 3, "c": 4}}));
        let unequal = compare(&a, &b, &[]).unequal;
        let paths: Vec<_> = unequal.iter().map(|u| u.path.as_str()).collect();
        assert_eq!(paths, ["x > b", "x > c"]);
        assert_eq!((&unequal[0].oracle, &unequal[0].subject), (&Some(json!(2)), &Some(json!(3))));
    }

    #[test]
    fn a_difference_on_purpose_must_be_the_one_that_is_named() {
        let a = map(json!({"x": {"status": 200, "body": "yes"}}));
        let b = map(json!({"x": {"status": 400, "body": "yes"}}));
        let path = ["x", "status"];
        let result = compare(&a, &b, &[difference(&path, json!(400))]);
        assert_eq!((result.unequal.len(), result.on_purpose), (0, vec!["D-01"]));
        // Another value than the one that was promised.
        assert_eq!(compare(&a, &b, &[difference(&path, json!(403))]).unequal.len(), 1);
        // No difference any more: the row is out of date.
        assert_eq!(compare(&a, &a, &[difference(&path, json!(200))]).unequal.len(), 1);
    }

    #[test]
    fn a_part_of_what_is_shown_instead_may_be_left_open() {
        assert!(fits("a <any> b", "a 12 b") && fits("<any>", "") && fits("<any>x<any>", "axbx"));
        assert!(!fits("a <any> b", "a 12 c") && !fits("a", "ab") && !fits("<any>x", "xy"));
        let (a, b) = (map(json!({"x": "plain"})), map(json!({"x": "plain, after 0.8 ms"})));
        let with = |instead: &str| compare(&a, &b, &[difference(&["x"], json!(instead))]).unequal.len();
        assert_eq!((with("plain, after <any> ms"), with("other <any>")), (0, 1));
    }

    #[test]
    fn a_difference_may_be_that_nothing_is_there() {
        let a = map(json!({"x": 1, "y": 1}));
        let b = map(json!({"y": 1}));
        assert!(compare(&a, &b, &[difference(&["x"], Value::Null)]).unequal.is_empty());
        assert_eq!(compare(&a, &a, &[difference(&["x"], Value::Null)]).unequal.len(), 1);
    }

    #[test]
    fn a_difference_may_be_a_whole_part() {
        let a = map(json!({"x": {"headers": {"a": "1"}}, "y": 1}));
        let b = map(json!({"x": {"headers": {"b": "2", "c": "3"}}, "y": 1}));
        let whole = difference(&["x", "headers"], json!({"b": "2", "c": "3"}));
        assert!(compare(&a, &b, &[whole]).unequal.is_empty());
    }

    #[test]
    fn what_is_refused_must_be_refused_in_these_words() {
        let seen =
            |verdict: &str, log: &str| Seen { leaves: map(json!({"config": verdict})), log: log.into() };
        let envoy = seen("accepted", "");
        let refusal = Refusal { id: "D-01", says: "`x` of Y" };
        assert_eq!(refused(&envoy, &seen("refused", "error: `x` of Y is"), refusal).on_purpose, ["D-01"]);
        for other in [seen("refused", "error: other"), seen("accepted", "`x` of Y"), Seen::default()] {
            assert_eq!(refused(&envoy, &other, refusal).unequal.len(), 1);
        }
    }
}
