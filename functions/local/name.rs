//! Becomes the function that this binary is called: the real program, told its name.

use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    let own = std::env::current_exe().expect("a running program has a file");
    let name = own.file_name().expect("a file has a name").to_owned();
    let program = std::env::var_os("FUNCTIONS_PROGRAM").expect("FUNCTIONS_PROGRAM says where the program `functions` is");
    let error = Command::new(program).env("_HANDLER", name).exec();
    panic!("the program named by FUNCTIONS_PROGRAM cannot be started: {error}");
}
