//! What the stats socket said, as values.

use std::collections::BTreeMap;
use std::time::Duration;

use super::socket::StatsSocket;

/// What the stats socket said.
#[derive(Debug, Clone, Default)]
pub(super) struct Observed {
    /// `show info`
    pub(super) info: BTreeMap<String, String>,
    /// `show stat`, at first and again.
    pub(super) before: Vec<Row>,
    pub(super) after: Vec<Row>,
    /// Time between both.
    pub(super) between: Duration,
    /// `show servers state`; empty where it is not permitted.
    pub(super) servers: Vec<ServerState>,
    /// `show errors`
    pub(super) errors: String,
    /// `show resolvers`
    pub(super) resolvers: String,
    /// `show ssl cert FILE`: file, serial number and end of validity, as it has them.
    pub(super) certificates: Vec<Certificate>,
    /// Commands that the socket's level does not permit.
    pub(super) denied: Vec<&'static str>,
}

/// A certificate that is in use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) file: String,
    pub(super) serial: String,
    pub(super) not_after: String,
}

/// Certificates that are asked for.
const CERTIFICATES: usize = 32;

/// A line of `show stat`, by the names of its columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row(BTreeMap<String, String>);

/// A line of `show servers state`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerState {
    pub(super) backend: String,
    pub(super) name: String,
    /// The address in use; nothing where there is none.
    pub(super) address: Option<String>,
    pub(super) port: u16,
    /// The name that resolvers look up, where one is known.
    pub(super) fqdn: Option<String>,
    pub(super) tls: bool,
}

impl Observed {
    /// Asks for everything; what a low level of the socket does not permit stays empty.
    pub(super) fn ask(socket: &StatsSocket) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{socket} does not answer: {error}");
        let stat = socket.ask("show stat").map_err(failed)?;
        let before = rows(&stat);
        if before.is_empty() {
            return Err(format!("{socket} is no stats socket of HAProxy: `show stat` gives no table"));
        }
        let mut denied = Vec::new();
        let mut ask = |command: &'static str| {
            let answer = socket.ask(command).unwrap_or_default();
            if is_denied(&answer) {
                denied.push(command);
                return String::new();
            }
            answer
        };
        let (info_text, states) = (ask("show info"), ask("show servers state"));
        let (errors, resolvers, list) = (ask("show errors"), ask("show resolvers"), ask("show ssl cert"));
        Ok(Self {
            info: info(&info_text),
            after: before.clone(),
            before,
            between: Duration::ZERO,
            servers: servers(&states),
            errors,
            resolvers,
            certificates: certificates(&list, |command| socket.ask(command).unwrap_or_default()),
            denied,
        })
    }

    pub(super) fn again(&mut self, socket: &StatsSocket, between: Duration) {
        if let Ok(stat) = socket.ask("show stat") {
            self.after = rows(&stat);
            self.between = between;
        }
    }

    /// How much a counter of a server grew.
    pub(super) fn grew(&self, row: &Row, column: &str) -> u64 {
        let same = |other: &&Row| other.backend() == row.backend() && other.name() == row.name();
        let before = self.before.iter().find(same).map_or(0, |row| row.number(column));
        row.number(column).saturating_sub(before)
    }

    /// What `show servers state` says of a server.
    pub(super) fn state_of(&self, row: &Row) -> Option<&ServerState> {
        self.servers.iter().find(|state| state.backend == row.backend() && state.name == row.name())
    }

    /// Totals of backends.
    pub(super) fn backend_rows(&self) -> impl Iterator<Item = &Row> {
        self.after.iter().filter(|row| row.text("type") == "1")
    }

    /// Servers, without frontends and totals.
    pub(super) fn server_rows(&self) -> impl Iterator<Item = &Row> {
        self.after.iter().filter(|row| row.text("type") == "2")
    }
}

impl Row {
    pub(super) fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    pub(super) fn number(&self, column: &str) -> u64 {
        self.text(column).parse().unwrap_or(0)
    }

    pub(super) fn backend(&self) -> &str {
        self.text("pxname")
    }

    pub(super) fn name(&self) -> &str {
        self.text("svname")
    }

