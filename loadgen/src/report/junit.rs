//! `junit.xml`: one test case per property and per piece of evidence, for a CI system.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use thiserror::Error;

use super::words;
use crate::result::RunResult;
use crate::verify::judgement::{Evidence, Judgement, PropertyResult};

/// Why no XML came out.
#[derive(Debug, Error)]
#[error("the result cannot be written as JUnit XML")]
pub struct JunitError(#[from] SerializeError);

/// Renders a result as JUnit XML. A violated property is a failure; an undecided one, or missing evidence, an error (the run could
/// not say); one that is not judged is skipped.
///
/// # Errors
/// When the XML cannot be written.
pub fn render(result: &RunResult) -> Result<String, JunitError> {
    let run = &result.run;
    let mut properties = TestSuite::new(format!("{} / properties", run.scenario));
    properties.set_time(Duration::from_micros(run.duration_us));
    for (name, value) in
        [("run", run.id.clone()), ("seed", run.seed.to_string()), ("target", run.target.clone()), ("replay", run.replay.clone())]
    {
        properties.add_property(quick_junit::Property::new(name, value));
    }
    properties.add_test_cases(result.proof.properties.iter().map(|property| property_case(&run.scenario, property)));
    let mut evidence = TestSuite::new(format!("{} / evidence", run.scenario));
    evidence.add_test_cases(result.proof.evidence.iter().map(|piece| evidence_case(&run.scenario, piece)));
    let mut report = Report::new("rushproof");
    report.add_test_suites([properties, evidence]);
    Ok(report.to_string()?)
}

fn property_case(scenario: &str, property: &PropertyResult) -> TestCase {
    let name = property.property.name();
    let reason = property.reason.as_deref().unwrap_or("no reason was recorded");
    let status = match property.judgement {
        Judgement::Holds => TestCaseStatus::success(),
        Judgement::Violated => non_success(NonSuccessKind::Failure, &words::violations(property), &witnesses(property)),
        Judgement::Undecided => non_success(NonSuccessKind::Error, "undecided", reason),
        Judgement::NotJudged => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("not judged: {reason}"));
            status
        }
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("{scenario}.property"));
    let counted: Vec<String> = property.counted.iter().map(|(what, count)| format!("{count} {what}")).collect();
    case.set_system_out(format!("{}\n{}", property.property.statement(), counted.join("\n")));
    case
}

fn evidence_case(scenario: &str, evidence: &Evidence) -> TestCase {
    let said = format!("needed {}, seen {}", evidence.needed, evidence.seen);
    let status = if evidence.enough { TestCaseStatus::success() } else { non_success(NonSuccessKind::Error, "not enough evidence", &said) };
    let mut case = TestCase::new(evidence.what.as_str(), status);
    case.set_classname(format!("{scenario}.evidence"));
    case.set_system_out(said);
    case
}

fn non_success(kind: NonSuccessKind, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status.set_description(description);
    status
}

fn witnesses(property: &PropertyResult) -> String {
    let mut text = String::new();
    for violation in &property.violations {
        text += &format!("{}\n", violation.sentence);
        for step in &violation.path {
            let at = step.at.map_or_else(|| "final state".to_owned(), words::at);
            text += &format!("  {at:>14}  {}  {}\n", step.hop, step.what);
        }
    }
    text
}
