//! The program `causeway`: command line, life cycle, demo.
//!
//! Nothing here is on the way of a request. `serve` loads a configuration, gives it to the parts that
//! run it, and keeps them in order until the process ends.

mod cli;
mod demo;
mod diff;
mod doctor;
mod explain;
mod process;
mod remote;
mod route;
mod serve;
mod sink;
mod tables;
mod validate;
mod version;
mod views;
mod why;

use std::process::ExitCode;

use cli::Command;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Command::Serve(arguments)) => serve::run(&arguments, || {}),
        Ok(Command::Validate(arguments)) => validate::run(&arguments),
        Ok(Command::Demo(arguments)) => demo::run(&arguments),
        Ok(Command::Why(arguments)) => why::run(&arguments),
        Ok(Command::Explain(arguments)) => explain::run(&arguments),
        Ok(Command::Doctor(arguments)) => doctor::run(&arguments),
        Ok(Command::Table(arguments)) => tables::run(&arguments),
        Ok(Command::Diff(arguments)) => diff::run(&arguments),
        Ok(Command::Route(arguments)) => route::run(&arguments),
        Ok(Command::Print(text)) => cli::print(&text),
        Err(error) => error.exit(),
    }
}
