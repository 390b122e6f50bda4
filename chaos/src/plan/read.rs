//! From a table of a plan to a checked rule; the words of a plan stand here and nowhere else.

use std::time::Duration;

use super::fields::{Fields, nearest};
use super::incidents::{self, INCIDENTS};
use super::mistake::Mistakes;
use super::{Plan, values};
use crate::decision::{After, Alter, Before, Delay, Fault, Pace, ReceiveFault, Rule, Selector, SendFault, SettleFault, Share};

/// Largest body that a fault sends by itself, and the most bytes it counts.
const MOST_BYTES: u64 = 1 << 20;

/// What poison is made of by default: JSON that ends too early.
const GARBAGE: &str = "{\"poison\":\"{id}\",";

const DELAY: &str = "write \"250ms\", { from = \"100ms\", to = \"300ms\" } or { mean = \"200ms\", cap = \"2s\" }";

/// A word for a fault in a plan.
#[derive(Debug, Clone, Copy)]
pub struct FaultWord {
    /// The word.
    pub word: &'static str,
    /// Its parameters, as a plan would give them.
    pub parameters: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    build: Build,
}

type Build = fn(&mut Fields<'_, '_>, &mut Mistakes<'_>) -> Option<Fault>;

const fn word(word: &'static str, parameters: &'static str, about: &'static str, build: Build) -> FaultWord {
    FaultWord { word, parameters, about, build }
}

/// Every fault, in the order of the catalogue.
pub const FAULTS: &[FaultWord] = &[
    word("delay", "delay = \"250ms\"", "It is forwarded later.", |f, m| Some(Fault::Wait(delay(f, m)?))),
    word("stall", "delay = \"5s\"", "The same as `delay`, in the words of a connection.", |f, m| Some(Fault::Wait(delay(f, m)?))),
    word("refuse", "", "The connection is reset; nothing is forwarded.", |_, _| Some(Fault::Before(Before::Refuse))),
    word("reset", "", "The same as `refuse`, in the words of a connection.", |_, _| Some(Fault::Before(Before::Refuse))),
    word(
        "answer",
        "status = 503, body = \"…\", retry_after = \"1s\"",
        "The tap answers instead; nothing is forwarded. A control when the status claims success.",
        answer,
    ),
    word("blackhole", "", "Nobody answers and nothing is forwarded, until the sender gives up or the rule is healed.", |_, _| {
        Some(Fault::Before(Before::Blackhole))
    }),
    word("throttle", "", "The service's own \"too many requests\", in the shape its SDK expects; nothing is forwarded.", |_, _| {
        Some(Fault::Before(Before::Throttle))
    }),
    word(
        "swallow",
        "status = 200, body = \"…\", legal = true",
        "The tap answers as if it had been accepted; it never arrives. A control, unless `legal` says that this sender may be lied to.",
        swallow,
    ),
    word(
        "limit-concurrency",
        "at_most = 4, status = 503, retry_after = \"1s\"",
        "So many pass at once; whatever comes above is answered so, and not forwarded.",
        |f, m| {
            let at_most = crowd(f, "at_most", "say how many may pass at once, at_most = 4", m);
            let (status, retry_after) = (failure(f, m), f.duration("retry_after", m));
            Some(Fault::Before(Before::Limit { at_most: at_most?, status, retry_after }))
        },
    ),
    word(
        "collapse",
        "above = 8, for = \"3s\", status = 500",
        "As soon as more than so many come at once, everything is answered so for that time, and nothing is forwarded.",
        |f, m| {
            let above = crowd(f, "above", "say how many it still bears, above = 8", m);
            let (lasts, status) = (required(f, "for", "say for how long, for = \"3s\"", m), failure(f, m));
            Some(Fault::Before(Before::Collapse { above: above?, lasts: lasts?, status }))
        },
    ),
    word(
        "alter-number",
        "field = \"count\", by = \"+3\", legal = true",
        "A number in the request's JSON body (also one in quotes) is another one: \"+3\", \"-1\", \"x2\". A control, unless `legal` says that this sender may err.",
        alter_number,
    ),
    word(
        "replace-body",
        "body = \"…\", legal = true",
        "The request arrives with another body. A control, unless `legal` says that this sender may err.",
        |f, m| {
            if !f.has("body") {
                f.missing("body", "say which body arrives instead, body = \"…\"", m);
            }
            let (body, legal) = (f.text("body", m), f.flag("legal", m));
            Some(Fault::Alter { what: Alter::Body { body: body? }, legal })
        },
    ),
    word("again", "", "It is forwarded twice at the same time; the sender gets the first answer.", |_, _| Some(Fault::Again)),
    word("lose-answer", "", "It is forwarded and takes effect; then the connection is reset instead of an answer.", |_, _| {
        Some(Fault::After(After::Lose))
    }),
    word("cut-answer", "bytes = 10", "It takes effect; the connection ends after so many bytes of the answer's body.", |f, m| {
        Some(Fault::After(After::Cut { bytes: bytes(f, m) }))
    }),
    word(
        "truncate-answer",
        "bytes = 10",
        "It takes effect; the answer has only so many bytes of its body, in well-formed HTTP.",
        |f, m| Some(Fault::After(After::Truncate { bytes: bytes(f, m) })),
    ),
    word("delay-answer", "delay = \"250ms\"", "It takes effect at once; the answer comes later.", |f, m| {
        Some(Fault::After(After::Delay(delay(f, m)?)))
    }),
    word("slow-answer", "over = \"2s\"", "The answer's body trickles over that time.", |f, m| {
        let over = required(f, "over", "say from the first byte to the last, \"2s\"", m)?;
        Some(Fault::Pace(Pace::Slow { over }))
    }),
    word("bandwidth", "rate = \"16KiB/s\"", "Both bodies pass at that rate.", |f, m| {
        if !f.has("rate") {
            f.missing("rate", values::RATE, m);
        }
        let bytes_per_second = f.quoted("rate", "a rate", values::RATE, values::bytes_per_second, m)?;
        Some(Fault::Pace(Pace::Bandwidth { bytes_per_second }))
    }),
    word("duplicate-message", "", "The message is sent twice.", |_, _| Some(Fault::Send(SendFault::Duplicate))),
    word(
        "delay-message",
        "delay = \"1s\"",
        "The sender is told at once that it is sent; it is sent later, or when the rule is healed.",
        |f, m| Some(Fault::Send(SendFault::Delay(delay(f, m)?))),
    ),
    word(
        "reorder-message",
        "by = 3, within = \"1s\"",
        "The message waits until so many later ones overtook it, or for that time.",
        |f, m| {
            let by = f.count("by", 1..=10_000, m);
            let within = required(f, "within", "say for how long it waits at most, \"1s\"", m)?;
            Some(Fault::Send(SendFault::Reorder { by: by.unwrap_or(1), within }))
        },
    ),
    word("lose-send-answer", "", "The message is sent; the answer of its request is lost.", |_, _| {
        Some(Fault::Send(SendFault::LoseAnswer))
    }),
    word("lose-message", "", "The sender is told that the message is sent; it never is.", |_, _| Some(Fault::Send(SendFault::LoseMessage))),
    word(
        "poison",
        "body = \"…{id}…\"",
        "A message of garbage is sent beside it; `{id}` becomes the id of the message beside it.",
        |f, m| Some(Fault::Send(SendFault::Poison { body: f.text("body", m).unwrap_or_else(|| GARBAGE.to_owned()) })),
    ),
    word("repeat-receive", "", "The next receive on the queue delivers the message once more.", |_, _| {
        Some(Fault::Receive(ReceiveFault::Repeat))
    }),
    word("lose-receive-answer", "", "The answer is lost; its messages are in flight until their visibility timeout.", |_, _| {
        Some(Fault::Receive(ReceiveFault::LoseAnswer))
    }),
    word("withhold-message", "", "The message is missing from the answer, and in flight until its visibility timeout.", |_, _| {
        Some(Fault::Receive(ReceiveFault::Withhold))
    }),
    word("reverse-receive", "", "The messages of the answer come in reverse order.", |_, _| Some(Fault::Receive(ReceiveFault::Reverse))),
    word("lose-delete", "", "The consumer is told that the message is deleted; it is not, and comes again.", |_, _| {
        Some(Fault::Settle(SettleFault::Lose))
    }),
    word("lose-delete-answer", "", "The message is deleted; the answer is lost.", |_, _| Some(Fault::Settle(SettleFault::LoseAnswer))),
    word("expire-receipt", "", "Deleting, or changing the visibility, is refused because the receipt handle has expired.", |_, _| {
        Some(Fault::Settle(SettleFault::Expire))
    }),
    word("cut", "", "The same as `cut-answer` with 0 bytes, in the words of a connection: it ends orderly, without an answer.", |_, _| {
        Some(Fault::After(After::Cut { bytes: 0 }))
    }),
    word("reset-before-commit", "", "The same as `refuse` with action = \"COMMIT\": the database never sees the COMMIT.", |_, _| {
        Some(Fault::Before(Before::Refuse))
    }),
    word(
        "reset-after-commit",
        "",
        "The same as `lose-answer` with action = \"COMMIT\": the database has committed, the client never hears.",
        |_, _| Some(Fault::After(After::Lose)),
    ),
];

/// Reads the tables `[[key]]`, rules and incidents alike.
pub(super) fn plan(top: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Plan {
    let mut names: Vec<String> = Vec::new();
    let mut plan = Plan::default();
    for mut fields in top.tables(key, mistakes) {
        let name = match fields.text("name", mistakes) {
            Some(name) => name,
            None => {
                if !fields.has("name") {
                    fields.missing("name", "name = \"…\", by which the journal knows the rule", mistakes);
                }
                String::new()
            }
        };
        if !name.is_empty() && names.contains(&name) {
            mistakes.add(&fields.span_of("name"), format!("two rules are called {name:?}"), "give each a name of its own");
        }
        entry(&name, fields, &mut plan, mistakes);
        names.push(name);
    }
    plan
}

/// One table: a rule or an incident, by its word.
fn entry(name: &str, mut fields: Fields<'_, '_>, plan: &mut Plan, mistakes: &mut Mistakes<'_>) {
    let asked = fields.text("fault", mistakes);
    if let Some(word) = asked.as_deref().and_then(|asked| INCIDENTS.iter().find(|word| word.word == asked)) {
        plan.incidents.extend(incidents::incident(name, word, &mut fields, mistakes));
        return finish(fields, word.word, mistakes);
    }
    plan.rules.extend(rule(name, asked, fields, mistakes));
}

fn rule(name: &str, asked: Option<String>, mut fields: Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Rule> {
    let mut select = selector(&mut fields, mistakes);
    if !fields.has("fault") {
        fields.missing("fault", "fault = \"…\", see docs/faults.md", mistakes);
    }
    let asked = asked?;
    let Some(word) = FAULTS.iter().find(|word| word.word == asked) else {
        let known: Vec<&str> = FAULTS.iter().map(|word| word.word).chain(INCIDENTS.iter().map(|word| word.word)).collect();
        let way_out = match nearest(&asked, &known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        mistakes.add(&fields.span_of("fault"), format!("there is no fault {asked:?}"), way_out);
        return None;
    };
    if word.word.ends_with("-commit") {
        select.action = Some("COMMIT".to_owned());
    }
    let fault = (word.build)(&mut fields, mistakes);
    finish(fields, word.word, mistakes);
    Some(Rule { name: name.into(), fault: fault?, select, only: None })
}

/// A parameter of another fault deserves another answer than a slip of the pen.
fn finish(fields: Fields<'_, '_>, fault: &str, mistakes: &mut Mistakes<'_>) {
    const PARAMETERS: &[&str] = &[
        "status",
        "body",
        "retry_after",
        "bytes",
        "delay",
        "over",
        "rate",
        "by",
        "within",
        "at_most",
        "above",
        "field",
        "legal",
        "hop",
        "method",
        "path",
        "action",
        "attribute",
        "share",
        "first",
        "until",
        "after_requests",
        "until_requests",
        "until_sales",
    ];
    for (name, span) in fields.unknown() {
        let way_out = match PARAMETERS.contains(&name) || incidents::PARAMETERS.contains(&name) {
            true => format!("the fault {fault:?} has no such parameter"),
            false => fields.meant(name),
        };
        mistakes.add(&span, format!("unknown key `{}`", fields.full(name)), way_out);
    }
}

fn selector(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Selector {
    let select = Selector {
        hop: fields.text("hop", mistakes),
        method: fields.text("method", mistakes).map(|method| method.to_ascii_uppercase()),
        path: fields.text("path", mistakes),
        action: fields.text("action", mistakes),
        attribute: attribute(fields, mistakes),
        share: fields.quoted("share", "a share", values::SHARE, values::share, mistakes).unwrap_or(Share::ALL),
        first: fields.count("first", 1..=u64::MAX, mistakes),
        from: fields.duration("from", mistakes).unwrap_or(Duration::ZERO),
        until: fields.duration("until", mistakes),
        after_requests: fields.count("after_requests", 0..=u64::MAX, mistakes).unwrap_or(0),
        until_requests: fields.count("until_requests", 1..=u64::MAX, mistakes),
        after_sales: fields.count("after_sales", 0..=u64::MAX, mistakes).unwrap_or(0),
        until_sales: fields.count("until_sales", 1..=u64::MAX, mistakes),
        phase: fields.text("phase", mistakes),
    };
    if select.until.is_some_and(|until| until <= select.from) {
        mistakes.add(&fields.span_of("until"), "the window ends before it begins", "make `until` later than `from`");
    }
    if select.until_requests.is_some_and(|until| until <= select.after_requests) {
        let way_out = "make `until_requests` more than `after_requests`";
        mistakes.add(&fields.span_of("until_requests"), "the window ends before it begins", way_out);
    }
    if select.until_sales.is_some_and(|until| until <= select.after_sales) {
        let way_out = "make `until_sales` more than `after_sales`";
        mistakes.add(&fields.span_of("until_sales"), "the window ends before it begins", way_out);
    }
    select
}

fn attribute(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<(String, String)> {
    if !fields.has("attribute") {
        // Asked for all the same, so that it counts as known.
        return fields.table("attribute").and(None);
    }
    let pairs = fields.table("attribute").map(|table| table.entries()).unwrap_or_default();
    let pair = <[_; 1]>::try_from(pairs).ok().and_then(|[(name, _, value)]| Some((name, value.get_ref().as_str()?.to_owned())));
    if pair.is_none() {
        let message = format!("`{}` is not a name with its value", fields.full("attribute"));
        mistakes.add(&fields.span_of("attribute"), message, "write { kind = \"order\" }");
    }
    pair
}

fn answer(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Fault> {
    if !fields.has("status") {
        fields.missing("status", "say with which status, as status = 503", mistakes);
    }
    let status = fields.count("status", 200..=599, mistakes).and_then(|status| u16::try_from(status).ok());
    let body = fields.text("body", mistakes).unwrap_or_default();
    let retry_after = fields.duration("retry_after", mistakes);
    Some(Fault::Before(Before::Answer { status: status?, body, retry_after }))
}

fn swallow(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Fault> {
    let status = fields.count("status", 200..=299, mistakes).and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    let body = fields.text("body", mistakes).unwrap_or_default();
    let legal = fields.flag("legal", mistakes);
    Some(Fault::Before(Before::Swallow { status, body, legal }))
}

fn alter_number(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Fault> {
    if !fields.has("field") {
        fields.missing("field", "say which field of the body, field = \"count\"", mistakes);
    }
    if !fields.has("by") {
        fields.missing("by", values::CHANGE, mistakes);
    }
    let field = fields.text("field", mistakes);
    let by = fields.quoted("by", "a change of a number", values::CHANGE, values::change, mistakes);
    let legal = fields.flag("legal", mistakes);
    Some(Fault::Alter { what: Alter::Number { field: field?, by: by? }, legal })
}

fn crowd(fields: &mut Fields<'_, '_>, key: &'static str, way_out: &str, mistakes: &mut Mistakes<'_>) -> Option<usize> {
    if !fields.has(key) {
        fields.missing(key, way_out, mistakes);
    }
    fields.count(key, 0..=100_000, mistakes).and_then(|count| usize::try_from(count).ok())
}

/// A status that claims no success.
fn failure(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> u16 {
    fields.count("status", 400..=599, mistakes).and_then(|status| u16::try_from(status).ok()).unwrap_or(503)
}

fn bytes(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> usize {
    let bytes = fields.count("bytes", 0..=MOST_BYTES, mistakes).unwrap_or(0);
    usize::try_from(bytes).unwrap_or(0)
}

fn required(fields: &mut Fields<'_, '_>, key: &'static str, way_out: &str, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
    if !fields.has(key) {
        fields.missing(key, way_out, mistakes);
    }
    fields.duration(key, mistakes)
}

fn delay(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Delay> {
    let Some(mut table) = fields.table("delay") else {
        return required(fields, "delay", DELAY, mistakes).map(Delay::Fixed);
    };
    let (from, to) = (table.duration("from", mistakes), table.duration("to", mistakes));
    let (mean, cap) = (table.duration("mean", mistakes), table.duration("cap", mistakes));
    let span = table.span();
    table.finish(mistakes);
    match (from, to, mean, cap) {
        (Some(from), Some(to), None, None) if from <= to => Some(Delay::Uniform { from, to }),
        (None, None, Some(mean), Some(cap)) => Some(Delay::Exponential { mean, cap }),
        _ => {
            mistakes.add(&span, format!("`{}` is not a distribution", fields.full("delay")), DELAY);
            None
        }
    }
}
