//! `report.md`: the report for a pull request or a CI step's summary.

use super::number::{micros, rate, thousands, utc};
use super::{recovery, words};
use crate::result::RunResult;
use crate::result::latency::Percentiles;
use crate::verify::judgement::{Judgement, PropertyResult, Violation};

/// Most violations with their path per property: a summary of megabytes is refused by those who show it.
const MOST_VIOLATIONS: usize = 3;

/// Most steps of a path.
const MOST_STEPS: usize = 40;

/// Most faults listed: those that the run did not come back from are the first.
const MOST_FAULTS: usize = 60;

/// Renders a result as Markdown that GitHub understands.
#[must_use]
pub fn render(result: &RunResult) -> String {
    let (run, verdict) = (&result.run, result.verdict());
    let mut text = format!(
        "# {} {}: {}\n\n{} {}.\n\n",
        words::verdict_sign(verdict),
        words::verdict(verdict),
        line(&run.scenario),
        words::verdict_means(verdict),
        words::properties_at_a_glance(result)
    );
    for reason in &result.proof.reasons {
        text += &format!("- {}\n", line(reason));
    }
    text += "\n## Properties\n\n| | property | judgement | counted |\n|---|---|---|---|\n";
    for property in &result.proof.properties {
        text += &property_row(property);
    }
    for property in result.proof.properties.iter().filter(|property| property.judgement == Judgement::Violated) {
        text += &violated(property);
    }
    text += &evidence(result);
    text += &numbers(result);
    text += &recovered(result);
    text += &format!("\n## Run\n\n{}\n", line(&run.about));
    let machine = &run.machine;
    let defect = run.defect.as_ref().map(|defect| ("defect", defect.clone()));
    let facts = [
        ("run", run.id.clone()),
        ("target", run.target.clone()),
        ("seed", run.seed.to_string()),
        ("started", utc(run.started_unix_ms)),
        ("lasted", micros(run.duration_us)),
        (
            "machine",
            format!("{} cores, {}, {}, {} ({} build)", machine.cores, machine.cpu_model, machine.os, machine.arch, machine.profile),
        ),
    ];
    text += "\n| | |\n|---|---|\n";
    for (name, value) in facts.into_iter().chain(defect) {
        text += &format!("| {name} | {} |\n", line(&value));
    }
    text + &format!("\nThe same plan again:\n\n{}\n", fenced(&run.replay))
}

fn property_row(property: &PropertyResult) -> String {
    let counted = property.counted.iter().map(|(what, count)| format!("{} {}", super::number::signed(*count), line(what)));
    let counted = counted.collect::<Vec<_>>().join(", ");
    let judgement = match (property.judgement, &property.reason) {
        (Judgement::Violated, _) => format!("**violated** ({})", words::violations(property)),
        (other, Some(reason)) => format!("{}: {}", words::judgement(other), line(reason)),
        (other, None) => words::judgement(other).to_owned(),
    };
    format!("| {} | {} | {judgement} | {counted} |\n", words::judgement_sign(property.judgement), property.property.name())
}

fn violated(property: &PropertyResult) -> String {
    let mut text = format!("\n### ✗ {}\n\n{}\n", property.property.name(), property.property.statement());
    for violation in property.violations.iter().take(MOST_VIOLATIONS) {
        text += &format!("\n**{}**\n\n{}\n", line(&violation.sentence), fenced(&path(violation)));
    }
    let more = property.violations_total.saturating_sub(MOST_VIOLATIONS.min(property.violations.len()) as u64);
    if more > 0 {
        text += &format!("\nand {} more.\n", thousands(more));
    }
    text
}

fn path(violation: &Violation) -> String {
    let steps = violation.path.iter().take(MOST_STEPS).map(|step| {
        let at = step.at.map_or_else(|| "final state".to_owned(), words::at);
        format!("{at:>14}  {}  {}", step.hop, step.what)
    });
    steps.collect::<Vec<_>>().join("\n")
}

fn evidence(result: &RunResult) -> String {
    let mut text = "\n## Evidence\n\n| | what | needed | seen |\n|---|---|---|---|\n".to_owned();
    for evidence in &result.proof.evidence {
        let sign = if evidence.enough { "✓" } else { "?" };
        text += &format!("| {sign} | {} | {} | {} |\n", line(&evidence.what), line(&evidence.needed), line(&evidence.seen));
    }
    text
}

/// How the run came back from its faults; nothing when there was none.
fn recovered(result: &RunResult) -> String {
    let recovery = &result.recovery;
    if recovery.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n## Faults and recovery\n\n{}\n\n| fault | {} |\n|---",
        recovery::baseline(&recovery.before),
        recovery::HEADINGS.join(" | ")
    );
    text += &"|--:".repeat(recovery::HEADINGS.len());
    text += "|\n";
    let rows = recovery::rows(recovery);
    for row in rows.iter().take(MOST_FAULTS) {
        text += &format!("| {} | {} |\n", line(&row.fault), row.cells.each_ref().map(|cell| line(cell)).join(" | "));
    }
    let more = rows.len().saturating_sub(MOST_FAULTS) as u64 + recovery.not_listed;
    if more > 0 {
        text += &format!("\nand {} more.\n", thousands(more));
    }
    text
}

fn numbers(result: &RunResult) -> String {
    let (totals, latency) = (&result.totals, &result.latency);
    let orders = &totals.orders;
    let mut text = format!(
        "\n## Numbers\n\n{} arrivals at {} ({:.0} % of the schedule), {} attempts; {} orders: {} sold, {} not sold, {} unknown, {} of them recovered.\n\n",
        thousands(totals.arrivals),
        rate(totals.achieved_rate),
        totals.achieved_share() * 100.0,
        thousands(totals.attempts),
        thousands(orders.attempted),
        thousands(orders.ok),
        thousands(orders.fail),
        thousands(orders.info),
        thousands(orders.info_recovered)
    );
    text += "| latency from the intended start | count | p50 | p90 | p99 | p99.9 | max |\n|---|--:|--:|--:|--:|--:|--:|\n";
    text += &times("all purchases", latency.purchases_intended);
    for class in &latency.classes {
        text += &times(class.class.name(), class.intended);
    }
    text += &times("service time of purchases", latency.purchases_service);
    text + &times("lateness of the generator", latency.lateness)
}

fn times(name: &str, times: Percentiles) -> String {
    let values = [times.p50, times.p90, times.p99, times.p99_9, times.max].map(micros).join(" | ");
    format!("| {name} | {} | {values} |\n", thousands(times.count))
}

/// Text within a line or a table's cell: what would end it or be taken for markup is escaped.
fn line(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '@' => escaped.extend(['\\', character]),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            control if control.is_control() || is_bidi(control) => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A code block whose fence is longer than any in the text.
fn fenced(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let clean: String = text.chars().map(|character| if is_bidi(character) { '\u{fffd}' } else { character }).collect();
    format!("{fence}text\n{clean}\n{fence}")
}

/// Characters that turn the direction of writing, and with it the meaning of what follows.
fn is_bidi(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_cell() {
        assert_eq!(line("a|b\nc<script>"), "a\\|b c&lt;script&gt;");
        assert_eq!(line("\u{202e}x"), " x");
    }

    #[test]
    fn text_cannot_leave_its_fence() {
        assert_eq!(fenced("a ````` b"), "``````text\na ````` b\n``````");
        assert_eq!(fenced("a"), "```text\na\n```");
    }
}
