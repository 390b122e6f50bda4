//! The harness's command line.

use std::process::ExitCode;

/// What waits in a queue are millions of small blocks, which the C library's allocator is slow to find room among.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    loadgen::cli::main(std::env::args_os())
}
