use std::process::ExitCode;
pub(crate) fn run(_: &crate::cli::DemoArguments) -> ExitCode {
    ExitCode::FAILURE
}
