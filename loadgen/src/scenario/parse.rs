//! From the text of a file to a checked [`Scenario`], or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos::plan::{self as faults, Fields, Mistakes, nearest, whole_number};

use super::faults::Around;
use super::mistake::ScenarioErrors;
use super::swarm::Swarm;
use super::{
    Abort, Buyers, Drain, EditionName, Expect, Hostile, Limits, PipelineSettings, ProductOnSale, Scenario, Stage, Traffic, values,
};
use crate::plan::Trick;
use crate::verify::judgement::Verdict;

/// Shares are given in percent with few decimals; a sum this close to the whole is meant to be the whole.
const SUM_TOLERANCE: f64 = 0.0005;

/// Most arrivals in one run: a plan is derived in minutes and judged in memory.
const MOST_ARRIVALS: f64 = 10_000_000.0;

/// Beyond so many messages nothing is stopped any more.
const MOST_MESSAGES: u64 = 1_000_000_000;

/// Most pieces that the pipeline sells at once.
const MOST_PIECES: u64 = 10_000;

pub(super) fn scenario(origin: &str, text: &str) -> Result<Scenario, ScenarioErrors> {
    let mut mistakes = Mistakes::new(origin, text);
    let table = mistakes.syntax(text);
    let mut top = Fields::top(table.get_ref());
    let name = top.required_text("name", "name = \"…\", the word for --scenario", &mut mistakes);
    let about = top.required_text("about", "about = \"…\", one sentence on what it teaches", &mut mistakes);
    let edition = edition(&mut top, &mut mistakes);
    let expect_verdict = verdict(&mut top, &mut mistakes);
    let products = products(&mut top, edition, &mut mistakes);
    let traffic = traffic(&mut top, &mut mistakes);
    let faults = faults::Plan::read(&mut top, "fault", &mut mistakes);
    let swarm = Swarm::read(&mut top, &mut mistakes);
    let scenario = Scenario {
        name,
        about,
        edition,
        products,
        traffic,
        buyers: buyers(&mut top, &mut mistakes),
        hostile: hostile(&mut top, &mut mistakes),
        pipeline: pipeline(&mut top, &mut mistakes),
        drain: drain(&mut top, &mut mistakes),
        expect: expect(&mut top, &mut mistakes),
        limits: limits(&mut top, &mut mistakes),
        abort: abort(&mut top, &mut mistakes),
        faults,
        swarm,
        target: None,
        expect_verdict,
        text: text.to_owned(),
    };
    let around = Around { edition, traffic: &scenario.traffic, expect_verdict };
    super::faults::check(&mut top, &scenario.faults, &around, &mut mistakes);
    check_name(&scenario.name, &top, &mut mistakes);
    if let Some(swarm) = &scenario.swarm {
        for (message, way_out) in swarm.check(&scenario.faults, scenario.duration()) {
            mistakes.add(&top.span_of("swarm"), message, way_out);
        }
    }
    top.finish(&mut mistakes);
    mistakes.into_result().map(|()| scenario).map_err(ScenarioErrors::Mistakes)
}

/// The name becomes part of a folder's name.
fn check_name(name: &str, top: &Fields<'_, '_>, mistakes: &mut Mistakes<'_>) {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if top.has("name") && (name.is_empty() || name.len() > 64 || !plain) {
        mistakes.add(&top.span_of("name"), "`name` does not fit a folder's name", "use up to 64 of a-z, 0-9 and -");
    }
}

