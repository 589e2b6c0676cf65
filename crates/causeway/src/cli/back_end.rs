//! `causeway doctor backend`

use causeway_doctor::backend::BackEnd;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::examination::about_reports;

/// Its options; those about reports are the doctor's own.
pub(super) fn command() -> Command {
    Command::new("backend")
        .about("Examines this host as that of a back-end: who listens, where, and what it answers")
        .after_help("Example: causeway doctor backend --port 18443 --health /api/health\n\nRuns without root, and says what root would add.")
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("PORT")
                .required_unless_present("list")
                .value_parser(value_parser!(u16).range(1..))
                .help("The port that the back-end is to listen on"),
        )
        .arg(
            Arg::new("health")
                .long("health")
                .value_name("PATH")
                .value_parser(path)
                .help("Path of its health check, which is to answer 200"),
        )
        .arg(Arg::new("host").long("host").value_name("NAME").value_parser(host).help("Host of requests [default: the address]"))
        .arg(Arg::new("tls").long("tls").action(ArgAction::SetTrue).help("The port is to speak TLS"))
        .args(about_reports())
}

/// The back-end; `None` where none is named.
pub(super) fn back_end(matches: &ArgMatches) -> Option<BackEnd> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let port = *matches.get_one::<u16>("port")?;
    Some(BackEnd { port, health: text("health"), host: text("host"), tls: matches.get_flag("tls") })
}

/// A path as it can stand in a request line (RFC 9112 §3.2.1).
fn path(text: &str) -> Result<String, String> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned()).ok_or_else(|| "a path begins with / and has no spaces".to_owned())
}

/// A name as it can stand in `Host`.
fn host(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    fits.then(|| text.to_owned()).ok_or_else(|| "a name has neither spaces nor slashes".to_owned())
}
