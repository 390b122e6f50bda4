//! DLQ capture: published = done ∪ DLQ ∪ residual, by business id; residual = ∅ after the drain; only poison stays captured.
//!
//! What was published is known from observer queues on the topics, what was done from the consumers' receipts. Identity is always the
//! business id under which a consumer records (SQS MessageIds change on every move).

use super::expectations::Expectations;
use super::finding::{Findings, Ref};
use super::model::{MessageRow, Model, NONE, flag};
use super::state::{Table, gap_at_rest};

pub(super) fn judge(model: &Model, expectations: &Expectations) -> Findings {
    let mut findings = Findings::default();
    if model.exposes(Table::DeadLetters) && model.final_state_is_whole() {
        leftovers(model, expectations.dead_letters_redriven, &mut findings);
        poison(model, &mut findings);
    }
    if let Some(most) = expectations.most_dead_letters {
        put_away(model, most, &mut findings);
    }
    findings.count("publications seen", model.published);
    findings.count("dead letters at the end", model.dead_letters.len());
    findings.gap(gap_at_rest(model, &[Table::Topics, Table::Receipts, Table::DeadLetters]));
    if findings.gap.is_some() {
        return findings;
    }
    let anything_decided = model.orders.iter().any(|order| order.is(flag::SOLD | flag::REFUSED));
    if model.published == 0 && anything_decided {
        findings.missing("orders were decided, but no message was seen on any topic".to_owned());
    }
    if model.published_without_ids > 0 {
        findings.missing(format!("{} published messages carry no business id", model.published_without_ids));
    }
    let (mut done, mut captured) = (0u64, 0u64);
    for (row, message) in (0u32..).zip(&model.messages) {
        for (index, consumer) in model.consumers.iter().take(MessageRow::CONSUMERS).enumerate() {
            if !message.was_published_to(index) {
                continue;
            }
            if message.was_done_by(index) {
                done += 1;
            } else if message.was_captured_from(index) {
                captured += 1;
            } else {
                findings.violated(vec![Ref::Message(row)], || {
                    format!(
                        "{{0}} was published on {}, but {} neither recorded it as done nor is it in {}: it is lost.",
                        consumer.topic, consumer.name, consumer.dead_letter_queue
                    )
                });
            }
        }
    }
    findings.count("messages done, per consumer", done);
    findings.count("messages captured, per consumer", captured);
    findings
}

/// Nothing may be left in a queue once all is at rest, and nothing but poison in a dead-letter queue once all was moved back.
fn leftovers(model: &Model, redriven: bool, findings: &mut Findings) {
    if model.drained() {
        for (queue, left) in &model.residual {
            let queue = model.queue_names.name(*queue).to_owned();
            findings.violated(vec![Ref::Queue(queue)], || format!("{{0}} still holds {left} after everything had come to rest."));
        }
    }
    if !redriven {
        return;
    }
    for letter in model.dead_letters.iter().filter(|letter| !letter.poison) {
        let queue = model.queue_names.name(letter.queue);
        let about = if letter.message == NONE { Ref::Queue(queue.to_owned()) } else { Ref::Message(letter.message) };
        findings
            .violated(vec![about], || format!("{{0}} is no poison, but it is still in {queue} after the dead letters were moved back."));
    }
}

/// Where the scenario's faults are such that every message can be handled within its receives, none but poison may ever be put away.
fn put_away(model: &Model, most: u64, findings: &mut Findings) {
    let poison = model.poison.len() as u64;
    let put_away = model.most_dead_letters.saturating_sub(poison);
    findings.count("most messages put away that were no poison", put_away);
    if put_away > most {
        findings.violated(vec![Ref::Run], || {
            format!("{put_away} messages that were no poison were put away as dead letters, where at most {most} may be: they could have been handled.")
        });
    }
}

/// Whatever the harness injected as poison must have been captured.
fn poison(model: &Model, findings: &mut Findings) {
    let nameless = model.dead_letters.iter().filter(|letter| letter.poison && letter.message == NONE).count();
    let lost: Vec<u32> =
        model.poison.iter().copied().filter(|row| model.messages.get(*row as usize).is_none_or(|message| !message.captured)).collect();
    findings.count("poison injected", model.poison.len());
    // Poison may have lost its ids on the way; each nameless dead letter stands for one.
    for row in lost.into_iter().skip(nameless) {
        let about = if row == NONE { Ref::Run } else { Ref::Message(row) };
        findings.violated(vec![about], || "{0}: poison was injected, and it is in no dead-letter queue.".to_owned());
    }
}
