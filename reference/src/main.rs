//! The reference pipeline's command line: parse, run, map to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    reference::cli::run(std::env::args_os())
}
