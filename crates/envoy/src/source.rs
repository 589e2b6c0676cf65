//! Configuration files as they were given, and places in them.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file to load.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    bytes: Vec<u8>,
}

/// How a file is written. Envoy goes by the name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML: `.yaml`, `.yml`.
    Yaml,
    /// JSON: `.json`.
    Json,
    /// The wire format of protobuf: `.pb`.
    Protobuf,
    /// The text format of protobuf: `.pb_text`. It is known by name only, and refused.
    TextProtobuf,
}

impl Source {
    /// A file of that name and content.
    #[must_use]
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }

    /// Reads a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self { name: path.display().to_string().into(), bytes: std::fs::read(path)? })
    }

    /// Its name, as diagnostics print it.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How it is written: by its name, as Envoy has it. A name that says nothing (Envoy takes those for
    /// JSON) is decided by the first character.
    #[must_use]
    pub fn format(&self) -> Format {
        let name = self.name.to_ascii_lowercase();
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("yaml" | "yml") => Format::Yaml,
            Some("json") => Format::Json,
            Some("pb") => Format::Protobuf,
            Some("pb_text") => Format::TextProtobuf,
            _ => match self.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{') => Format::Json,
                _ => Format::Yaml,
            },
        }
    }

    /// The bytes as text, without a byte order mark. UTF-16 is recognised by its mark, and what is not
    /// valid is replaced, both as Envoy's YAML parser does it. The second value says whether anything
    /// was replaced.
    pub(crate) fn text(&self) -> (Cow<'_, str>, bool) {
        let utf16 = |bytes: &[u8], decode: fn([u8; 2]) -> u16| {
            let units = bytes.chunks_exact(2).map(|pair| match pair {
                [a, b] => decode([*a, *b]),
                _ => 0,
            });
            let mut replaced = !bytes.len().is_multiple_of(2);
            let text = char::decode_utf16(units)
                .map(|unit| {
                    unit.unwrap_or_else(|_| {
                        replaced = true;
                        char::REPLACEMENT_CHARACTER
                    })
                })
                .collect::<String>();
            (Cow::Owned(text), replaced)
        };
        match self.bytes.as_slice() {
            [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
            [0xef, 0xbb, 0xbf, rest @ ..] | rest => match std::str::from_utf8(rest) {
                Ok(text) => (Cow::Borrowed(text), false),
                Err(_) => (String::from_utf8_lossy(rest), true),
            },
        }
    }
}

/// A range of bytes, counted through all files of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// The place of what no file holds.
    pub(crate) const NONE: Self = Self { start: u32::MAX, end: u32::MAX };

    /// Whether it is a place in a file.
    pub(crate) fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// This place, or, where it is none, the other.
    pub(crate) fn or(self, other: Self) -> Self {
        if self.is_some() { self } else { other }
    }
}

/// Line and column of a character, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LineColumn {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// The texts of one run: the file, and what is merged over it.
#[derive(Debug, Default)]
pub(crate) struct Files<'a> {
    files: Vec<File<'a>>,
}

/// One text.
#[derive(Debug)]
pub(crate) struct File<'a> {
    pub(crate) name: Arc<str>,
    pub(crate) text: Cow<'a, str>,
    /// The same with small mends that keep every byte in its place, where it had to be mended.
    mended: OnceCell<String>,
    /// Where its bytes begin in the count of [`Span`].
    pub(crate) base: u32,
    index: OnceCell<Index>,
}

/// Where lines begin, and how many bytes are no characters of their own: a place is found without
/// reading its line, for generated files are a single one.
#[derive(Debug)]
struct Index {
    /// Offsets at which lines begin.
    lines: Vec<u32>,
    /// How many bytes before each block of [`BLOCK`] continue a character.
    continued: Vec<u32>,
}

const BLOCK: usize = 1024;

impl<'a> Files<'a> {
    /// Adds a text and says where its bytes begin; `None` where the texts together exceed 4 GiB.
    pub(crate) fn add(&mut self, name: Arc<str>, text: Cow<'a, str>) -> Option<u32> {
        let base = match self.files.last() {
            // One byte between two texts, so that the end of one is not the beginning of the next.
            Some(last) => last.base.checked_add(u32::try_from(last.text.len()).ok()?)?.checked_add(1)?,
            None => 0,
        };
        base.checked_add(u32::try_from(text.len()).ok()?).filter(|end| *end < u32::MAX)?;
        self.files.push(File { name, text, mended: OnceCell::new(), base, index: OnceCell::new() });
        Some(base)
    }

    /// The text that begins there.
    pub(crate) fn text(&self, base: u32) -> &str {
        self.files.iter().find(|file| file.base == base).map_or("", |file| &file.text)
    }

    /// Keeps a mended text beside the one that begins there, and gives it back.
    pub(crate) fn keep_mended(&self, base: u32, mended: String) -> &str {
        let file = self.files.iter().find(|file| file.base == base);
        file.map_or("", |file| file.mended.get_or_init(|| mended))
    }

