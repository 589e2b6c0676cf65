//! Checks that speak another protocol than HTTP, as far as they say one thing and wait for one.

/// What is said, and what is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct OtherCheck {
    /// Said first; nothing where the server speaks first.
    pub(in super::super) send: Vec<u8>,
    /// Waited for; nothing where that can't be said in bytes.
    pub(in super::super) expect: Vec<u8>,
    /// Rules that follow belong to what is said later.
    is_complete: bool,
}

impl OtherCheck {
    /// `option redis-check` and its like: their first exchange.
    pub(super) fn option(name: &str) -> Self {
        let (send, expect) = match name {
            "redis-check" => ("*1\r\n$4\r\nPING\r\n", "+PONG\r\n"),
            // The server greets.
            "smtpchk" => ("", "220"),
            _ => ("", ""),
        };
        Self { send: send.into(), expect: expect.into(), is_complete: !expect.is_empty() }
    }

    /// A line of `tcp-check`.
    pub(super) fn rule(&mut self, words: &[String]) {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        if self.is_complete {
            return;
        }
        match &words[..] {
            [_, "send", text, ..] => self.send.extend(text.as_bytes()),
            [_, "send-binary", hex, ..] => self.send.extend(bytes(hex)),
            [_, "expect", "string", text, ..] => {
                self.expect = text.as_bytes().to_vec();
                self.is_complete = true;
            }
            [_, "expect", "binary", hex, ..] => {
                self.expect = bytes(hex);
                self.is_complete = true;
            }
            // An expression, or anything but something: what fits is not known.
            [_, "expect", ..] => *self = Self { is_complete: true, ..Self::default() },
            _ => {}
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    hex.as_bytes().chunks(2).filter_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn check(rules: &[&str]) -> (String, String) {
        let mut check = OtherCheck::option("tcp-check");
        rules.iter().for_each(|rule| check.rule(&words(rule)));
        (check.send.escape_ascii().to_string(), check.expect.escape_ascii().to_string())
    }

    #[test]
    fn the_first_exchange_is_read() {
        let of = |send: &str, expect: &str| (send.to_owned(), expect.to_owned());
        assert_eq!(
            check(&[
                "tcp-check connect",
                "tcp-check send PING\\r\\n",
                "tcp-check expect string +PONG",
                "tcp-check send QUIT"
            ]),
            of("PING\\r\\n", "+PONG")
        );
        assert_eq!(check(&["tcp-check send-binary 0d0a", "tcp-check expect binary 2b"]), of("\\r\\n", "+"));
        assert_eq!(check(&["tcp-check send x", "tcp-check expect rstring ^y"]), of("", ""));
    }
}
