//! Files: scenarios, targets, histories.

use std::io::Write;
use std::path::Path;

use loadgen::history::HistoryReader;
use loadgen::scenario::Scenario;
use loadgen::target::Target;
use loadgen::verify::{Expectations, judge};

/// A scenario file.
pub(crate) fn scenario(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(mistakes) = Scenario::parse("fuzzed.toml", &text) {
        assert!(!mistakes.to_string().is_empty(), "a refusal says why");
    }
}

/// A target file.
pub(crate) fn target(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(mistakes) = Target::parse("fuzzed.toml", &text) {
        assert!(!mistakes.to_string().is_empty(), "a refusal says why");
    }
}

/// A history: the bytes as a file, and the bytes as the lines in one, which is then judged as well.
pub(crate) fn history(bytes: &[u8]) {
    let Ok(compressed) = zstd::encode_all(bytes, 1) else { return };
    for file in [bytes, &compressed] {
        let Ok(mut place) = tempfile::NamedTempFile::new() else { return };
        if place.write_all(file).is_err() {
            return;
        }
        read(place.path());
    }
}

fn read(path: &Path) {
    let proof = judge(|| HistoryReader::open(path), &Expectations::default());
    assert!(!proof.reasons.is_empty(), "a verdict has reasons");
    let Ok(mut reader) = HistoryReader::open(path) else { return };
    let lines = reader.by_ref().take_while(Result::is_ok).count() as u64;
    assert!(reader.lines_read() >= lines);
}
