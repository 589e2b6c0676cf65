//! What clients are told of why their requests failed.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use causeway_model::{CidrRange, CidrSet};
use causeway_proxy::ReasonHeader;
use clap::error::ErrorKind;
use clap::{ArgMatches, Error};

use super::usage;

/// The header that `--reason-header`, `--reason-trusted` and `--reason-token-path` ask for.
pub(super) fn read(matches: &ArgMatches) -> Result<Option<Arc<ReasonHeader>>, Error> {
    let ranges: Vec<_> = matches.get_many::<OsString>("reason-trusted").into_iter().flatten().collect();
    let token = matches.get_one::<OsString>("reason-token-path");
    if !matches.get_flag("reason-header") && ranges.is_empty() && token.is_none() {
        return Ok(None);
    }
    let trusted =
        ranges.iter().flat_map(|text| text.to_string_lossy().split(',').map(range).collect::<Vec<_>>());
    let trusted = CidrSet(trusted.collect::<Result<_, _>>()?);
    let token = token.map(|path| secret(Path::new(path))).transpose()?;
    Ok(Some(Arc::new(ReasonHeader { trusted, token })))
}

/// An address, or a range of them: `10.0.0.0/8`.
fn range(text: &str) -> Result<CidrRange, Error> {
    let parsed = match text.trim().split_once('/') {
        Some((address, length)) => address.parse().ok().zip(length.parse().ok()),
        None => text
            .trim()
            .parse()
            .ok()
            .map(|address: std::net::IpAddr| (address, if address.is_ipv4() { 32 } else { 128 })),
    };
    parsed
        .filter(|(address, length)| *length <= if address.is_ipv4() { 32 } else { 128 })
        .map(|(address, length)| CidrRange::new(address, length))
        .ok_or_else(|| {
            usage(
                ErrorKind::InvalidValue,
                format!("--reason-trusted: \"{text}\" is no address and no range such as 10.0.0.0/8"),
            )
        })
}

/// The first line of a file.
fn secret(path: &Path) -> Result<Box<[u8]>, Error> {
    let wrong =
        |what: String| usage(ErrorKind::Io, format!("--reason-token-path {}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    match text.lines().next().map(str::trim).filter(|line| line.len() >= 16) {
        Some(line) => Ok(line.as_bytes().into()),
        None => Err(wrong("a token has at least 16 characters, or it can be guessed".to_owned())),
    }
}
