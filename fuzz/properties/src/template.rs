//! Formats of access logs and values of header fields: `%REQ(NAME?OTHER):10%` and the like.

use causeway_envoy::template::parse;

/// A format: read without a panic, the same each time, and what is wrong with it is said at a place that it has.
pub fn template(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parsed = parse(&text);
    for fault in &parsed.faults {
        assert!(text.get(fault.range.clone()).is_some(), "{fault:?} has no place in {text:?}");
        assert!(!fault.message.is_empty());
    }
    assert_eq!(format!("{:?}", parse(&text)), format!("{parsed:?}"));
    // What has no operator stands for itself, whatever else it holds.
    if !text.contains('%') {
        assert!(parsed.faults.is_empty(), "{:?}", parsed.faults);
    }
    // Text around it changes nothing about what is wrong.
    let framed = parse(&format!("a {text}"));
    assert_eq!(framed.faults.len(), parsed.faults.len());
    for (fault, there) in parsed.faults.iter().zip(&framed.faults) {
        assert_eq!((fault.range.start + 2, &fault.message), (there.range.start, &there.message));
    }
}
