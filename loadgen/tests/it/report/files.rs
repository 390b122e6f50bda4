//! The files in a run folder.

use std::fs;

use loadgen::report::{self, Format};
use loadgen::result::{ResultError, RunResult};

use super::proofs;
use super::sample::{self, Shape};

#[test]
fn every_file_is_written_and_the_result_reads_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let digest = sample::digest(Shape::default());
    let histograms = digest.histograms.clone();
    let result = sample::result(Shape::default(), proofs::fail());
    let written = report::write_all(folder.path(), &result, &histograms, None).unwrap();
    for path in [&written.html, &written.markdown, &written.junit, &written.hgrm] {
        assert!(fs::metadata(path).unwrap().len() > 500, "{}", path.display());
    }
    assert!(RunResult::read(&written.result).unwrap() == result, "it does not read back as it was written");
    assert!(RunResult::read(folder.path()).unwrap() == result, "the folder will do as well");
    let hgrm = fs::read_to_string(written.hgrm).unwrap();
    assert!(hgrm.contains(&format!("Total count    = {:>12}]", result.latency.purchases_intended.count)));
}

#[test]
fn a_step_summary_is_appended_to_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.md");
    fs::write(&summary, "earlier").unwrap();
    let result = sample::result(Shape::default(), proofs::pass());
    let histograms = sample::digest(Shape::default()).histograms;
    report::write_all(folder.path(), &result, &histograms, Some(&summary)).unwrap();
    let text = fs::read_to_string(summary).unwrap();
    assert!(text.starts_with("earlier\n# ✓ PASS: rush"), "{}", &text[..60]);
}

#[test]
fn another_schema_is_refused_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.json");
    fs::write(&path, r#"{"schema": 99}"#).unwrap();
    assert!(matches!(RunResult::read(&path), Err(ResultError::Schema { found: 99, .. })));
    fs::write(&path, r#"{"something": "else"}"#).unwrap();
    let error = RunResult::read(&path).unwrap_err();
    assert!(error.to_string().contains("is not a result of this tool"), "{error}");
}

#[test]
fn the_summary_says_verdict_reasons_numbers_and_where_the_report_is() {
    let result = sample::result(Shape { oversell: true, ..Shape::default() }, proofs::fail());
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let without = report::render(Format::Human, &result, folder.path(), false).unwrap();
    assert!(without.contains(&format!("none yet: `loadgen check {} --write` makes it", folder.path().display())), "{without}");
    fs::write(&page, "").unwrap();
    let text = report::render(Format::Human, &result, folder.path(), false).unwrap();
    for said in ["✗ FAIL", "140 pieces more", "no lost order", "1 violation", "p50", page.to_str().unwrap(), "replay reports/rush"] {
        assert!(text.contains(said), "{said:?} is missing in:\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colour was asked for");
    assert!(report::render(Format::Human, &result, std::path::Path::new("x"), true).unwrap().contains("\x1b[1;97;41m"));
}

#[test]
fn junit_tells_violated_undecided_and_not_judged_apart() {
    let fail = report::render(Format::Junit, &sample::result(Shape::default(), proofs::fail()), std::path::Path::new("x"), false).unwrap();
    assert!(fail.contains(r#"<testsuites name="rushproof" tests="18" skipped="1" failures="2" errors="0""#), "{fail}");
    assert!(fail.contains("o-3698") && fail.contains("not judged"));
    let unknown =
        report::render(Format::Junit, &sample::result(Shape::default(), proofs::unknown()), std::path::Path::new("x"), false).unwrap();
    assert!(unknown.contains(r#"tests="18" skipped="1" failures="0" errors="3""#), "{unknown}");
}

#[test]
fn markdown_shows_the_path_of_a_violation() {
    let text =
        report::render(Format::Markdown, &sample::result(Shape::default(), proofs::fail()), std::path::Path::new("x"), false).unwrap();
    for said in [
        "# ✗ FAIL: rush",
        "| ✗ | no lost order |",
        "final state",
        "구매 완료! 남은 재고: -131",
        "## Evidence",
        "cargo run -p loadgen -- replay",
    ] {
        assert!(text.contains(said), "{said:?} is missing in:\n{text}");
    }
}
