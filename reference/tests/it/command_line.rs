//! The command line: cases as data in `tests/cmd`, and what needs a running process around it.

use std::path::PathBuf;

#[test]
fn every_case_in_the_folder_is_answered_as_written() {
    let cases = trycmd::TestCases::new();
    cases.register_bin("reference", PathBuf::from(env!("CARGO_BIN_EXE_reference")));
    cases.case("tests/cmd/*.toml");
}
