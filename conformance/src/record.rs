//! What Envoy showed in one run, for the next: starting it takes most of the time that cases take, and it does twice what
//! it did twice.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The end of the line before a certificate, as logs have it too.
const CERTIFICATE: &[u8] = b"CERTIFICATE-----";

/// A folder with a file for each case in which Envoy was equal to itself. It is for runs of the same cases on the same
/// Envoy, one behind the other: nothing in it tells when it is too old.
#[derive(Debug)]
pub(crate) struct Record(PathBuf);

impl Record {
    /// In this folder, which is made when there is something to be put into it.
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Keeps what was seen of a case, unless there are certificates in it, which each run makes anew. Where it can't be
    /// written it is seen once more, and no harm is done.
    pub(crate) fn keep(&self, case: &str, leaves: &Map<String, Value>) {
        let path = self.path(case);
        let folder = path.parent().unwrap_or(Path::new("."));
        let text = serde_json::to_vec(leaves).unwrap_or_default();
        if has_certificate(&text) {
            return;
        }
        let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    }

    /// What was seen of a case, if it was.
    pub(crate) fn find(&self, case: &str) -> Option<Map<String, Value>> {
        serde_json::from_slice(&fs::read(self.path(case)).ok()?).ok()
    }

    /// Names of cases are those of their topic and their own, with a slash between.
    fn path(&self, case: &str) -> PathBuf {
        self.0.join(format!("{case}.json"))
    }
}

/// Whether there is a certificate, or something like the fingerprint of one: forty hexadecimal digits or more.
fn has_certificate(text: &[u8]) -> bool {
    text.split(|byte| !byte.is_ascii_hexdigit()).any(|digits| digits.len() >= 40)
        || text.windows(CERTIFICATE.len()).any(|part| part == CERTIFICATE)
}

#[cfg(test)]
mod tests {
    use causeway_testkit::Scratch;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_found_and_what_is_cut_off_is_not() {
        let folder = Scratch::new();
        let record = Record::new(folder.path().join("record"));
        let leaves = Map::from_iter([("1 GET /".to_owned(), json!({"status": 200}))]);
        assert_eq!(record.find("topic/case"), None);
        record.keep("topic/case", &leaves);
        assert_eq!(record.find("topic/case"), Some(leaves));
        assert_eq!(record.find("topic/other"), None);
        record.keep(
            "tls/case",
            &Map::from_iter([("log".to_owned(), json!(format!("- {} -", "0a".repeat(20))))]),
        );
        assert_eq!(record.find("tls/case"), None);
        fs::write(record.path("topic/case"), "{").unwrap();
        assert_eq!(record.find("topic/case"), None);
    }
}
