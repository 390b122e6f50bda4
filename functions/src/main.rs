//! All functions in one program; `_HANDLER` says which one this process is.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    functions::function::main().await
}
