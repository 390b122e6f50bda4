//! What a pass rests on. Each piece that is missing makes the run UNKNOWN, and says which.

use super::expectations::{Expectations, PlannedFault};
use super::finding::seconds;
use super::judgement::Evidence;
use super::model::{MessageRow, Model, flag};
use super::state::Table;
use super::steadiness;
use crate::history::event::{Lateness, Micros};

/// Everything that is asked of a run before it may pass.
pub(super) fn gather(model: &Model, expectations: &Expectations) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    history(model, &mut evidence);
    start_and_end(model, &mut evidence);
    traffic(model, expectations, &mut evidence);
    for fault in &expectations.faults {
        evidence.push(planned_fault(model, fault));
    }
    evidence.push(generator(model, expectations));
    if let Some(seen) = &model.shortage {
        let seen = format!("told {} times, first at {}: {}", seen.told, seconds(seen.first), seen.shortage);
        evidence.push(piece(
            "file handles, ports and memory for the harness",
            "always enough (ulimit -n gives more file handles)",
            seen,
            false,
        ));
    }
    evidence.extend(expectations.growth_percent.map(|percent| weight(model, percent)));
    if let Some(why) = &model.attempts.unsent_because {
        evidence.push(piece("attempts that the generator could not send", "none", format!("{}: {why}", model.attempts.unsent), false));
    }
    evidence
}

fn piece(what: &str, needed: impl Into<String>, seen: impl Into<String>, enough: bool) -> Evidence {
    Evidence { what: what.to_owned(), needed: needed.into(), seen: seen.into(), enough }
}

fn at_least(what: &str, needed: u64, seen: u64) -> Evidence {
    piece(what, format!("at least {needed}"), seen.to_string(), seen >= needed)
}

fn history(model: &Model, evidence: &mut Vec<Evidence>) {
    let (seen, whole) = match (&model.read_error, model.ended) {
        (Some(error), _) => (format!("it cannot be read beyond line {}: {error}", model.lines), false),
        (None, None) => (format!("cut off after {} lines", model.lines), false),
        (None, Some(true)) => (
            format!("the run was interrupted{}", model.phases.load_note.as_ref().map_or_else(String::new, |note| format!(" ({note})"))),
            false,
        ),
        (None, Some(false)) => (format!("{} lines", model.lines), true),
    };
    evidence.push(piece("history", "closed in order, by a run that was not interrupted", seen, whole));
    let well_formed = model.malformed_total == 0 && model.header.is_some();
    let seen = if model.header.is_none() {
        "no header".to_owned()
    } else if model.malformed_total == 0 {
        "no contradiction".to_owned()
    } else {
        format!("{} contradictions: {}", model.malformed_total, model.malformed.join("; "))
    };
    evidence.push(piece("history's lines", "a header first, each attempt invoked and completed once", seen, well_formed));
    let merged = &model.merged;
    if merged.parts > 0 {
        let needed = format!("all {}, each to its end, and what the pipeline ended as", merged.parts);
        let seen = if merged.missing.is_empty() { "all".to_owned() } else { merged.missing.join("; ") };
        evidence.push(piece("parts of the run", needed, seen, merged.missing.is_empty()));
    }
    let unfinished = model.attempts.unfinished;
    evidence.push(piece("attempts that were never completed", "none", unfinished.to_string(), unfinished == 0));
    if !model.unknown_tables.is_empty() {
        let needed = format!("one of {}", Table::names());
        evidence.push(piece("tables said not to be exposed", needed, model.unknown_tables.join(", "), false));
    }
    if model.consumers.len() > MessageRow::CONSUMERS {
        evidence.push(piece("consumers to judge", format!("at most {}", MessageRow::CONSUMERS), model.consumers.len().to_string(), false));
    }
}

