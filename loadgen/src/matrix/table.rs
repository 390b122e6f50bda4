//! The record for people: `docs/matrix.md` and `docs/false-alarms.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::catalogue::Aim;
use super::cell::{Found, Standing};
use super::record::{Kind, Record};
use crate::report::number::utc;
use crate::scenario::Scenario;
use crate::verify::judgement::Verdict;

/// The record as Markdown.
#[must_use]
pub fn markdown(record: &Record) -> String {
    match record.kind {
        Kind::Matrix => matrix(record),
        Kind::FalseAlarms => false_alarms(record),
    }
}

fn matrix(record: &Record) -> String {
    let mut text = String::from(
        "# The kill matrix\n\n\
         Each defect is a mistake that real pipelines make, switched on in the reference (`loadgen --defect NAME`). It counts as caught when the\n\
         property that it violates is found violated in the scenario meant for it, with every seed that was tried, while the sound pipeline\n\
         passes that scenario with the same seed. Being found by another property is luck, and not counted.\n\n",
    );
    text += &made(record);
    let aims: Vec<(Aim, Vec<&Found>)> =
        Aim::all().map(|aim| (aim, in_its_scenario(record, aim))).filter(|(_, own)| !own.is_empty()).collect();
    let caught = aims.iter().filter(|(_, own)| own.iter().all(|found| record.standing(found) == Standing::Caught)).count();
    let sound: Vec<&Found> = record.cells.iter().filter(|found| found.defect.is_none()).collect();
    let passed = sound.iter().filter(|found| found.standing() == Standing::Sound).count();
    let _ = writeln!(
        text,
        "**{caught} of {} defects caught; the sound pipeline ended as expected in {passed} of {} runs.**\n",
        aims.len(),
        sound.len()
    );
    text += &mistakes(record);
    text += "## Each defect in the scenario meant for it\n\n| defect | what is done wrong | violates | scenario | found violated |\n|---|---|---|---|---|\n";
    for (aim, own) in aims {
        // With several seeds, the one that was caught least tells.
        let worst = own.iter().max_by_key(|found| record.standing(found)).expect("a defect without a run has no row");
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            aim.defect,
            cell_text(aim.defect.about()),
            aim.property.name(),
            aim.scenario,
            outcome(record, worst)
        );
    }
    text + &everything(record)
}

/// All cells: defects down, scenarios across.
fn everything(record: &Record) -> String {
    let scenarios = scenarios(record);
    let mut text = String::from(
        "\n## All runs\n\n✗ caught by the property that the defect violates · (✗) found by another property only · ✓ passed: the scenario does not expose it · \
         ? evidence missing, or the sound pipeline was not seen to pass there · blank: not run. The first row is the sound pipeline.\n\n|  |",
    );
    text.extend(scenarios.iter().map(|scenario| format!(" {scenario} |")));
    text += "\n|---|";
    text.extend(scenarios.iter().map(|_| ":-:|"));
    text.push('\n');
    let rows = std::iter::once(None).chain(Aim::all().map(|aim| Some(aim.defect.name())));
    for row in rows {
        let own: Vec<&Found> = record.cells.iter().filter(|found| found.defect.as_deref() == row).collect();
        if own.is_empty() {
            continue;
        }
        let _ = write!(text, "| {} |", row.map_or("*sound*".to_owned(), |name| format!("`{name}`")));
        for scenario in &scenarios {
            let there = own.iter().filter(|found| found.scenario == *scenario);
            let sign = there.max_by_key(|found| record.standing(found)).map_or("", |found| sign(record, found));
            let _ = write!(text, " {sign} |");
        }
        text.push('\n');
    }
    text
}

