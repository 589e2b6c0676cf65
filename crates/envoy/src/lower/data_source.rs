//! `DataSource`: text or bytes that stand in the file, in another file, or in the environment.

use std::path::Path;

use super::Cx;
use crate::diagnostic::{At, Draft, Kind};
use crate::tree::Message;

impl Cx<'_> {
    /// The bytes; `None` where they can't be read. Where files are not checked, those of a file are
    /// none, without a word.
    pub(super) fn data_source(&self, message: &Message<'_>, field: &str) -> Option<Vec<u8>> {
        self.source_bytes(message.message(field)?)
    }

    /// The same for the message itself.
    pub(super) fn source_bytes(&self, source: &Message<'_>) -> Option<Vec<u8>> {
        match source.which("specifier")? {
            "filename" => self.read_file(source.text("filename"), source.at("filename")),
            "inline_bytes" => Some(source.bytes("inline_bytes").to_vec()),
            "inline_string" => Some(source.text("inline_string").as_bytes().to_vec()),
            _ => {
                let name = source.text("environment_variable");
                match std::env::var_os(name) {
                    Some(value) => Some(value.into_encoded_bytes()),
                    None if !self.options.check_files => Some(Vec::new()),
                    None => {
                        self.push(
                            Draft::new(
                                Kind::File,
                                "missing-variable",
                                format!("the environment variable `{name}` is not set"),
                            )
                            .at(source.at("environment_variable")),
                        );
                        None
                    }
                }
            }
        }
    }

    /// The text; bytes that are no text are refused.
    pub(super) fn text_source(&self, message: &Message<'_>, field: &str) -> Option<String> {
        let bytes = self.data_source(message, field)?;
        match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(_) => {
                self.reject(message.at(field), "invalid-text", format!("`{field}` has to be UTF-8"));
                None
            }
        }
    }

    fn read_file(&self, path: &str, at: At) -> Option<Vec<u8>> {
        if !self.options.check_files {
            return Some(Vec::new());
        }
        // Devices and the kernel's views have no size, and no end either.
        let forbidden = ["/dev", "/sys", "/proc"];
        if forbidden.iter().any(|root| Path::new(path).starts_with(root)) {
            self.reject(
                at,
                "invalid-path",
                format!("`{path}` is not a file that can be read as configuration"),
            );
            return None;
        }
        match std::fs::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.push(
                    Draft::new(
                        Kind::File,
                        "missing-file",
                        format!("can't read `{path}`: {}", error_text(&error)),
                    )
                    .at(at),
                );
                None
            }
        }
    }

    /// Whether a file can be created or appended to: its folder has to be there.
    pub(super) fn check_log_path(&self, path: &str, at: At) {
        if !self.options.check_files {
            return;
        }
        let path = Path::new(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let problem = if path.is_dir() {
            format!("`{}` is a folder", path.display())
        } else if !folder.is_dir() {
            format!("the folder `{}` does not exist", folder.display())
        } else {
            return;
        };
        self.push(Draft::new(Kind::File, "missing-file", problem).at(at));
    }
}

/// An error of the system in a few words, without its number.
fn error_text(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}