fn start_and_end(model: &Model, evidence: &mut Vec<Evidence>) {
    let mut decided = vec![false; model.products.len()];
    for order in model.orders.iter().filter(|order| order.is(flag::SOLD | flag::REFUSED)) {
        if let Some(decided) = decided.get_mut(order.product as usize) {
            *decided = true;
        }
    }
    let unknown: Vec<&str> = model
        .product_rows()
        .filter(|(row, product)| product.initial.is_none() && decided[*row as usize])
        .map(|(row, _)| model.product_name(row))
        .collect();
    let known = model.products.iter().filter(|product| product.initial.is_some()).count();
    let seen = if unknown.is_empty() { format!("{known} products") } else { format!("unknown for {}", unknown.join(", ")) };
    evidence.push(piece("stock at the start", "known for every product sold", seen, unknown.is_empty() && known > 0));
    let (seen, clean) = match &model.first_sample {
        None if !model.exposes(Table::Queues) => ("it has no queues that the harness can look into".to_owned(), true),
        None => ("no sample of the queues".to_owned(), false),
        Some((_, leftovers)) if leftovers.is_empty() => ("all empty".to_owned(), true),
        Some((_, leftovers)) => (leftovers.join(", "), false),
    };
    evidence.push(piece("clean start", "every queue empty in the first sample", seen, clean));
    let shown = model.exposes(Table::Ledger) || (model.exposes(Table::Stock) && model.exposes(Table::Restocks));
    let seen = if shown { "shown" } else { "neither" };
    evidence.push(piece("what became of the orders", "a ledger, or the stock at the end and what was restocked", seen, shown));
    let seen = match &model.phases.drained {
        None => "the drain never ended".to_owned(),
        Some((_, true, note)) => note.clone().unwrap_or_else(|| "drained".to_owned()),
        Some((_, false, note)) => note.clone().unwrap_or_else(|| "given up".to_owned()),
    };
    evidence.push(piece("drain", "the pipeline came to rest", seen, model.drained()));
    let exits = &model.unplanned_exits;
    let seen = if exits.is_empty() { "none".to_owned() } else { exits.join(", ") };
    evidence.push(piece("processes that ended unasked", "none", seen, exits.is_empty()));
}

fn traffic(model: &Model, expectations: &Expectations, evidence: &mut Vec<Evidence>) {
    let count = |flags| model.orders.iter().filter(|order| order.is(flags) && !order.is(flag::HOSTILE)).count() as u64;
    evidence.push(at_least("orders answered as sold", expectations.min_sold.max(1), count(flag::SOLD)));
    let restocks = model.productions.iter().filter(|production| production.restock_rows > 0 || production.seen > 0).count() as u64;
    let planned = [
        ("orders answered as sold out", expectations.min_sold_out, count(flag::REFUSED)),
        ("product pages", expectations.min_browsed, model.attempts.browsed),
        ("hostile requests refused", expectations.min_hostile_refused, model.attempts.hostile_refused),
        ("restocks", expectations.min_restocks, restocks),
        ("attempts without an answer", expectations.min_info, model.attempts.info + model.attempts.unfinished),
        ("redeliveries", expectations.min_redeliveries, redeliveries(model)),
    ];
    evidence.extend(planned.into_iter().filter(|(_, needed, _)| *needed > 0).map(|(what, needed, seen)| at_least(what, needed, seen)));
}

/// Whatever came again: messages published twice, deliveries counted as repeated, factory calls and callbacks for the same production.
fn redeliveries(model: &Model) -> u64 {
    let callbacks: u64 = model.calls.iter().map(|call| u64::from(call.callbacks.saturating_sub(1))).sum();
    let mut named: Vec<u32> = model.calls.iter().map(|call| call.production).filter(|row| *row != super::model::NONE).collect();
    let calls = named.len();
    named.sort_unstable();
    named.dedup();
    model.redelivered + callbacks + (calls - named.len()) as u64
}

fn planned_fault(model: &Model, planned: &PlannedFault) -> Evidence {
    let what = format!("fault \"{}\"", planned.rule);
    let needed = "seen to take effect, fired, and healed for good";
    let Some((_, seen)) = model.faults.iter().find(|(rule, _)| *rule == planned.rule) else {
        return piece(&what, needed, "never requested", false);
    };
    let healed_for_good = seen.unhealed.is_none() && seen.healed.is_some_and(|healed| seen.last <= healed);
    let healed = match (&seen.unhealed, seen.healed) {
        (Some(reason), _) => format!("not proved to be gone: {reason}"),
        (None, None) => "never healed".to_owned(),
        (None, Some(_)) if !healed_for_good => "struck again after it was healed".to_owned(),
        (None, Some(_)) => "healed".to_owned(),
    };
    let effective = if seen.effective { "took effect" } else { "never seen to take effect" };
    piece(&what, needed, format!("{effective}, fired {} times, {healed}", seen.fired), seen.effective && seen.fired > 0 && healed_for_good)
}