fn false_alarms(record: &Record) -> String {
    let mut text = String::from(
        "# False alarms\n\n\
         The sound pipeline in every scenario that it must pass, with many seeds. A FAIL here would be a false accusation (or a bug of the\n\
         pipeline); an UNKNOWN says that a run could not show what a pass needs, and why.\n\n",
    );
    text += &made(record);
    let count = |verdict| record.cells.iter().filter(|found| found.verdict == Some(verdict)).count();
    let _ = writeln!(
        text,
        "**{} runs: {} PASS, {} UNKNOWN, {} FAIL.**\n",
        record.cells.len(),
        count(Verdict::Pass),
        count(Verdict::Unknown),
        count(Verdict::Fail)
    );
    text += "| scenario | runs | PASS | UNKNOWN | FAIL | seeds |\n|---|--:|--:|--:|--:|---|\n";
    for scenario in scenarios(record) {
        let own: Vec<&Found> = record.cells.iter().filter(|found| found.scenario == scenario).collect();
        let count = |verdict| own.iter().filter(|found| found.verdict == Some(verdict)).count();
        let mut seeds: Vec<u64> = own.iter().map(|found| found.seed).collect();
        seeds.sort_unstable();
        let seeds = seeds.first().zip(seeds.last()).map_or_else(String::new, |(first, last)| format!("{first} to {last}"));
        let (pass, unknown, fail) = (count(Verdict::Pass), count(Verdict::Unknown), count(Verdict::Fail));
        let _ = writeln!(text, "| {scenario} | {} | {pass} | {unknown} | {fail} | {seeds} |", own.len());
    }
    let mut odd: Vec<&Found> = record.cells.iter().filter(|found| found.verdict != Some(Verdict::Pass)).collect();
    odd.sort_by_key(|found| (found.scenario.clone(), found.seed));
    if !odd.is_empty() {
        text += "\n## What did not pass\n\n";
    }
    for found in odd {
        let verdict = found.verdict.map_or("no verdict", word);
        let _ = writeln!(text, "- {} (seed {}), {verdict}: {}", found.scenario, found.seed, cell_text(&found.reasons.join(" ")));
    }
    let mut again: Vec<&Found> = record.cells.iter().filter(|found| !found.first_try.is_empty()).collect();
    again.sort_by_key(|found| (found.scenario.clone(), found.seed));
    if !again.is_empty() {
        text += "\n## What was UNKNOWN at first\n\nAnd was made again afterwards, with nothing beside it; the table above counts the second try.\n\n";
    }
    for found in again {
        let _ = writeln!(text, "- {} (seed {}): {}", found.scenario, found.seed, cell_text(&found.first_try.join(" ")));
    }
    text
}

/// When, where and by which command it was made.
fn made(record: &Record) -> String {
    let machine = &record.machine;
    let dates: Vec<u64> = record.cells.iter().map(|found| found.at_unix).collect();
    let date = |seconds: Option<&u64>| utc(seconds.copied().unwrap_or_default().saturating_mul(1_000));
    format!(
        "Made between {} and {} on {} cores ({}, {} build) by\n\n```console read: it takes hours; scripts/test.sh runs a part of it\n$ {}\n```\n\n",
        date(dates.iter().min()),
        date(dates.iter().max()),
        machine.cores,
        machine.cpu_model,
        machine.profile,
        record.command.replace('\n', "\n$ ")
    )
}

fn mistakes(record: &Record) -> String {
    let mistakes = record.mistakes();
    let lines: String = mistakes.iter().map(|mistake| format!("- {}\n", cell_text(mistake))).collect();
    if lines.is_empty() { lines } else { format!("Not as it should be:\n\n{lines}\n") }
}

/// The runs of a defect in the scenario meant for it, one for each seed.
fn in_its_scenario(record: &Record, aim: Aim) -> Vec<&Found> {
    let meant = |found: &&Found| found.defect.as_deref() == Some(aim.defect.name()) && found.scenario == aim.scenario;
    record.cells.iter().filter(meant).collect()
}

