//! Reading a log line by line, however large it is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use causeway_doctor::logs::Reader;
use causeway_model::Bootstrap;

/// Longer lines are cut: nobody writes them.
const LONGEST: usize = 64 << 10;
/// Between two words about how far it is.
const PAUSE: Duration = Duration::from_secs(1);
/// Lines between two looks at the clock.
const LINES: u64 = 4096;

/// Reads all of a log; `-` is standard input. Gives its name too.
pub(super) fn read(path: &Path, bootstrap: Option<&Bootstrap>) -> io::Result<(String, Reader)> {
    let mut reader = Reader::new(bootstrap);
    if path.as_os_str() == "-" {
        lines(io::stdin().lock(), None, &mut reader)?;
        return Ok(("stdin".to_owned(), reader));
    }
    let file = File::open(path)?;
    let size = file.metadata().ok().map(|data| data.len()).filter(|size| *size > 0);
    lines(BufReader::with_capacity(1 << 20, file), size, &mut reader)?;
    Ok((path.display().to_string(), reader))
}

fn lines(mut input: impl BufRead, size: Option<u64>, reader: &mut Reader) -> io::Result<()> {
    let watched = io::stderr().is_terminal();
    let (mut read, mut said) = (0_u64, Instant::now());
    let mut line = Vec::new();
    let mut shown = false;
    loop {
        line.clear();
        let count = input.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line)?;
        if count == 0 {
            break;
        }
        read += count as u64;
        if count == LONGEST && line.last() != Some(&b'\n') {
            read += skip(&mut input)?;
        }
        let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
        reader.line(&String::from_utf8_lossy(line.get(..end).unwrap_or_default()));
        if watched && reader.lines().is_multiple_of(LINES) && said.elapsed() >= PAUSE {
            said = Instant::now();
            shown = true;
            let of = size.map(|size| format!(" ({} %)", read.saturating_mul(100) / size)).unwrap_or_default();
            tell(&format!("{} lines{of} …", reader.lines()));
        }
    }
    if shown {
        tell("");
    }
    Ok(())
}

/// Reads up to the end of a line that is too long.
fn skip(input: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        let (count, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(count);
        skipped += count as u64;
        if done {
            return Ok(skipped);
        }
    }
}

/// Writes a line over the last one. A terminal that is gone needs none.
fn tell(line: &str) {
    let _ = write!(io::stderr(), "\r\x1b[K{line}");
    let _ = io::stderr().flush();
}
