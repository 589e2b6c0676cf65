//! Every change reads as it should, and leaves all other lines alone.

use proptest::prelude::*;

use super::*;
use crate::{LoadOptions, Spot, locate};

fn changed(text: &str, path: &str, value: Option<&str>) -> Result<String, EditError> {
    let change = FieldChange { path: path.to_owned(), value: value.map(str::to_owned) };
    let source = edit(&Source::new("a.yaml", text), &[change])?;
    Ok(String::from_utf8(source.bytes().to_vec()).unwrap())
}

#[track_caller]
fn becomes(text: &str, path: &str, value: &str, expected: &str) {
    assert_eq!(changed(text, path, Some(value)).as_deref(), Ok(expected), "{path}");
}

#[track_caller]
fn without(text: &str, path: &str, expected: &str) {
    assert_eq!(changed(text, path, None).as_deref(), Ok(expected), "{path}");
}

#[test]
fn a_scalar_is_replaced_where_it_stands() {
    becomes("a: 1s # why\nb: 2\n", "a", "5s", "a: 5s # why\nb: 2\n");
    becomes("a: {b: \"x\", c: 1}\n", "a.b", "\"y\"", "a: {b: \"y\", c: 1}\n");
    becomes("l: [1, 2, 3]\n", "l[1]", "9", "l: [1, 9, 3]\n");
    becomes("l:\n- a\n- b # why\n", "l[1]", "c", "l:\n- a\n- c # why\n");
    becomes("a: |\n  x\n  y\nb: 1\n", "a", "z", "a: z\nb: 1\n");
    becomes("a:\nb: 1\n", "a", "2", "a: 2\nb: 1\n");
    becomes("connectTimeout: 1s\n", "connect_timeout", "2s", "connectTimeout: 2s\n");
}

#[test]
fn a_value_of_several_lines_replaces_another() {
    becomes("a: 1\nb: 2\n", "a", "x: 1\ny: 2", "a:\n  x: 1\n  y: 2\nb: 2\n");
    becomes("a:\n- x\n- y\nb: 2\n", "a", "[z]", "a: [z]\nb: 2\n");
    becomes("a: {b: 1}\n", "a.b", "x: 1\ny: [t]", "a: {b: {x: 1, y: [\"t\"]}}\n");
}

#[test]
fn what_is_not_there_is_written_behind_the_first_of_its_message() {
    becomes(
        "- name: x\n  type: y\n- name: z\n",
        "[0].new",
        "1",
        "- name: x\n  new: 1\n  type: y\n- name: z\n",
    );
    becomes("- name: x\n- name: z\n", "[1].new", "1", "- name: x\n- name: z\n  new: 1\n");
    becomes("a: 1", "new", "2", "a: 1\nnew: 2");
    let nested = "clusters:\n  - name: x # first\n    # of type\n    type: y\n";
    becomes(
        nested,
        "clusters[0].lb.panic.value",
        "0",
        "clusters:\n  - name: x # first\n    lb:\n      panic:\n        value: 0\n    # of type\n    type: y\n",
    );
    becomes("a:\n  b:\n    c: 1\n\nd: 2\n", "new", "1", "a:\n  b:\n    c: 1\nnew: 1\n\nd: 2\n");
    becomes("a: |\n  # no comment\n\nd: 2\n", "new", "1", "a: |\n  # no comment\nnew: 1\n\nd: 2\n");
}

#[test]
fn brackets_get_what_belongs_into_them() {
    becomes("a: {b: 1}\n", "a.new", "2", "a: {new: 2, b: 1}\n");
    becomes("a: { b: 1 }\n", "a.x.y", "2s", "a: { x: {y: 2s}, b: 1 }\n");
    becomes("a: {}\n", "a.new", "2", "a: {new: 2}\n");
    becomes("a: [1, 2]\n", "a[]", "3", "a: [1, 2, 3]\n");
    becomes("a: []\n", "a[]", "{x: 1}", "a: [{x: 1}]\n");
    becomes("a: [{x: 1}]\n", "a[0].y", "\"a, b\"", "a: [{y: \"a, b\", x: 1}]\n");
    becomes("a: {b: 1}\n", "a.c", "- 1\n- 2", "a: {c: [1, 2], b: 1}\n");
}

#[test]
fn lists_grow_in_the_style_of_the_file() {
    becomes(
        "l:\n- name: a\n  x: 1\nz: 1\n",
        "l[]",
        "name: b\ny: 2",
        "l:\n- name: a\n  x: 1\n- name: b\n  y: 2\nz: 1\n",
    );
    becomes("l:\n  - a\nz:\n", "m[]", "b", "l:\n  - a\nm:\n  - b\nz:\n");
    becomes("l:\n- a\nz:\n", "m[].n", "b", "l:\n- a\nm:\n- n: b\nz:\n");
    becomes("l:\nz: 1\n", "l[]", "b", "l:\n- b\nz: 1\n");
    becomes("a:\n  l: ~\n", "a.l[0]", "b", "a:\n  l: [b]\n");
    becomes("admin:\nz: 1\n", "admin.port", "1", "admin:\n  port: 1\nz: 1\n");
}

