//! The command line: parse, run, map to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    chaos::cli::run(std::env::args_os())
}
