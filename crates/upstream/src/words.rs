//! Times in words, for evidence and log lines.

use std::fmt;
use std::time::Duration;

/// A duration in the unit and precision that people read: `0.2 ms`, `37 ms`, `3.2 s`, `57 s`, `12 min`.
pub(crate) struct Short(pub(crate) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let millis = seconds * 1000.0;
        match () {
            () if millis < 0.1 => f.write_str("less than 0.1 ms"),
            () if millis < 10.0 => write!(f, "{millis:.1} ms"),
            () if millis < 1000.0 => write!(f, "{millis:.0} ms"),
            () if seconds < 10.0 => write!(f, "{seconds:.1} s"),
            () if seconds < 120.0 => write!(f, "{seconds:.0} s"),
            () => write!(f, "{:.0} min", seconds / 60.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_suit_the_size() {
        for (millis, text) in [
            (0.05, "less than 0.1 ms"),
            (0.24, "0.2 ms"),
            (37.4, "37 ms"),
            (3200.0, "3.2 s"),
            (57_000.0, "57 s"),
            (720_000.0, "12 min"),
        ] {
            assert_eq!(Short(Duration::from_secs_f64(millis / 1000.0)).to_string(), text);
        }
    }
}