fn edition(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> EditionName {
    match top.text("edition", mistakes).as_deref() {
        None | Some("donut") => EditionName::Donut,
        Some("shop") => EditionName::Shop,
        Some(other) => {
            mistakes.add(&top.span_of("edition"), format!("there is no edition {other:?}"), "write \"donut\" or \"shop\"");
            EditionName::Donut
        }
    }
}

fn verdict(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Verdict {
    match top.text("expect_verdict", mistakes).as_deref() {
        None | Some("pass") => Verdict::Pass,
        Some("fail") => Verdict::Fail,
        Some("unknown") => Verdict::Unknown,
        Some(other) => {
            let message = format!("there is no verdict {other:?}");
            mistakes.add(&top.span_of("expect_verdict"), message, "write \"pass\", \"fail\" or \"unknown\"");
            Verdict::Pass
        }
    }
}

/// `[stock]`: product = pieces, or product = { pieces = …, share = "…" }.
fn products(top: &mut Fields<'_, '_>, edition: EditionName, mistakes: &mut Mistakes<'_>) -> Vec<ProductOnSale> {
    let section = top.section("stock", mistakes);
    if !section.is_there() {
        mistakes.add(&(0..0), "`stock` is missing", "add [stock] with a line per product, as \"CP-502101\" = 100");
        return Vec::new();
    }
    let known: &[&str] = match edition {
        EditionName::Donut => &["CP-502101"],
        EditionName::Shop => &["1", "2", "3"],
    };
    let mut products = Vec::new();
    let mut shares = Vec::new();
    for (id, span, value) in section.entries() {
        if !known.contains(&id.as_str()) {
            let way_out = format!("buyers of `{edition}` can order {}", known.join(", "));
            mistakes.add(&span, format!("edition `{edition}` has no product {id:?}"), way_out);
        }
        let (stock, share) = match value.get_ref().as_table() {
            Some(table) => {
                let mut product = Fields::top(table);
                let stock = product.count("pieces", 0..=1_000_000, mistakes);
                if !product.has("pieces") {
                    mistakes.add(&value.span(), format!("`stock.{id}` does not say how many"), "add pieces = …");
                }
                let share = product.share("share", mistakes);
                product.finish(mistakes);
                (stock, share)
            }
            None => {
                let stock = whole_number(value.get_ref()).filter(|stock| *stock <= 1_000_000);
                if stock.is_none() {
                    mistakes.add(&value.span(), format!("`stock.{id}` is not a number of pieces"), "write a whole number up to 1000000");
                }
                (stock, None)
            }
        };
        shares.push(share);
        let stock = stock.and_then(|stock| u32::try_from(stock).ok()).unwrap_or_default();
        products.push(ProductOnSale { id, stock, share: 0.0 });
    }
    share_out(&mut products, &shares, &section, mistakes);
    products
}

/// Products without a share of their own divide what the others leave.
fn share_out(products: &mut [ProductOnSale], shares: &[Option<f64>], section: &Fields<'_, '_>, mistakes: &mut Mistakes<'_>) {
    let given: f64 = shares.iter().flatten().sum();
    let open = shares.iter().filter(|share| share.is_none()).count();
    let exceeded = given > 1.0 + SUM_TOLERANCE;
    let lacking = open == 0 && given < 1.0 - SUM_TOLERANCE;
    if products.is_empty() {
        mistakes.add(&section.span(), "`stock` names no product", "add a line per product, as \"CP-502101\" = 100");
    } else if exceeded || lacking {
        let sum = given * 100.0;
        mistakes.add(&section.span(), format!("the shares of the products sum to {sum:.1}%"), "make them sum to 100%, or leave one out");
    }
    for (product, share) in products.iter_mut().zip(shares) {
        product.share = share.unwrap_or((1.0 - given).max(0.0) / open.max(1) as f64);
    }
}

fn traffic(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Traffic {
    let stages = top.tables("stage", mistakes);
    let mut closed = top.section("closed", mistakes);
    match (stages.is_empty(), closed.is_there()) {
        (true, true) => {
            let users = required(closed.count("users", 1..=100_000, mistakes), &closed, "users", "users = 20", mistakes);
            let think_time = closed.some_time("think_time", mistakes);
            let think_time = required(think_time, &closed, "think_time", "think_time = \"500ms\"", mistakes);
            let duration = closed.some_time("duration", mistakes);
            let duration = required(duration, &closed, "duration", "duration = \"60s\"", mistakes);
            closed.finish(mistakes);
            Traffic::Closed { users: u32::try_from(users).unwrap_or(u32::MAX), think_time, duration }
        }
        (false, true) => {
            mistakes.add(&closed.span(), "both [[stage]] and [closed] say who comes when", "keep one of them");
            Traffic::Open { stages: Vec::new() }
        }
        (true, false) => {
            mistakes.add(&(0..0), "nobody comes", "add [[stage]] (a schedule of arrivals) or [closed] (users who wait for answers)");
            Traffic::Open { stages: Vec::new() }
        }
        (false, false) => open(stages, mistakes),
    }
}

fn open(sections: Vec<Fields<'_, '_>>, mistakes: &mut Mistakes<'_>) -> Traffic {
    let first = sections.first().map_or(0..0, Fields::span);
    let stages: Vec<Stage> = sections.into_iter().map(|section| stage(section, mistakes)).collect();
    let expected: f64 = stages.iter().map(|stage| (stage.rate_from + stage.rate_to) / 2.0 * stage.duration.as_secs_f64()).sum();
    if expected > MOST_ARRIVALS {
        let message = format!("the stages bring about {expected:.0} arrivals");
        mistakes.add(&first, message, format!("ask for at most {MOST_ARRIVALS:.0} in one run"));
    }
    Traffic::Open { stages }
}

/// One `[[stage]]`: `rate`, or `from` and `to`.
fn stage(mut section: Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Stage {
    let name = section.required_text("name", "name = \"…\", what the report calls it", mistakes);
    let duration = section.some_time("duration", mistakes);
    let duration = required(duration, &section, "duration", "duration = \"10s\"", mistakes);
    let even = rate(&mut section, "rate", mistakes);
    let (from, to) = (rate(&mut section, "from", mistakes), rate(&mut section, "to", mistakes));
    let way_out = "give either rate = \"8/s\", or both from = \"8/s\" and to = \"400/s\"";
    match (section.has("rate"), section.has("from"), section.has("to")) {
        (true, false, false) | (false, true, true) => {}
        (false, false, false) => section.missing("rate", way_out, mistakes),
        _ => mistakes.add(&section.span(), "the rate of this stage is not clear", way_out),
    }
    section.finish(mistakes);
    let rate_from = even.or(from).unwrap_or_default();
    Stage { name, duration, rate_from, rate_to: even.or(to).unwrap_or_default() }
}

fn rate(section: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<f64> {
    section.quoted(key, "a rate", values::RATE, values::rate, mistakes)
}

fn buyers(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Buyers {
    let mut section = top.section("buyers", mistakes);
    let quantities = quantities(&mut section, mistakes);
    let buyers = Buyers {
        browse: section.share("browse", mistakes).unwrap_or_default(),
        quantities,
        double_click: section.share("double_click", mistakes).unwrap_or_default(),
        patience: section.some_time("patience", mistakes).unwrap_or(Duration::from_secs(5)),
        retries: small(section.count("retries", 0..=20, mistakes), 3),
        retry_after: section.some_time("retry_after", mistakes).unwrap_or(Duration::from_millis(250)),
        come_back: section.share("come_back", mistakes).unwrap_or_default(),
        come_back_after: section.some_time("come_back_after", mistakes).unwrap_or(Duration::from_secs(4)),
        come_backs: small(section.count("come_backs", 0..=20, mistakes), 1),
    };
    section.finish(mistakes);
    buyers
}

/// `quantities = { "1" = "70%", "2" = "30%" }`; by default everybody buys one piece.
fn quantities(section: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> BTreeMap<u32, f64> {
    let table = section.section("quantities", mistakes);
    if !table.is_there() {
        return BTreeMap::from([(1, 1.0)]);
    }
    let mut quantities = BTreeMap::new();
    let entries = table.entries();
    let given = entries.len();
    for (key, span, value) in entries {
        let pieces = key.parse::<u32>().ok().filter(|pieces| (1..=MOST_PIECES).contains(&u64::from(*pieces)));
        let share = value.get_ref().as_str().and_then(faults::share);
        match (pieces, share) {
            (Some(pieces), Some(share)) => drop(quantities.insert(pieces, share.get())),
            (None, _) => mistakes.add(&span, format!("{key:?} is not a number of pieces"), format!("write 1 to {MOST_PIECES}")),
            (_, None) => mistakes.add(&value.span(), format!("`{}` is not a share", table.full(&key)), faults::SHARE),
        }
    }
    let sum: f64 = quantities.values().sum();
    // While one of them is not understood, the sum says nothing.
    if quantities.len() == given && (sum - 1.0).abs() > SUM_TOLERANCE {
        let message = format!("the shares of the quantities sum to {:.1}%", sum * 100.0);
        mistakes.add(&table.span(), message, "make them sum to 100%");
    }
    quantities
}

/// `[hostile]`: share, and the tricks (all, when none are named).
fn hostile(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Hostile {
    let mut section = top.section("hostile", mistakes);
    let share = section.share("share", mistakes).unwrap_or_default();
    let named = section.texts("tricks", mistakes);
    section.finish(mistakes);
    let Some(named) = named else { return Hostile { share, tricks: Trick::ALL.to_vec() } };
    let words: Vec<&str> = Trick::ALL.iter().map(|trick| trick.as_str()).collect();
    if named.is_empty() && share > 0.0 {
        mistakes.add(&top.span_of("hostile"), "hostile buyers come, but know no trick", "name some, or leave `tricks` out for all");
    }
    let mut tricks = Vec::new();
    for (word, span) in named {
        match Trick::ALL.iter().find(|trick| trick.as_str() == word) {
            Some(trick) => tricks.push(*trick),
            None => {
                let way_out =
                    nearest(&word, &words).map_or_else(|| format!("there are {}", words.join(", ")), |m| format!("did you mean {m:?}?"));
                mistakes.add(&span, format!("there is no trick {word:?}"), way_out);
            }
        }
    }
    Hostile { share, tricks }
}

fn pipeline(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> PipelineSettings {
    let mut section = top.section("pipeline", mistakes);
    let settings = PipelineSettings {
        production_time: section.duration("production_time", mistakes).unwrap_or(Duration::from_secs(1)),
        factory_capacity: small(section.count("factory_capacity", 1..=10_000, mistakes), 8),
        factory_collapse: section.count("factory_collapse", 1..=10_000, mistakes).map(|count| small(Some(count), 0)),
        visibility_timeout: section.some_time("visibility_timeout", mistakes).unwrap_or(Duration::from_secs(5)),
        max_receive_count: small(section.count("max_receive_count", 1..=1000, mistakes), 5),
        confirm_after: section.some_time("confirm_after", mistakes).unwrap_or(Duration::from_secs(10)),
    };
    // SQS counts visibility in whole seconds.
    if settings.visibility_timeout.subsec_nanos() != 0 {
        mistakes.add(
            &section.span_of("visibility_timeout"),
            "`pipeline.visibility_timeout` is not in whole seconds",
            "SQS knows no less: \"1s\", \"5s\"",
        );
    }
    section.finish(mistakes);
    settings
}

fn drain(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Drain {
    let mut section = top.section("drain", mistakes);
    let drain = Drain {
        timeout: section.some_time("timeout", mistakes).unwrap_or(Duration::from_secs(60)),
        quiet_for: section.some_time("quiet_for", mistakes).unwrap_or(Duration::from_secs(2)),
    };
    if drain.quiet_for >= drain.timeout {
        let message = "`drain.quiet_for` is not shorter than `drain.timeout`";
        mistakes.add(&section.span(), message, "a drain that must be quiet for longer than it may take can never be reached");
    }
    section.finish(mistakes);
    drain
}

fn expect(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Expect {
    let mut section = top.section("expect", mistakes);
    let mut at_least = |key| section.count(key, 0..=1_000_000_000, mistakes).unwrap_or_default();
    let expect = Expect {
        min_sold: at_least("min_sold"),
        min_sold_out: at_least("min_sold_out"),
        min_restocks: at_least("min_restocks"),
        min_info: at_least("min_info"),
        min_redeliveries: at_least("min_redeliveries"),
        min_hostile: at_least("min_hostile"),
    };
    section.finish(mistakes);
    expect
}

fn limits(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Limits {
    let mut section = top.section("limits", mistakes);
    let limits = Limits {
        lateness_p99: section.some_time("lateness_p99", mistakes).unwrap_or(Duration::from_millis(250)),
        latency_p99: section.some_time("latency_p99", mistakes),
        recovery: section.some_time("recovery", mistakes).unwrap_or(Duration::from_secs(30)),
        dead_letters: section.count("dead_letters", 0..=1_000_000_000, mistakes),
        mails_per_episode: section.count("mails_per_episode", 1..=1_000, mistakes),
        growth_percent: section.share("growth", mistakes).map(percent),
    };
    section.finish(mistakes);
    limits
}

/// `[abort]`: bounds on what the run may do to the system.
fn abort(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Abort {
    let mut section = top.section("abort", mistakes);
    let abort = Abort {
        dead_letters: section.count("dead_letters", 0..=MOST_MESSAGES, mistakes),
        backlog: section.count("backlog", 0..=MOST_MESSAGES, mistakes),
        unknown_share: section.share("unknown_share", mistakes),
        stock_below: section.count("stock_below", 0..=1_000_000, mistakes).and_then(|stock| i64::try_from(stock).ok()),
    };
    section.finish(mistakes);
    abort
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 1")]
fn percent(share: f64) -> u64 {
    (share * 100.0).round() as u64
}

fn small(count: Option<u64>, default: u32) -> u32 {
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or(default)
}

fn required<T: Default>(value: Option<T>, section: &Fields<'_, '_>, key: &str, way_out: &str, mistakes: &mut Mistakes<'_>) -> T {
    if value.is_none() && !section.has(key) {
        section.missing(key, way_out, mistakes);
    }
    value.unwrap_or_default()
}