#[test]
fn what_is_removed_takes_its_lines_along() {
    without("a: 1\nb:\n  c: 1 # x\nd: 2\n", "b", "a: 1\nd: 2\n");
    without("- a: 1\n  b: 2\n", "[0].a", "- b: 2\n");
    without("- a: 1\n  b: 2\n", "[0].b", "- a: 1\n");
    without("- a: 1\n", "[0].a", "- {}\n");
    without("x:\n  l:\n  - a\n", "x.l[0]", "x:\n  l:\n    []\n");
    without("l: [1, 2, 3]\n", "l[2]", "l: [1, 2]\n");
    without("l: {a: 1, b: 2}\n", "l.a", "l: {b: 2}\n");
    without("l:\n- a\n- b\n", "l[0]", "l:\n- b\n");
}

#[test]
fn encodings_stay() {
    let crlf = changed("a: 1\r\nb: 2\r\n", "new.x", Some("3")).unwrap();
    assert_eq!(crlf, "a: 1\r\nnew:\r\n  x: 3\r\nb: 2\r\n");
    let source = Source::new("a.yaml", b"\xef\xbb\xbfa: 1\n".to_vec());
    let change = FieldChange { path: "a".to_owned(), value: Some("2".to_owned()) };
    assert_eq!(edit(&source, std::slice::from_ref(&change)).unwrap().bytes(), b"\xef\xbb\xbfa: 2\n");
    let wide = Source::new("a.yaml", b"\xff\xfea\0".to_vec());
    assert_eq!(edit(&wide, std::slice::from_ref(&change)).unwrap_err(), EditError::Encoding);
    let json = Source::new("a.json", "{\"a\": 1}");
    assert_eq!(edit(&json, &[change]).unwrap_err(), EditError::NotYaml(Format::Json));
}

#[test]
fn what_anchors_share_is_not_changed() {
    let text = "a: &x {t: 1}\nb: *x\n";
    assert_eq!(changed(text, "b.t", Some("2")), Err(EditError::NoWay("b.t".to_owned())));
    assert_eq!(changed(text, "a.t", Some("2")), Err(EditError::NoWay("a.t".to_owned())));
    becomes(text, "b", "{t: 2}", "a: &x {t: 1}\nb: {t: 2}\n");
    assert_eq!(changed("a: 1\n", "a.b", Some("2")), Err(EditError::Path("a.b".to_owned())));
    assert_eq!(changed("a: 1\n", "b", None), Err(EditError::Path("b".to_owned())));
    assert_eq!(changed("a: [\n", "b", Some("1")), Err(EditError::Syntax));
    assert_eq!(changed("a: 1\n", "b", Some("[")), Err(EditError::Value("b".to_owned())));
}

#[test]
fn fields_of_a_typed_struct_are_in_its_value() {
    let text = "c:\n  \"@type\": x/xds.type.v3.TypedStruct\n  value:\n    a: 1\n";
    becomes(text, "c.b", "2", "c:\n  \"@type\": x/xds.type.v3.TypedStruct\n  value:\n    a: 1\n    b: 2\n");
}

#[test]
fn changes_follow_each_other() {
    let change = |path: &str, value: Option<&str>| FieldChange {
        path: path.to_owned(),
        value: value.map(str::to_owned),
    };
    let source = Source::new("a.yaml", "r:\n  old: /\n  z: 1\n");
    let edited = edit(&source, &[change("r.old", None), change("r.new.x", Some("2"))]).unwrap();
    assert_eq!(edited.bytes(), b"r:\n  z: 1\n  new:\n    x: 2\n");
}

