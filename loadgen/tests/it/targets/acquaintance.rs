//! `loadgen target check`: what it understands, and what it says about what it does not.

use super::{root, target};
use crate::whole_command::{Desk, text};

/// The example's file with something changed, beside the example's program.
fn changed(desk: &Desk, from: &str, to: &str) -> String {
    let file = std::fs::read_to_string(target("example/shop.toml")).unwrap();
    assert!(file.contains(from), "{from}");
    let program = root().join("targets/example/shop.py").display().to_string();
    std::fs::write(desk.path("target.toml"), file.replace(from, to).replace("\"shop.py\"", &format!("{program:?}"))).unwrap();
    desk.path("target.toml").display().to_string()
}

/// Exit code and lines.
fn check(desk: &Desk, file: &str) -> (Option<i32>, String) {
    let output = desk.loadgen(&["target", "check", file]).output().unwrap();
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn the_examples_are_understood_from_the_first_page_to_the_last_loaf() {
    let desk = Desk::new("");
    for name in ["example/shop.toml", "example/sound.toml"] {
        let (code, said) = check(&desk, &target(name));
        assert_eq!(code, Some(0), "{said}");
        for line in
            ["ok  browse", "1 sold (2 left, quantity 1); the stock went from 3 to 2", "3 are too many", "the stock rose from 2 to 5"]
        {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert!(said.contains("Not judged in a run against it:") && said.contains("one effect:"), "{said}");
    }
    assert!(desk.temporary_files().is_empty());
}

#[test]
fn what_was_misread_is_said_with_the_way_out() {
    let cases = [
        ("is = \"enjoy\"", "is = \"sold\"", "1 of rye was not sold (status 2xx, `/result` is \"sold\")", "see `purchase.sold`"),
        (
            "sold_out = { at = \"/result\", is = \"sorry\" }",
            "sold_out = { status = \"409\" }",
            "were not refused for lack of stock",
            "see `purchase.sold_out`",
        ),
        ("is = \"enjoy\"", "matches = \".\"", "fits both `sold` and `sold_out`", "make `purchase.sold` fit sales alone"),
        ("loaves\": {units}", "pieces\": {units}", "did not take the report", "`factory.callback_body`"),
        ("shown = { at = \"/left\" }", "shown = { at = \"/stock\" }", "is no page", "see `browse.shown`"),
        ("key = \"/customer\"", "key = \"/bread\"", "none with what was sent at {key}", "see `ledger.key`"),
    ];
    for (from, to, came, way_out) in cases {
        let desk = Desk::new("");
        let (code, said) = check(&desk, &changed(&desk, from, to));
        assert_eq!(code, Some(4), "{from} → {to}: {said}");
        assert!(said.contains("??  ") && said.contains(came) && said.contains(way_out), "{from} → {to}: {said}");
    }
}
