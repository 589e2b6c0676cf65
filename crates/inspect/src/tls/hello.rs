//! The fields of a ClientHello.

use super::Fault;

/// Extensions by their numbers (IANA, "TLS ExtensionType Values").
pub(super) mod extension {
    pub(crate) const SERVER_NAME: u16 = 0;
    pub(crate) const SUPPORTED_GROUPS: u16 = 10;
    pub(crate) const EC_POINT_FORMATS: u16 = 11;
    pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(crate) const ALPN: u16 = 16;
    pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
}

/// A ClientHello. Its lists are in the order of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// Bytes of the records that it came in.
    pub length: usize,
    /// `legacy_version`: 0x0303 in TLS 1.2 and 1.3.
    pub version: u16,
    /// The name that the client asks for, without a check of its form.
    pub server_name: Option<&'a [u8]>,
    ciphers: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// The protocols that the client speaks (ALPN, RFC 7301); none where the list is malformed.
    pub fn application_protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let list = self.extension(extension::ALPN).and_then(|bytes| whole(vector16(bytes)?));
        let list = list.filter(|list| is_list_of_texts(list)).unwrap_or_default();
        texts(list)
    }

    /// The first protocol as it stands there, even if the list behind it is malformed.
    pub(super) fn first_protocol(&self) -> Option<&'a [u8]> {
        let list = self.extension(extension::ALPN)?.get(2..)?;
        vector8(list).map(|(first, _)| first).filter(|first| !first.is_empty())
    }

    /// The cipher suites.
    pub fn ciphers(&self) -> impl Iterator<Item = u16> + use<'a> {
        numbers(self.ciphers)
    }

    /// The numbers of its extensions.
    pub fn extensions(&self) -> impl Iterator<Item = u16> + use<'a> {
        Extensions(self.extensions).map(|(number, _)| number)
    }

    /// `supported_groups`
    pub fn groups(&self) -> impl Iterator<Item = u16> + use<'a> {
        numbers(self.list16(extension::SUPPORTED_GROUPS))
    }

    /// `signature_algorithms`
    pub fn signature_algorithms(&self) -> impl Iterator<Item = u16> + use<'a> {
        numbers(self.list16(extension::SIGNATURE_ALGORITHMS))
    }

    /// `supported_versions`
    pub fn supported_versions(&self) -> impl Iterator<Item = u16> + use<'a> {
        let list = self.extension(extension::SUPPORTED_VERSIONS);
        numbers(list.and_then(|bytes| whole(vector8(bytes)?)).unwrap_or_default())
    }

    /// `ec_point_formats`
    pub fn point_formats(&self) -> impl Iterator<Item = u8> + use<'a> {
        let list = self.extension(extension::EC_POINT_FORMATS);
        list.and_then(|bytes| whole(vector8(bytes)?)).unwrap_or_default().iter().copied()
    }

    fn list16(&self, number: u16) -> &'a [u8] {
        self.extension(number).and_then(|bytes| whole(vector16(bytes)?)).unwrap_or_default()
    }

    fn extension(&self, wanted: u16) -> Option<&'a [u8]> {
        Extensions(self.extensions).find(|(number, _)| *number == wanted).map(|(_, content)| content)
    }
}

/// Reads the body of the message.
pub(super) fn parse(body: &[u8], length: usize) -> Result<ClientHello<'_>, Fault> {
    let fields = || {
        let (version, rest) = body.split_at_checked(2)?;
        let (_random, rest) = rest.split_at_checked(32)?;
        let (session, rest) = vector8(rest)?;
        let (ciphers, rest) = vector16(rest)?;
        let (compressions, rest) = vector8(rest)?;
        let sound = session.len() <= 32
            && !ciphers.is_empty()
            && ciphers.len().is_multiple_of(2)
            && !compressions.is_empty();
        // None at all are allowed (RFC 5246 §7.4.1.2).
        let extensions = if rest.is_empty() { rest } else { whole(vector16(rest)?)? };
        (sound && are_extensions(extensions)).then_some((version, ciphers, extensions))
    };
    let (version, ciphers, extensions) = fields().ok_or(Fault::Malformed)?;
    let mut hello = ClientHello {
        length,
        version: version.first_chunk().map_or(0, |version| u16::from_be_bytes(*version)),
        server_name: None,
        ciphers,
        extensions,
    };
    if let Some(bytes) = hello.extension(extension::SERVER_NAME) {
        hello.server_name = Some(server_name(bytes).ok_or(Fault::ServerName)?);
    }
    Ok(hello)
}

/// The one host name of the extension.
fn server_name(bytes: &[u8]) -> Option<&[u8]> {
    let [0, name @ ..] = whole(vector16(bytes)?)? else { return None };
    let name = whole(vector16(name)?)?;
    ((1..=255).contains(&name.len()) && !name.contains(&0)).then_some(name)
}

/// A vector with a length of one byte in front, and what is behind it.
fn vector8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// The same with a length of two.
fn vector16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// A vector that nothing is behind.
fn whole<'a>((vector, rest): (&'a [u8], &'a [u8])) -> Option<&'a [u8]> {
    rest.is_empty().then_some(vector)
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> + use<'_> {
    bytes.as_chunks().0.iter().map(|number| u16::from_be_bytes(*number))
}

fn texts(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (text, rest) = vector8(list)?;
        list = rest;
        Some(text)
    })
}

/// Whether a list of texts is complete, and none of them is empty.
fn is_list_of_texts(mut list: &[u8]) -> bool {
    while let Some((text, rest)) = vector8(list) {
        if text.is_empty() {
            return false;
        }
        list = rest;
    }
    list.is_empty()
}

/// Extensions, one behind the other.
struct Extensions<'a>(&'a [u8]);

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (number, rest) = self.0.split_first_chunk()?;
        let (content, rest) = vector16(rest)?;
        self.0 = rest;
        Some((u16::from_be_bytes(*number), content))
    }
}

/// Whether they are complete, and no two have one number.
fn are_extensions(bytes: &[u8]) -> bool {
    let mut extensions = Extensions(bytes);
    let mut numbers: Vec<u16> = extensions.by_ref().map(|(number, _)| number).collect();
    numbers.sort_unstable();
    extensions.0.is_empty() && numbers.is_sorted_by(|one, next| one < next)
}
