//! `causeway demo`: a little site on this machine, to see what Causeway does.
//!
//! Three app servers and a front-end run on threads of their own. In front of them is what
//! `causeway -c FILE` runs, with a copy of `examples/demo/envoy.yaml` that may be edited and reloaded.

mod app;
mod apps;
mod file;
mod front_end;
mod ports;
mod site;
mod text;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::{self, Command, DemoArguments, ServeArguments};
use crate::serve;
use file::File;
use ports::Ports;
use site::Site;

/// Runs the demo until it is told to end.
pub(crate) fn run(arguments: &DemoArguments) -> ExitCode {
    match prepare(Ports::shifted(arguments.port_offset)) {
        Ok(demo) => demo.serve(),
        Err(faults) => {
            for fault in faults {
                cli::complain(&format_args!("demo: {fault}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// Everything but the proxy. What was started ends, and what was written is removed, with it.
struct Demo {
    ports: Ports,
    file: File,
    arguments: Box<ServeArguments>,
    _site: Site,
}

fn prepare(ports: Ports) -> Result<Demo, Vec<String>> {
    ports.check()?;
    let file =
        File::write(&ports).map_err(|error| vec![format!("cannot write its configuration: {error}")])?;
    let words = ["causeway".into(), "-c".into(), OsString::from(file.path()), "--reason-header".into()];
    let arguments = match cli::parse(words) {
        Ok(Command::Serve(arguments)) => arguments,
        Ok(_) => {
            return Err(vec!["the command line of the proxy means something else".to_owned()]);
        }
        Err(error) => return Err(vec![error.to_string()]),
    };
    let site = Site::start(&ports, file.path())?;
    Ok(Demo { ports, file, arguments, _site: site })
}

impl Demo {
    fn serve(&self) -> ExitCode {
        serve::run(&self.arguments, || {
            cli::print(&text::what_to_try(&self.ports, self.file.path()));
        })
    }
}
