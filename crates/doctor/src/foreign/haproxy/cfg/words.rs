//! Lines of haproxy.cfg as words.

/// The words of a line: quotes, escapes and comments as HAProxy has them, without variables.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut open = false;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                word.extend(chars.next().and_then(|c| match c {
                    'r' => Some('\r'),
                    'n' => Some('\n'),
                    't' => Some('\t'),
                    'x' => {
                        let digits: String = chars.by_ref().take(2).collect();
                        u8::from_str_radix(&digits, 16).ok().map(char::from)
                    }
                    other => Some(other),
                }));
                open = true;
            }
            (c, Some(end)) if c == end => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                open = true;
            }
            ('#', None) => break,
            (c, None) if c.is_whitespace() => {
                if open {
                    words.push(std::mem::take(&mut word));
                    open = false;
                }
            }
            (c, _) => {
                word.push(c);
                open = true;
            }
        }
    }
    if open {
        words.push(word);
    }
    words
}
