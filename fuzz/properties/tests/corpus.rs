//! Every input that was kept is tried again: what was found once stays found.

use std::path::Path;

use causeway_fuzz_properties::PROPERTIES;

/// Targets that take the same input as another: what was kept for the one is tried with the other.
const ALSO: &[(&str, &str)] =
    &[("reference_request", "http1_request"), ("reference_response", "http1_response")];

#[test]
fn every_kept_input_has_the_properties() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for (target, property) in PROPERTIES {
        let mut tried = 0;
        let also = ALSO.iter().filter(|(name, _)| name == target).map(|(_, other)| other);
        let folders = std::iter::once(target).chain(also).map(|name| corpus.join(name));
        let entries =
            folders.flat_map(|folder| std::fs::read_dir(folder).expect("every target has a corpus"));
        for entry in entries {
            let path = entry.expect("a folder that can be read").path();
            let input = std::fs::read(&path).expect("a file that can be read");
            // The name of the input that fails is the last line before the panic's message.
            println!("{}", path.display());
            property(&input);
            tried += 1;
        }
        assert!(tried > 0, "{target} has no corpus");
    }
}