    #[cfg(test)]
    pub(super) fn of(columns: &[(&str, &str)]) -> Self {
        Self(columns.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

/// The table of `show stat`.
pub(super) fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let Some(head) = lines.next().and_then(|line| line.strip_prefix("# ")) else { return Vec::new() };
    let names: Vec<_> = head.split(',').collect();
    let row = |line: &str| {
        let values = fields(line);
        Row(names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value)).collect())
    };
    lines.filter(|line| !line.is_empty()).map(row).collect()
}

/// How HAProxy says that a level may not do something; the second is what 2.6 says of certificates.
fn is_denied(answer: &str) -> bool {
    ["Permission denied", "Can't allocate memory"].iter().any(|words| answer.trim_start().starts_with(words))
}

/// The files of `show ssl cert`, each asked for.
fn certificates(list: &str, ask: impl Fn(&str) -> String) -> Vec<Certificate> {
    // A star stands in front of what is about to be changed.
    let is_file = |line: &&str| !line.trim().is_empty() && !line.starts_with(['#', '*']);
    let files = list.lines().filter(is_file).take(CERTIFICATES);
    files.filter_map(|file| certificate(file, &ask(&format!("show ssl cert {file}")))).collect()
}

pub(super) fn certificate(file: &str, text: &str) -> Option<Certificate> {
    let value =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|it| it.trim().to_owned());
    Some(Certificate {
        file: file.to_owned(),
        serial: value("Serial:")?,
        not_after: value("notAfter:").unwrap_or_default(),
    })
}

/// The fields of a line of CSV (RFC 4180 §2).
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

fn info(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The table of `show servers state`, version 1.
pub(super) fn servers(text: &str) -> Vec<ServerState> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("# "));
    let Some(head) = lines.next().and_then(|line| line.strip_prefix("# ")) else { return Vec::new() };
    let names: Vec<_> = head.split_ascii_whitespace().collect();
    let server = |line: &str| {
        let values: Vec<_> = line.split_ascii_whitespace().collect();
        let value = |name: &str| {
            let at = names.iter().position(|other| *other == name)?;
            values.get(at).copied().filter(|value| *value != "-")
        };
        Some(ServerState {
            backend: value("be_name")?.to_owned(),
            name: value("srv_name")?.to_owned(),
            address: value("srv_addr").map(str::to_owned),
            port: value("srv_port")?.parse().ok()?,
            fqdn: value("srv_fqdn").map(str::to_owned),
            tls: value("srv_use_ssl") == Some("1"),
        })
    };
    lines.filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_by_the_names_of_their_columns() {
        let text = "# pxname,svname,status,last_chk,type,\nbe,s1,DOWN,\"Connection refused, \"\"x\"\"\",2,\nfe,FRONTEND,OPEN,,0,\n\n";
        let rows = rows(text);
        let row = rows.first().unwrap();
        assert_eq!(
            (row.backend(), row.name(), row.text("last_chk")),
            ("be", "s1", "Connection refused, \"x\"")
        );
        assert_eq!((rows.len(), row.number("type"), row.number("none")), (2, 2, 0));
        assert!(self::rows("Permission denied\n").is_empty());
    }

    #[test]
    fn certificates_are_read_and_refusals_known() {
        let text = "Filename: /a.pem\nSerial: 1234\nnotAfter: Feb 26 18:30:27 2027 GMT\n";
        let list = certificates("# filename\n/a.pem\n\n", |command| {
            assert_eq!(command, "show ssl cert /a.pem");
            text.to_owned()
        });
        assert_eq!(list.first().map(|one| &*one.serial), Some("1234"));
        assert!(
            is_denied("Permission denied\n") && is_denied("Can't allocate memory!\n") && !is_denied("# x")
        );
    }

    #[test]
    fn addresses_in_use_are_read() {
        let text = "1\n# be_id be_name srv_id srv_name srv_addr srv_fqdn srv_port srv_use_ssl\n\
                    3 app 1 a1 10.0.0.1 app.local 80 0\n7 res 1 r1 - nosuch.invalid 80 1\n\n";
        let servers = servers(text);
        let [a1, r1] = &servers[..] else { panic!("{servers:?}") };
        assert_eq!((a1.address.as_deref(), a1.port, a1.tls), (Some("10.0.0.1"), 80, false));
        assert_eq!((r1.address.as_deref(), r1.fqdn.as_deref(), r1.tls), (None, Some("nosuch.invalid"), true));
    }
}
