//! The summary at the end of a run, for a terminal.

use std::path::Path;

use super::number::{micros, rate, thousands};
use super::{HTML_FILE, recovery, words};
use crate::result::RunResult;
use crate::verify::judgement::{Judgement, PropertyResult, Verdict};

/// Most violations shown per property: the report has the rest.
const MOST_VIOLATIONS: usize = 3;

/// Most faults shown: a terminal is no place for hundreds.
const MOST_FAULTS: usize = 12;

/// Verdict, reasons, key numbers, and where the report is.
#[must_use]
pub fn render(result: &RunResult, folder: &Path, colour: bool) -> String {
    let (run, paint) = (&result.run, Paint { colour });
    let verdict = result.verdict();
    let label = format!(" {} {} ", words::verdict_sign(verdict), words::verdict(verdict));
    let defect = run.defect.as_ref().map(|defect| format!(" · defect {}", clean(defect))).unwrap_or_default();
    let mut lines = vec![
        String::new(),
        format!("{}  {} · seed {} · {}{defect}", paint.verdict(verdict, &label), clean(&run.scenario), run.seed, clean(&run.target)),
        format!("  {}", words::verdict_means(verdict)),
    ];
    lines.extend(words::expectation(result).map(|words| format!("  {words}")));
    lines.extend(result.proof.reasons.iter().map(|reason| format!("  - {}", clean(reason))));
    lines.push(String::new());
    lines.extend(result.proof.properties.iter().flat_map(|property| property_lines(property, paint)));
    let missing = result.proof.evidence.iter().filter(|evidence| !evidence.enough);
    lines.extend(missing.map(|evidence| {
        format!(
            "  {} evidence: {}: needed {}, seen {}",
            paint.code("33", "?"),
            clean(&evidence.what),
            clean(&evidence.needed),
            clean(&evidence.seen)
        )
    }));
    lines.push(String::new());
    lines.extend(numbers(result).into_iter().map(|(name, text)| format!("  {name:<10} {text}")));
    lines.extend(faults(result));
    lines.push(String::new());
    lines.push(format!("  report     {}", where_the_page_is(folder)));
    lines.push(format!("  again      {}", clean(&run.replay)));
    lines.join("\n") + "\n"
}

/// A run that was killed before its end, or came without its page, has none to open.
fn where_the_page_is(folder: &Path) -> String {
    let page = folder.join(HTML_FILE);
    if page.is_file() { page.display().to_string() } else { format!("none yet: `loadgen check {} --write` makes it", folder.display()) }
}

fn property_lines(property: &PropertyResult, paint: Paint) -> Vec<String> {
    let sign = words::judgement_sign(property.judgement);
    let code = match property.judgement {
        Judgement::Holds => "32",
        Judgement::Violated => "31",
        Judgement::Undecided => "33",
        Judgement::NotJudged => "2",
    };
    let mut line = format!("  {} {:<20}", paint.code(code, sign), property.property.name());
    if property.judgement == Judgement::Violated {
        line += &format!(" {}", paint.code(code, &words::violations(property)));
    } else if let Some(reason) = &property.reason {
        line += &format!(" {}: {}", words::judgement(property.judgement), clean(reason));
    }
    let shown = property.violations.iter().take(MOST_VIOLATIONS).map(|violation| format!("      {}", clean(&violation.sentence)));
    std::iter::once(line.trim_end().to_owned()).chain(shown).collect()
}

/// A line per fault: how often it struck, and how long the run needed to come back.
fn faults(result: &RunResult) -> Vec<String> {
    let rows = recovery::rows(&result.recovery);
    if rows.is_empty() {
        return Vec::new();
    }
    let shown = &rows[..rows.len().min(MOST_FAULTS)];
    let width = shown.iter().map(|row| row.fault.chars().count()).max().unwrap_or(0).min(48);
    let mut lines = vec![String::new(), format!("  {:<width$}  {:>7}  {:<16} {}", "fault", "struck", "throughput back", "drained")];
    lines.extend(shown.iter().map(|row| {
        let [_, _, _, struck, throughput, drained, ..] = &row.cells;
        format!("  {:<width$}  {struck:>7}  {throughput:<16} {drained}", clean(&row.fault))
    }));
    let more = rows.len() as u64 - shown.len() as u64 + result.recovery.not_listed;
    if more > 0 {
        lines.push(format!("  and {} more, in the report", thousands(more)));
    }
    lines
}

fn numbers(result: &RunResult) -> Vec<(&'static str, String)> {
    let (totals, latency) = (&result.totals, &result.latency);
    let orders = &totals.orders;
    let mut lines = vec![
        ("arrivals", format!("{} at {}, {} attempts", thousands(totals.arrivals), rate(totals.achieved_rate), thousands(totals.attempts))),
        (
            "orders",
            format!(
                "{}: {} sold, {} not sold, {} unknown ({} of them recovered)",
                thousands(orders.attempted),
                thousands(orders.ok),
                thousands(orders.fail),
                thousands(orders.info),
                thousands(orders.info_recovered)
            ),
        ),
    ];
    let times = latency.purchases_intended;
    if times.count > 0 {
        let text = format!("p50 {}  p90 {}  p99 {}  max {}", micros(times.p50), micros(times.p90), micros(times.p99), micros(times.max));
        lines.push(("latency", format!("{text}  (from the intended start)")));
        lines.push(("late", format!("p99 {}  max {}  (the generator itself)", micros(latency.lateness.p99), micros(latency.lateness.max))));
    }
    if result.run.machine.profile == "dev" {
        lines.push(("build", "dev: the verdict counts, the speed does not (use --release to measure)".to_owned()));
    }
    lines
}

#[derive(Debug, Clone, Copy)]
struct Paint {
    colour: bool,
}

impl Paint {
    fn code(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn verdict(self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Pass => "1;30;42",
            Verdict::Fail => "1;97;41",
            Verdict::Unknown => "1;30;43",
        };
        self.code(code, text)
    }
}

/// Control characters replaced: what a target answered must not steer the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
