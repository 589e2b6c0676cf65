//! Configurations: from bytes to the model and back, and never a word less than there is to say.

use causeway_envoy::{Kind, LoadOptions, Loaded, Severity, Source, load};

/// A configuration as text: YAML, or JSON where it begins with a brace.
pub fn yaml(data: &[u8]) {
    // What is large is slow, and holds nothing that is not in something smaller.
    if data.len() > 16 << 10 {
        return;
    }
    let source = Source::new("envoy", data);
    let strict = checked(&source, false);
    let lenient = checked(&source, true);
    allowing_more_loses_nothing(&strict, &lenient);
    what_is_shown_can_be_loaded(&strict);
}

/// A configuration in protobuf's wire format.
pub fn protobuf(data: &[u8]) {
    if data.len() > 16 << 10 {
        return;
    }
    let source = Source::new("envoy.pb", data);
    let strict = checked(&source, false);
    let lenient = checked(&source, true);
    allowing_more_loses_nothing(&strict, &lenient);
    what_is_shown_can_be_loaded(&strict);
}

/// Loads a configuration and says everything that there is to say about it.
fn checked(source: &Source, allow_unsupported: bool) -> Loaded {
    let options = LoadOptions { allow_unsupported, ..LoadOptions::default() };
    let loaded = load(source, &options);
    let diagnostics = &loaded.diagnostics;
    assert_eq!(loaded.bootstrap.is_none(), diagnostics.has_errors());

    let text = diagnostics.render(false);
    let json = diagnostics.to_json();
    let again: serde_json::Value = serde_json::from_str(&json.to_string()).expect("JSON");
    let count = |key: &str| again.get(key).and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX);
    let by = |severity| diagnostics.iter().filter(|d| d.severity == severity).count() as u64;
    assert_eq!(
        [count("errors"), count("warnings"), count("notes")],
        [by(Severity::Error), by(Severity::Warning), by(Severity::Note)]
    );
    for diagnostic in diagnostics.iter() {
        assert!(!diagnostic.message.is_empty() && !diagnostic.code.is_empty());
        // Of very many, the first are shown.
        assert!(
            text.contains(diagnostic.code) || diagnostics.iter().count() > 40,
            "{} is not shown:\n{text}",
            diagnostic.code
        );
        if let Some(place) = &diagnostic.place {
            assert!(place.line >= 1 && place.column >= 1);
            assert!((place.end_line, place.end_column) >= (place.line, place.column), "{place:?}");
        }
    }
    loaded
}

/// Where unsupported fields are allowed, errors become warnings, and nothing else changes.
fn allowing_more_loses_nothing(strict: &Loaded, lenient: &Loaded) {
    let kinds = |loaded: &Loaded| {
        let mut kinds: Vec<_> =
            loaded.diagnostics.iter().map(|d| (d.code, d.path.clone(), d.message.clone())).collect();
        kinds.sort();
        kinds
    };
    assert_eq!(kinds(strict), kinds(lenient));
    let rejected = |loaded: &Loaded| loaded.diagnostics.iter().filter(|d| d.kind == Kind::Rejected).count();
    assert_eq!(rejected(strict), rejected(lenient));
    if let Some(bootstrap) = &strict.bootstrap {
        // As text, since one number is not equal to itself.
        assert_eq!(
            Some(format!("{bootstrap:?}")),
            lenient.bootstrap.as_ref().map(|model| format!("{model:?}"))
        );
    }
}

/// What the admin server shows of a configuration is that configuration: it loads, to the same model.
fn what_is_shown_can_be_loaded(loaded: &Loaded) {
    if loaded.bootstrap.is_none() {
        return;
    }
    let shown = loaded.dump.bootstrap().to_string();
    // Secrets are not shown, and untyped data of JSON has no number that is none or has no end.
    if ["[redacted]", "\"NaN\"", "Infinity\""].iter().any(|lost| shown.contains(lost)) {
        return;
    }
    let again = load(&Source::new("dump.json", shown.clone()), &LoadOptions::default());
    // Protobuf takes a type without a host; its JSON does not.
    if again.diagnostics.iter().any(|diagnostic| diagnostic.code == "invalid-type") {
        return;
    }
    assert!(again.bootstrap.is_some(), "{shown}\n{}", again.diagnostics.render(false));
    assert_eq!(again.dump, loaded.dump, "{shown}");
}
