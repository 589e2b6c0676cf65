//! Certificates.

use serde_json::{Value, json};

use super::grid::{Column, Grid, column, wide};
use super::messages::{at, dumps, items, number, resources, text};
use super::{Remote, fits};
use crate::cli::TableArguments;

const COLUMNS: &[Column] = &[
    column("NAME", "name"),
    column("TYPE", "type"),
    column("FOR", "subject_alt_names"),
    wide("VALID FROM", "valid_from"),
    column("VALID UNTIL", "valid_until"),
    column("DAYS LEFT", "days_left"),
    column("SERIAL", "serial"),
    wide("FILE", "file"),
];

/// Lists certificates: those that are in use, and secrets that none of them is known to belong to.
pub(super) fn list(remote: &Remote, arguments: &TableArguments) -> Result<Grid, String> {
    let certificates = remote.page("/certs")?;
    let dump = remote.page_if_any("/config_dump");
    let dumped = resources(
        &dump,
        "SecretsConfigDump",
        &[
            ("static_secrets", &[]),
            ("dynamic_active_secrets", &[]),
            ("static_warming_secrets", &[]),
            ("dynamic_warming_secrets", &[]),
        ],
    );
    let of_dump = dumped.into_iter().map(|entry| Secret::new(text(entry, &["name"]), at(entry, &["secret"])));
    // Causeway has them where the file has them.
    let boot = dumps(&dump, "BootstrapConfigDump");
    let of_file = boot.flat_map(|dump| items(dump, &["bootstrap", "static_resources", "secrets"]));
    let mut secrets: Vec<Secret> = of_dump.collect();
    for entry in of_file {
        let secret = Secret::new(text(entry, &["name"]), entry);
        if !secrets.iter().any(|known| known.name == secret.name) {
            secrets.push(secret);
        }
    }
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut named = Vec::new();
    for pair in items(&certificates, &["certificates"]) {
        for (field, kind) in [("cert_chain", "certificate"), ("ca_cert", "CA")] {
            for one in items(pair, &[field]) {
                let file = text(one, &["path"]);
                let secret = secrets
                    .iter()
                    .find(|secret| !file.is_empty() && secret.files.iter().any(|known| known == file));
                named.extend(secret.map(|secret| secret.name.clone()));
                let row = row(one, kind, secret.map_or(file, |secret| &secret.name));
                // Contexts that share one have it once each.
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
    }
    for secret in secrets.iter().filter(|secret| !named.contains(&secret.name)) {
        let mut row = vec![Value::Null; COLUMNS.len()];
        for (at, value) in [json!(secret.name), json!(secret.kind)].into_iter().enumerate() {
            if let Some(slot) = row.get_mut(at) {
                *slot = value;
            }
        }
        rows.push(row);
    }
    let wanted = |row: &Vec<Value>| {
        let names = row.first().into_iter().chain(row.get(2).and_then(Value::as_array).into_iter().flatten());
        names.filter_map(Value::as_str).any(|name| fits(arguments.name.as_deref(), name))
    };
    rows.retain(wanted);
    rows.sort_by_key(|row| row.get(5).and_then(number).unwrap_or(u64::MAX));
    Ok(Grid { columns: COLUMNS, rows })
}

/// A secret with a name.
struct Secret {
    name: String,
    kind: &'static str,
    /// The files that it is made of.
    files: Vec<String>,
}

impl Secret {
    fn new(name: &str, secret: &Value) -> Self {
        let kind = [
            ("tls_certificate", "certificate"),
            ("validation_context", "CA"),
            ("session_ticket_keys", "ticket keys"),
            ("generic_secret", "generic"),
        ];
        let kind =
            kind.into_iter().find(|(field, _)| secret.get(field).is_some()).map_or("-", |(_, kind)| kind);
        let files = [
            ["tls_certificate", "certificate_chain", "filename"],
            ["validation_context", "trusted_ca", "filename"],
        ];
        let files = files.iter().map(|path| text(secret, path).to_owned()).filter(|file| !file.is_empty());
        Self { name: name.to_owned(), kind, files: files.collect() }
    }
}

fn row(one: &Value, kind: &str, name: &str) -> Vec<Value> {
    let names = items(one, &["subject_alt_names"]).iter();
    let names: Vec<&str> = names
        .filter_map(|name| ["dns", "uri", "ip_address"].iter().find_map(|kind| name.get(kind)?.as_str()))
        .collect();
    vec![
        json!(name),
        json!(kind),
        json!(names),
        json!(text(one, &["valid_from"])),
        json!(text(one, &["expiration_time"])),
        json!(one.get("days_until_expiration").and_then(number)),
        json!(text(one, &["serial_number"])),
        json!(text(one, &["path"])),
    ]
}
