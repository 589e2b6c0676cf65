//! Lines of statsd, and of DogStatsD, which has tags.

use std::io::Write as _;

use causeway_stats::{Buckets, Sample, ScopeReading, bucket_lower_bound};

use crate::stats::split_tags;

/// Whose lines they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Everything is in the name.
    Statsd,
    /// Tags stand behind the value.
    DogStatsd,
}

/// Values of one kind are sent one by one up to this many; more are one line with a sample rate.
const ONE_BY_ONE: u64 = 10;

/// A counter or gauge.
pub(super) fn write_number(
    line: &mut Vec<u8>,
    style: Style,
    prefix: &str,
    scope: &ScopeReading,
    sample: &Sample,
    value: i128,
    kind: &str,
) {
    line.clear();
    write_name(line, style, prefix, scope, sample);
    // Writing to memory does not fail.
    let _ = write!(line, ":{value}|{kind}");
    write_tags(line, style, scope, sample);
}

/// The values of a histogram, as timers: a line for each, or one for many that are alike.
pub(super) fn write_histogram(
    line: &mut Vec<u8>,
    style: Style,
    prefix: &str,
    scope: &ScopeReading,
    sample: &Sample,
    values: &Buckets,
    mut send: impl FnMut(&[u8]),
) {
    for (bucket, count) in &values.0 {
        line.clear();
        write_name(line, style, prefix, scope, sample);
        let value = bucket_lower_bound(*bucket).round();
        let _ = write!(line, ":{value}|ms");
        let (lines, rate) = if *count > ONE_BY_ONE { (1, Some(*count)) } else { (*count, None) };
        if let Some(count) = rate {
            let _ = write!(line, "|@{}", 1.0 / f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        write_tags(line, style, scope, sample);
        (0..lines).for_each(|_| send(line));
    }
}

fn write_name(line: &mut Vec<u8>, style: Style, prefix: &str, scope: &ScopeReading, sample: &Sample) {
    line.extend_from_slice(prefix.as_bytes());
    match style {
        Style::Statsd => {
            for part in [scope.scope.path(), &sample.name].into_iter().filter(|part| !part.is_empty()) {
                line.push(b'.');
                line.extend_from_slice(part.as_bytes());
            }
        }
        Style::DogStatsd => {
            let mut name = String::new();
            split_tags(&sample.name).full_name(&scope.scope, &mut name);
            line.push(b'.');
            line.extend_from_slice(name.as_bytes());
        }
    }
}

fn write_tags(line: &mut Vec<u8>, style: Style, scope: &ScopeReading, sample: &Sample) {
    if style == Style::Statsd {
        return;
    }
    let own = split_tags(&sample.name).tag;
    let of_scope = scope.scope.tags().iter().rev().map(|(tag, value)| (*tag, value.as_str()));
    for (at, (tag, value)) in own.into_iter().chain(of_scope).enumerate() {
        line.extend_from_slice(if at == 0 { b"|#" } else { b"," });
        line.extend_from_slice(tag.as_bytes());
        line.push(b':');
        line.extend_from_slice(value.as_bytes());
    }
}
