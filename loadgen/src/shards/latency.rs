//! A part's histograms as a file: in HdrHistogram's own encoding, so that adding them up loses nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use serde::{Deserialize, Serialize};

use crate::result::answer::AnswerClass;
use crate::result::latency::{Histograms, PerClass};

/// Name of the file.
pub const FILE: &str = "latency.json";

/// Why histograms cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum LatencyError {
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {path} (give the folder of a part, and all that it holds)")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} does not hold the histograms of a part: {reason}; copy the part again, or run it again")]
    Malformed { path: PathBuf, reason: String },
}

/// The file: each histogram in base64 over HdrHistogram's V2 encoding.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    intended: BTreeMap<AnswerClass, String>,
    service: BTreeMap<AnswerClass, String>,
    lateness: String,
}

/// Writes the histograms into a part's folder.
///
/// # Errors
/// [`LatencyError::Write`].
pub fn write(folder: &Path, histograms: &Histograms) -> Result<(), LatencyError> {
    let per_class =
        |all: &PerClass| AnswerClass::ALL.into_iter().map(|class| (class, encoded(all.class(class)))).collect::<BTreeMap<_, _>>();
    let file = Encoded {
        intended: per_class(&histograms.intended),
        service: per_class(&histograms.service),
        lateness: encoded(&histograms.lateness),
    };
    let path = folder.join(FILE);
    let text = serde_json::to_vec_pretty(&file).expect("histograms are encoded as text");
    std::fs::write(&path, text).map_err(|source| LatencyError::Write { path, source })
}

/// Reads the histograms of a part's folder.
///
/// # Errors
/// [`LatencyError`], naming the file.
pub fn read(folder: &Path) -> Result<Histograms, LatencyError> {
    let path = folder.join(FILE);
    let text = std::fs::read(&path).map_err(|source| LatencyError::Read { path: path.clone(), source })?;
    let malformed = |reason: String| LatencyError::Malformed { path: path.clone(), reason };
    let file: Encoded = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
    let mut histograms = Histograms::default();
    for (kept, all) in [(&mut histograms.intended, &file.intended), (&mut histograms.service, &file.service)] {
        for (class, text) in all {
            kept.add(*class, &decoded(text).map_err(malformed)?);
        }
    }
    histograms.lateness += decoded(&file.lateness).map_err(malformed)?;
    Ok(histograms)
}

/// Whether two sets of histograms hold the same values equally often.
#[must_use]
pub fn same(one: &Histograms, other: &Histograms) -> bool {
    let classes = |histograms: &Histograms| {
        let all = AnswerClass::ALL.into_iter().flat_map(|class| [histograms.intended.class(class), histograms.service.class(class)]);
        all.chain([&histograms.lateness]).cloned().collect::<Vec<_>>()
    };
    classes(one) == classes(other)
}

fn encoded(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(histogram, &mut bytes).expect("writing into memory does not fail");
    STANDARD.encode(bytes)
}

fn decoded(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(times: &[u64]) -> Histograms {
        let mut histograms = Histograms::default();
        for us in times {
            histograms.intended.record(AnswerClass::Sold, *us);
            histograms.service.record(AnswerClass::SoldOut, us / 2);
            histograms.lateness.record(us % 100).unwrap();
        }
        histograms
    }

    #[test]
    fn histograms_come_back_from_the_file_as_they_were_and_add_up_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (some(&[5, 90_000, 1_234_567]), some(&[7, 7, 3_000_000_000]));
        write(folder.path(), &one).unwrap();
        let mut sum = read(folder.path()).unwrap();
        assert!(same(&sum, &one));
        assert!(!same(&sum, &other));
        sum.merge(&other);
        assert!(same(&sum, &some(&[5, 90_000, 1_234_567, 7, 7, 3_000_000_000])));
    }

    #[test]
    fn a_file_that_is_something_else_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), r#"{"intended": {"sold": "AAAA"}, "service": {}, "lateness": ""}"#).unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(FILE), "{error}");
    }
}
