//! Every input that was kept is tried again: what was found once stays found.

use std::path::Path;

use causeway_fuzz_properties::PROPERTIES;

#[test]
fn every_kept_input_has_the_properties() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for (target, property) in PROPERTIES {
        let mut tried = 0;
        for entry in std::fs::read_dir(corpus.join(target)).expect("every target has a corpus") {
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
