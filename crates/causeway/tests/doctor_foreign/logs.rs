//! Logs from a file and from standard input.

use super::{check, doctor, findings};

const LINE: &str =
    r#"[2026-11-28T17:31:26.161Z] "GET /a HTTP/1.1" 503 UF 0 98 0 - "-" "curl" "id" "a" "127.0.0.1:1""#;

#[test]
fn a_log_is_read_from_standard_input() {
    let (report, code) = doctor(&["--log", "-"], &format!("{LINE}\n{LINE}\r\nnonsense\n"));
    assert_eq!((findings(&report), code), (vec!["T201 - error possible".to_owned()], 1), "{report:#}");
    assert_eq!(report["target"], "stdin");
    assert_eq!(report["findings"][0]["subject"]["endpoint"], "127.0.0.1:1");
}

#[test]
fn a_line_that_never_ends_is_cut_and_the_next_one_is_read() {
    let long = format!("{}\n{LINE}\n", "x".repeat(300_000));
    let (report, _) = doctor(&["--log", "-"], &long);
    assert_eq!(findings(&report).len(), 1, "{report:#}");
}

#[test]
fn what_is_no_log_is_inconclusive_and_no_file_an_error() {
    let (report, code) = doctor(&["--log", "-"], "hello\n");
    assert_eq!((check(&report, "log.read"), code), ("inconclusive", 3), "{report:#}");
    assert_eq!(doctor(&["--log", "/nonexistent.log"], "").1, 2);
}