/// A text: what it says, and how it is written.
#[derive(Debug, Clone)]
enum Shape {
    Scalar(&'static str),
    List(Vec<Self>, bool),
    Map(Vec<(&'static str, Self)>, bool),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let scalar = prop::sample::select(vec!["1", "x", "'a: b'", "\"q#r\"", "2s", "true", "~", "\"\""]);
    let leaf = scalar.prop_map(Shape::Scalar);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let keys = prop::sample::subsequence(vec!["a", "b", "\"@type\"", "name_of"], 1..4);
        let maps = (keys, prop::collection::vec(inner.clone(), 4), any::<bool>())
            .prop_map(|(keys, values, flow)| Shape::Map(keys.into_iter().zip(values).collect(), flow));
        let lists = (prop::collection::vec(inner, 1..4), any::<bool>())
            .prop_map(|(items, flow)| Shape::List(items, flow));
        prop_oneof![maps, lists]
    })
}

impl Shape {
    fn flow(&self) -> String {
        match self {
            Self::Scalar(text) => (*text).to_owned(),
            Self::List(items, _) => {
                format!("[{}]", items.iter().map(Self::flow).collect::<Vec<_>>().join(", "))
            }
            Self::Map(entries, _) => {
                let entries: Vec<_> =
                    entries.iter().map(|(key, value)| format!("{key}: {}", value.flow())).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }

    /// Behind a key or a dash.
    fn write(&self, indent: usize, behind_dash: bool, out: &mut String) {
        let spaces = " ".repeat(indent);
        match self {
            Self::List(items, false) => {
                out.push_str(if behind_dash { "" } else { " # a list\n" });
                for (at, item) in items.iter().enumerate() {
                    let lead = if at == 0 && behind_dash { "" } else { &*spaces };
                    out.push_str(&format!("{lead}- "));
                    item.write(indent + 2, true, out);
                }
            }
            Self::Map(entries, false) => {
                out.push_str(if behind_dash { "" } else { "\n" });
                for (at, (key, value)) in entries.iter().enumerate() {
                    if at == 1 {
                        out.push_str(&format!("{spaces}# about {key}\n\n"));
                    }
                    let lead = if at == 0 && behind_dash { "" } else { &*spaces };
                    out.push_str(&format!("{lead}{key}:"));
                    value.write(indent + 2, false, out);
                }
            }
            flat => {
                out.push_str(if behind_dash { "" } else { " " });
                out.push_str(&flat.flow());
                out.push_str(" # end\n");
            }
        }
    }

    /// The paths of everything in it.
    fn paths(&self, path: &str, out: &mut Vec<(String, bool)>) {
        match self {
            Self::Scalar(_) => {}
            Self::List(items, _) => {
                for (at, item) in items.iter().enumerate() {
                    let path = format!("{path}[{at}]");
                    out.push((path.clone(), matches!(item, Self::Map(..))));
                    item.paths(&path, out);
                }
            }
            Self::Map(entries, _) => {
                for (key, value) in entries {
                    let path = format!("{path}[\"{}\"]", key.trim_matches('"'));
                    out.push((path.clone(), matches!(value, Self::Map(..))));
                    value.paths(&path, out);
                }
            }
        }
    }
}

fn texts() -> impl Strategy<Value = (String, Vec<(String, bool)>)> {
    prop::collection::vec(shapes(), 2).prop_map(|shapes| {
        let mut text = String::from("# a file\n");
        let mut paths = Vec::new();
        for (key, shape) in ["first", "second"].iter().zip(&shapes) {
            text.push_str(&format!("{key}:"));
            shape.write(2, false, &mut text);
            paths.push(((*key).to_owned(), matches!(shape, Shape::Map(..))));
            shape.paths(key, &mut paths);
        }
        (text, paths)
    })
}

/// Whether one text is the other with lines that are new.
fn has_all_lines(new: &str, old: &str) -> bool {
    let mut lines = new.lines();
    old.lines().all(|wanted| lines.any(|line| line == wanted))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// That the rest of the tree is unchanged is part of every change: here none is refused.
    #[test]
    fn whatever_is_written_can_be_replaced_and_removed((text, paths) in texts(), number in any::<prop::sample::Index>()) {
        let (path, _) = number.get(&paths);
        for value in ["7s", "x: 1\ny:\n- {z: 2}", "- 1\n- 2"] {
            let new = changed(&text, path, Some(value));
            prop_assert!(new.is_ok(), "{path} = {value}: {new:?}\n{text}");
            let again = changed(&new.unwrap(), path, Some(value)).unwrap();
            prop_assert_eq!(again, changed(&text, path, Some(value)).unwrap(), "a second time changes nothing");
        }
        let gone = changed(&text, path, None);
        prop_assert!(gone.is_ok(), "without {path}: {gone:?}\n{text}");
    }

    #[test]
    fn whatever_is_missing_can_be_inserted((text, paths) in texts(), number in any::<prop::sample::Index>()) {
        let maps: Vec<_> = paths.iter().filter(|(_, is_map)| *is_map).collect();
        if !maps.is_empty() {
            let (path, _) = number.get(&maps);
            for value in ["7s", "x: 1\ny:\n- {z: 2}"] {
                let field = format!("{path}.outer.inner");
                let new = changed(&text, &field, Some(value));
                prop_assert!(new.is_ok(), "{field} = {value}: {new:?}\n{text}");
                let new = new.unwrap();
                let flow = text.lines().count() == new.lines().count();
                prop_assert!(flow || has_all_lines(&new, &text), "{field}\n{text}\n{new}");
                let gone = changed(&new, &format!("{path}.outer"), None).unwrap();
                prop_assert_eq!(read(&gone), read(&text));
            }
        }
    }
}

#[test]
fn what_was_inserted_is_located() {
    let file = "static_resources:
  clusters:
  - name: a
    connect_timeout: 1s
  - {name: b, connect_timeout: 1s}
";
    for (at, line) in [(0, 6), (1, 5)] {
        let path = format!("static_resources.clusters[{at}].common_lb_config.healthy_panic_threshold.value");
        let new = changed(file, &path, Some("0")).unwrap();
        let source = Source::new("envoy.yaml", new.as_str());
        let located = locate(&source, &LoadOptions::default(), &[Spot::Path(path)]).pop().flatten().unwrap();
        assert!(located.is_set);
        assert_eq!(located.place.line, line, "{new}");
        let loaded = crate::load(&source, &LoadOptions::default());
        let panic = loaded.bootstrap.unwrap().clusters[at].healthy_panic_threshold;
        assert!(panic.abs() < f64::EPSILON);
    }
}
