//! The command line as data: what is typed, what is printed, how it ends. Nothing here starts a pipeline.

#[test]
fn what_is_typed_wrongly_is_explained_and_starts_nothing() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}