    /// The file that holds a place, and where in it.
    pub(crate) fn file(&self, span: Span) -> Option<(&File<'a>, std::ops::Range<usize>)> {
        if !span.is_some() {
            return None;
        }
        let file = self.files.iter().rev().find(|file| file.base <= span.start)?;
        let start = (span.start - file.base) as usize;
        let end = span.end.saturating_sub(file.base) as usize;
        let end = end.clamp(start, file.text.len().max(start));
        Some((file, start..end))
    }
}

impl File<'_> {
    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let bytes = self.text.as_bytes();
            let mut lines = vec![0];
            for (at, byte) in bytes.iter().enumerate() {
                // A line ends in LF, CR LF, or CR alone.
                if *byte == b'\n' || *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n') {
                    lines.extend(u32::try_from(at + 1));
                }
            }
            let continued = bytes
                .chunks(BLOCK)
                .scan(0, |count, block| {
                    let before = *count;
                    *count += continuations(block);
                    Some(before)
                })
                .collect();
            Index { lines, continued }
        })
    }

    /// Line and column of a byte.
    pub(crate) fn line_column(&self, offset: usize) -> LineColumn {
        let lines = &self.index().lines;
        let offset = u32::try_from(offset.min(self.text.len())).unwrap_or(u32::MAX);
        let line = lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| lines.get(line)).copied().unwrap_or(0);
        LineColumn {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: self.characters(offset).saturating_sub(self.characters(start)).saturating_add(1),
        }
    }

    /// How many characters begin before a byte.
    fn characters(&self, offset: u32) -> u32 {
        let block = offset as usize / BLOCK;
        let before = self.index().continued.get(block).copied().unwrap_or(0);
        let rest = self.text.as_bytes().get(block * BLOCK..offset as usize).unwrap_or_default();
        offset.saturating_sub(before).saturating_sub(continuations(rest))
    }

    /// The bytes of a line and the next few, counted from 1.
    pub(crate) fn line_range(&self, first: u32, last: u32) -> std::ops::Range<usize> {
        let lines = &self.index().lines;
        let start = |line: u32| lines.get(line.saturating_sub(1) as usize).map(|start| *start as usize);
        start(first).unwrap_or(self.text.len())..start(last + 1).unwrap_or(self.text.len())
    }
}

/// How many of these bytes continue a character of UTF-8.
fn continuations(bytes: &[u8]) -> u32 {
    bytes.iter().map(|byte| u32::from(byte & 0xc0 == 0x80)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides_the_format() {
        let format = |name, text: &str| Source::new(name, text).format();
        assert_eq!(format("a.YAML", "{"), Format::Yaml);
        assert_eq!(format("a.json", "a: b"), Format::Json);
        assert_eq!(format("a.pb", ""), Format::Protobuf);
        assert_eq!(format("a.pb_text", ""), Format::TextProtobuf);
        assert_eq!(format("a.conf", " {}"), Format::Json);
        assert_eq!(format("-", "admin: {}"), Format::Yaml);
    }

    #[test]
    fn marks_and_encodings_are_recognised() {
        assert_eq!(Source::new("", b"\xef\xbb\xbfa".to_vec()).text(), ("a".into(), false));
        assert_eq!(Source::new("", b"\xff\xfea\0".to_vec()).text(), ("a".into(), false));
        assert_eq!(Source::new("", b"\xfe\xff\0a".to_vec()).text(), ("a".into(), false));
        assert_eq!(Source::new("", b"a\xff".to_vec()).text(), ("a\u{fffd}".into(), true));
    }

    #[test]
    fn columns_count_characters_and_lines_end_in_every_way() {
        let mut files = Files::default();
        let base = files.add("a".into(), "é: x\r\ny\rz\n".into()).unwrap();
        let second = files.add("b".into(), "q".into()).unwrap();
        let at = |offset| {
            let (file, range) = files.file(Span { start: base + offset, end: base + offset }).unwrap();
            let place = file.line_column(range.start);
            (place.line, place.column)
        };
        assert_eq!((at(0), at(4), at(7), at(9)), ((1, 1), (1, 4), (2, 1), (3, 1)));
        let (file, range) = files.file(Span { start: second, end: second + 1 }).unwrap();
        assert_eq!((&*file.name, range), ("b", 0..1));
    }

    #[test]
    fn columns_are_those_of_the_characters_in_lines_of_any_length() {
        let text: String = (0..BLOCK * 3).map(|i| if i % 7 == 0 { '…' } else { 'a' }).collect();
        let text = format!("{text}\n{text}");
        let mut files = Files::default();
        let base = files.add("a".into(), text.as_str().into()).unwrap();
        let (mut line, mut column) = (1, 1);
        for (offset, character) in text.char_indices() {
            let at = base + u32::try_from(offset).unwrap();
            let (file, range) = files.file(Span { start: at, end: at }).unwrap();
            assert_eq!(file.line_column(range.start), LineColumn { line, column });
            (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
    }
}