/// The scenarios that were run, in the order in which to try them; those of the user's own last.
fn scenarios(record: &Record) -> Vec<String> {
    let shipped: Vec<String> = Scenario::catalogue().into_iter().map(|entry| entry.name).collect();
    let place = |name: &str| shipped.iter().position(|shipped| shipped == name).unwrap_or(usize::MAX);
    let names: BTreeMap<(usize, String), ()> =
        record.cells.iter().map(|found| ((place(&found.scenario), found.scenario.clone()), ())).collect();
    names.into_keys().map(|(_, name)| name).collect()
}

fn outcome(record: &Record, found: &Found) -> String {
    let names = |own: Option<Aim>| {
        let name = |property: &crate::verify::property::Property| match own {
            Some(aim) if aim.property == *property => format!("**{}**", property.name()),
            _ => property.name().to_owned(),
        };
        found.violated.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let reason = || cell_text(found.reasons.first().map_or("", String::as_str));
    match record.standing(found) {
        Standing::Caught => format!("✗ {}", names(found.aim())),
        Standing::Unconfirmed => "? the sound pipeline was not seen to pass beside it".to_owned(),
        Standing::Luck => format!("(✗) by luck: {}", names(None)),
        Standing::Unexposed => "✓ passed: not exposed".to_owned(),
        Standing::Unknown | Standing::NoVerdict => format!("? {}", reason()),
        Standing::Sound | Standing::Wrong => reason(),
    }
}

fn sign(record: &Record, found: &Found) -> &'static str {
    match (record.standing(found), found.verdict) {
        (Standing::Caught, _) => "✗",
        (Standing::Luck, _) => "(✗)",
        (Standing::Sound | Standing::Unexposed, Some(Verdict::Fail)) => "✗ as expected",
        (Standing::Sound | Standing::Unexposed, _) => "✓",
        (Standing::Wrong, _) => "**wrong**",
        (Standing::Unconfirmed | Standing::Unknown | Standing::NoVerdict, _) => "?",
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Unknown => "UNKNOWN",
    }
}

/// A text that may stand in a cell of a table.
fn cell_text(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use reference::defects::Defect;

    use super::super::Ask;
    use super::super::cell::tests::found;
    use super::*;
    use crate::verify::property::Property;

    #[test]
    fn the_matrix_tells_luck_from_being_caught() {
        let ask = Ask::Matrix { defects: Vec::new(), scenarios: Vec::new(), seed: 1 };
        let mut record = Record::new(&ask, "loadgen matrix --seed 1");
        record.found(found(None, "smoke", Verdict::Pass, &[]));
        record.found(found(Some(Defect::SilentSales), "smoke", Verdict::Fail, &[Property::OperationsInformed]));
        record.found(found(Some(Defect::MailStorm), "smoke", Verdict::Fail, &[Property::DlqCapture]));
        let text = markdown(&record);
        assert!(text.contains("**1 of 2 defects caught; the sound pipeline ended as expected in 1 of 1 runs.**"), "{text}");
        assert!(text.contains("| ✗ **operations informed** |") && text.contains("| (✗) by luck: DLQ capture |"), "{text}");
        assert!(text.contains("| *sound* | ✓ |") && text.contains("| `mail-storm` | (✗) |"), "{text}");
        assert!(text.contains("$ loadgen matrix --seed 1"), "{text}");
    }

    #[test]
    fn every_run_that_did_not_pass_is_explained() {
        let ask = Ask::FalseAlarms { scenarios: Vec::new(), seed: 1, seeds: 2 };
        let mut record = Record::new(&ask, "loadgen matrix --false-alarms");
        record.found(found(None, "smoke", Verdict::Pass, &[]));
        record.found(Found { seed: 2, ..found(None, "smoke", Verdict::Unknown, &[]) });
        let text = markdown(&record);
        assert!(text.contains("| smoke | 2 | 1 | 1 | 0 | 1 to 2 |"), "{text}");
        assert!(text.contains("- smoke (seed 2), UNKNOWN: because"), "{text}");
    }
}
