//! How far a name is from another.

/// The name that was most likely meant, if any is near enough, and how far it is.
pub(super) fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<(&'a str, usize)> {
    let plain = normal(name);
    if let Some(same) = names.iter().find(|other| normal(other) == plain) {
        return Some((same, 0));
    }
    // A name that was cut short, `port` for `port_value`, if it is the only one.
    let mut longer = names.iter().filter(|other| {
        other.strip_prefix(name).is_some_and(|rest| rest.starts_with('_')) && name.len() >= 3
    });
    if let (Some(only), None) = (longer.next(), longer.next()) {
        return Some((only, 1));
    }
    let limit = match plain.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=11 => 2,
        _ => 3,
    };
    names
        .iter()
        .map(|other| (distance(&plain, &normal(other), limit), *other))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(distance, other)| (other, distance))
}

/// Without case, dashes and underscores.
fn normal(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
}

/// Insertions, deletions, substitutions and swaps of neighbours that lead from one to the other; more
/// than `limit` where it takes more.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit || a.len() > 200 {
        return limit + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut cost =
                (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(limit + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let names = [
            "connect_timeout",
            "name",
            "type",
            "lb_policy",
            "port_value",
            "per_connection_buffer_limit_bytes",
        ];
        for (typed, meant) in [
            ("conect_timeout", Some("connect_timeout")),
            ("connect-timeout", Some("connect_timeout")),
            ("ConnectTimeout", Some("connect_timeout")),
            ("port", Some("port_value")),
            ("nmae", Some("name")),
            ("lb_polcy", Some("lb_policy")),
            ("hosts", None),
            ("x", None),
            ("tye", Some("type")),
        ] {
            assert_eq!(nearest(typed, &names).map(|(meant, _)| meant), meant, "{typed}");
        }
    }
}
