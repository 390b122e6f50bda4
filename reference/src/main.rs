//! The reference pipeline's command line: parse, run, map to an exit code.

use std::process::ExitCode;

/// What waits in a queue are millions of small blocks, which the C library's allocator is slow to find room among.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    reference::cli::run(std::env::args_os())
}