fn generator(model: &Model, expectations: &Expectations) -> Evidence {
    let limit = expectations.lateness_p99_limit;
    let needed = format!("99 % of attempts sent within {} of their time", milliseconds(limit));
    match lateness_p99(&model.lateness) {
        None => piece("load generator", needed, "its lateness was never recorded", false),
        Some(p99) => piece("load generator", needed, format!("99 % within {}", milliseconds(p99)), p99 <= limit),
    }
}

fn weight(model: &Model, percent: u64) -> Evidence {
    let load = (model.phases.load_began.unwrap_or_default(), model.phases.load_ended.unwrap_or(model.last_at));
    let steadiness = steadiness::judge(&model.weighings, load, percent);
    let needed = format!("no process more than {percent} % heavier in the last quarter of the load than in its second");
    piece("weight of the processes", needed, steadiness.seen, steadiness.flat)
}

fn milliseconds(time: Micros) -> String {
    format!("{}.{} ms", time / 1_000, time % 1_000 / 100)
}

/// An upper bound of the run's 99th percentile of lateness, from the percentiles of its seconds.
///
/// Percentiles cannot be averaged. But of each second's attempts half were at most as late as its median, 49 % more at most as late as
/// its 99th percentile, and the rest at most as late as its worst; the 99th percentile of those bounds bounds the true one.
pub(super) fn lateness_p99(seconds: &[Lateness]) -> Option<Micros> {
    let mut bounds: Vec<(Micros, u64)> = Vec::with_capacity(seconds.len() * 3);
    for second in seconds.iter().filter(|second| second.sent > 0) {
        let half = second.sent / 2;
        let nearly_all = second.sent * 99 / 100;
        bounds.push((second.p50, half));
        bounds.push((second.p99, nearly_all - half));
        bounds.push((second.max, second.sent - nearly_all));
    }
    bounds.sort_unstable();
    let total: u64 = bounds.iter().map(|(_, sent)| sent).sum();
    let mut within = 0;
    for (bound, sent) in bounds {
        within += sent;
        if within * 100 >= total * 99 {
            return (total > 0).then_some(bound);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_second_in_a_long_run_does_not_spoil_it_but_in_a_short_one_it_does() {
        let good = Lateness { sent: 100, p50: 100, p99: 900, max: 1_000 };
        let bad = Lateness { sent: 100, p50: 200, p99: 80_000, max: 90_000 };
        let run = |seconds: usize| {
            let mut run = vec![good.clone(); seconds];
            run.push(bad.clone());
            lateness_p99(&run)
        };
        assert_eq!(run(10), Some(80_000));
        assert_eq!(run(600), Some(1_000));
    }

    #[test]
    fn the_bound_is_never_below_the_truth() {
        // 100 attempts, of which two are late by a second: the true 99th percentile is a second.
        let second = Lateness { sent: 100, p50: 0, p99: 1_000_000, max: 1_000_000 };
        assert_eq!(lateness_p99(&[second]), Some(1_000_000));
        assert_eq!(lateness_p99(&[]), None);
    }

    #[test]
    fn half_of_a_second_counts_with_its_median_and_one_in_a_hundred_with_its_worst() {
        let slow = Lateness { sent: 4, p50: 90_000, p99: 100_000, max: 120_000 };
        let good = |sent, max| Lateness { sent, p50: 1, p99: 2, max };
        // 301 of 304 are 99 %: the two that were as late as the slow second's median are among them.
        assert_eq!(lateness_p99(&[good(300, 2), slow]), Some(90_000));
        // 497 of 502: two of the five worst of 500.
        assert_eq!(lateness_p99(&[good(500, 10), Lateness { sent: 2, p50: 20, p99: 30, max: 40 }]), Some(10));
    }
}
