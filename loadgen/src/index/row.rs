//! One run in the list: what little of its result is shown there.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::report::number::{micros, thousands, utc};
use crate::report::{HTML_FILE, words};
use crate::result::latency::Percentiles;
use crate::result::{FILE_NAME, RunInfo, SCHEMA};
use crate::verify::judgement::{Judgement, Verdict};
use crate::verify::property::Property;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its folder, from the list's.
    pub folder: String,
    /// The report from there, where there is one; percent-encoded.
    pub report: Option<String>,
    /// When it began, ms since the Unix epoch.
    pub started_unix_ms: u64,
    /// The same for people.
    pub started: String,
    /// Scenario.
    pub scenario: String,
    /// Seed.
    pub seed: u64,
    /// What was tested, and with which defect.
    pub target: String,
    /// "PASS".
    pub verdict: &'static str,
    /// "pass".
    pub class: &'static str,
    /// Whether it ended as its scenario says it should.
    pub as_expected: bool,
    /// Properties that are violated or undecided.
    pub properties: Vec<&'static str>,
    /// Orders sold.
    pub sold: u64,
    /// The same for people.
    pub sold_text: String,
    /// Median latency of purchases, µs.
    pub p50: u64,
    /// The same for people.
    pub p50_text: String,
    /// 99th percentile, µs.
    pub p99: u64,
    /// The same for people.
    pub p99_text: String,
    /// Dev build: the speed does not count.
    pub dev_build: bool,
}

/// The part of a result that a row is made of; the curves are skipped, which is most of a file.
#[derive(Debug, Deserialize)]
struct Brief {
    run: RunInfo,
    proof: BriefProof,
    totals: BriefTotals,
    latency: BriefLatency,
}

#[derive(Debug, Deserialize)]
struct BriefProof {
    verdict: Verdict,
    properties: Vec<BriefProperty>,
}

#[derive(Debug, Deserialize)]
struct BriefProperty {
    property: Property,
    judgement: Judgement,
}

#[derive(Debug, Deserialize)]
struct BriefTotals {
    orders: BriefOrders,
}

#[derive(Debug, Deserialize)]
struct BriefOrders {
    ok: u64,
}

#[derive(Debug, Deserialize)]
struct BriefLatency {
    purchases_intended: Percentiles,
}

#[derive(Debug, Deserialize)]
struct Version {
    schema: u64,
}

impl Row {
    /// Reads a run; `name` is its folder as the list shows it.
    ///
    /// # Errors
    /// Why it cannot be read, in a sentence.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Self, String> {
        let text = fs::read_to_string(folder.join(FILE_NAME)).map_err(|error| error.to_string())?;
        let version: Version = serde_json::from_str(&text).map_err(|error| format!("no result of this tool: {error}"))?;
        if version.schema != u64::from(SCHEMA) {
            return Err(format!("its result has schema {}, this version reads {SCHEMA}", version.schema));
        }
        let brief: Brief = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok(Self::of(brief, name, folder.join(HTML_FILE).is_file()))
    }

    fn of(brief: Brief, name: &str, has_report: bool) -> Self {
        let Brief { run, proof, totals, latency } = brief;
        let times = latency.purchases_intended;
        let time = |us| if times.count == 0 { "–".to_owned() } else { micros(us) };
        let bad = proof.properties.iter().filter(|property| matches!(property.judgement, Judgement::Violated | Judgement::Undecided));
        Self {
            folder: name.to_owned(),
            report: has_report.then(|| format!("{}/{HTML_FILE}", encoded(name))),
            started_unix_ms: run.started_unix_ms,
            started: utc(run.started_unix_ms),
            scenario: run.scenario,
            seed: run.seed,
            target: match run.defect {
                Some(defect) => format!("{}, defect {defect}", run.target),
                None => run.target,
            },
            verdict: words::verdict(proof.verdict),
            class: words::verdict_class(proof.verdict),
            as_expected: proof.verdict == run.expected.unwrap_or(Verdict::Pass),
            properties: bad.map(|property| property.property.name()).collect(),
            sold: totals.orders.ok,
            sold_text: thousands(totals.orders.ok),
            p50: times.p50,
            p50_text: time(times.p50),
            p99: times.p99,
            p99_text: time(times.p99),
            dev_build: run.machine.profile == "dev",
        }
    }
}

/// A path as a link has it: slashes stay.
fn encoded(path: &str) -> String {
    let parts = path.split('/').map(|part| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20"));
    let path = parts.collect::<Vec<_>>().join("/");
    if path.is_empty() { ".".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_survives_any_name_of_a_folder() {
        assert_eq!(encoded("matrix/a b#c?d%"), "matrix/a%20b%23c%3Fd%25");
        assert_eq!(encoded(""), ".");
    }
}
