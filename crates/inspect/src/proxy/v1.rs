//! Version 1: a line of text (2.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Addresses, Fault, Header, Parsed, Tlvs, V1_MAX, check};

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Fault> {
    let Some(end) = line_end(bytes)? else { return Ok(Parsed::NeedMore(bytes.len() + 1)) };
    let addresses = fields(bytes.get(..end).unwrap_or_default())?;
    Ok(Parsed::Complete(Header { length: end + 2, addresses, tlvs: Tlvs::default() }))
}

/// Where the line ends. Its CR LF has to be within the first 107 bytes.
fn line_end(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let may_hold = bytes.get(..V1_MAX).unwrap_or(bytes);
    match may_hold.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        None if may_hold.len() == V1_MAX => Err(Fault::LineTooLong),
        None => Ok(None),
        Some(at) => match may_hold.get(at..at + 2) {
            Some(b"\r\n") => Ok(Some(at)),
            None if may_hold.get(at) == Some(&b'\r') && may_hold.len() < V1_MAX => Ok(None),
            None | Some(_) => Err(Fault::LineEnd),
        },
    }
}

/// The addresses of a line without its end. Fields are parted by exactly one space.
fn fields(line: &[u8]) -> Result<Option<Addresses>, Fault> {
    let line = std::str::from_utf8(line).map_err(|_| Fault::Fields)?;
    let mut fields = line.split(' ').skip(1);
    let is_v4 = match fields.next() {
        // Whatever follows is to be ignored.
        Some("UNKNOWN") => return Ok(None),
        Some("TCP4") => true,
        Some("TCP6") => false,
        _ => return Err(Fault::Fields),
    };
    let mut field = || fields.next().ok_or(Fault::Fields);
    let [source, destination, from, to] = [field()?, field()?, field()?, field()?];
    if fields.next().is_some() {
        return Err(Fault::Fields);
    }
    let ip = |text: &str| -> Result<IpAddr, Fault> {
        let ip = if is_v4 {
            text.parse::<Ipv4Addr>().map(IpAddr::V4)
        } else {
            text.parse::<Ipv6Addr>().map(IpAddr::V6)
        };
        ip.map_err(|_| Fault::Address)
    };
    Ok(Some(Addresses {
        source: check(SocketAddr::new(ip(source)?, port(from)?))?,
        destination: check(SocketAddr::new(ip(destination)?, port(to)?))?,
    }))
}

/// A decimal number without a sign, and without zeros in front of it, which some read as octal.
fn port(text: &str) -> Result<u16, Fault> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain).ok_or(Fault::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(line: &str) -> Result<Option<(String, String)>, Fault> {
        match parse(line.as_bytes())? {
            Parsed::Complete(header) => {
                assert_eq!(&line[header.length - 2..header.length], "\r\n");
                Ok(header
                    .addresses
                    .map(|addresses| (addresses.source.to_string(), addresses.destination.to_string())))
            }
            Parsed::NeedMore(_) => panic!("incomplete"),
        }
    }

    #[test]
    fn addresses_of_both_families() {
        let found = |from: &str, to: &str| Ok(Some((from.to_owned(), to.to_owned())));
        assert_eq!(
            complete("PROXY TCP4 1.2.3.4 5.6.7.8 1 65535\r\nGET"),
            found("1.2.3.4:1", "5.6.7.8:65535")
        );
        assert_eq!(complete("PROXY TCP6 ::1 2001:db8::2 0 80\r\n"), found("[::1]:0", "[2001:db8::2]:80"));
    }

    #[test]
    fn whatever_stands_behind_unknown_is_ignored() {
        for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 x 1 2\r\n", "PROXY UNKNOWN  \r\n"] {
            assert_eq!(complete(line), Ok(None), "{line:?}");
        }
    }

    #[test]
    fn lines_that_are_none() {
        for (line, fault) in [
            ("PROXY \r\n", Fault::Fields),
            ("PROXY UNKNOWNX\r\n", Fault::Fields),
            ("PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n", Fault::Fields),
            ("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", Fault::Fields),
            ("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", Fault::Fields),
            ("PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n", Fault::Fields),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", Fault::Fields),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", Fault::Fields),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", Fault::Fields),
            ("PROXY TCP4 1.2.3.4 5.6.7.8  2\r\n", Fault::Port),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", Fault::Port),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1 99999999999\r\n", Fault::Port),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", Fault::Port),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", Fault::Port),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", Fault::Port),
            ("PROXY TCP4 1.2.3.400 5.6.7.8 1 2\r\n", Fault::Address),
            ("PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n", Fault::Address),
            ("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", Fault::Address),
            ("PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n", Fault::Address),
            ("PROXY TCP4 ::1 ::2 1 2\r\n", Fault::Address),
            ("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", Fault::Address),
            ("PROXY TCP6 fe80::1%lo fe80::2 1 2\r\n", Fault::Address),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", Fault::LineEnd),
            ("PROXY TCP4 1.2.3.4\r5.6.7.8 1 2\r\n", Fault::LineEnd),
            ("PROXY TCP4 0.0.0.0 5.6.7.8 1 2\r\n", Fault::NoHost("0.0.0.0".parse().unwrap())),
            ("PROXY TCP4 1.2.3.4 224.0.0.1 1 2\r\n", Fault::NoHost("224.0.0.1".parse().unwrap())),
            ("PROXY TCP6 :: ::1 1 2\r\n", Fault::NoHost("::".parse().unwrap())),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(fault), "{line:?}");
        }
    }

    #[test]
    fn the_longest_line_has_107_bytes() {
        let line = |rest: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(rest));
        assert_eq!(complete(&line(91)), Ok(None));
        assert_eq!(parse(line(92).as_bytes()), Err(Fault::LineEnd));
        assert_eq!(parse(line(93).as_bytes()), Err(Fault::LineTooLong));
        let longest = "PROXY TCP6 ffff:f:f:f:f:f:f:f ffff:f:f:f:f:f:f:f 1 1\r".as_bytes();
        for end in 6..longest.len() {
            assert_eq!(parse(&longest[..end]), Ok(Parsed::NeedMore(end + 1)));
        }
    }
}
