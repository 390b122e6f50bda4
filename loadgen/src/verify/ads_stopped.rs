//! Ads stopped: each sold-out episode leads to at least one e-mail naming the product, and to no storm of them.
//!
//! A mail that names no episode can stand for any episode of its product. More than one mail per episode is legal up to a small bound:
//! when the answer of the mail service is lost, sending again is the only right thing to do. So each call to the mail service that was
//! seen to be struck by a fault explains one mail more.

use super::finding::{Findings, Ref};
use super::model::{Episode, Model, flag};
use super::state::{Table, gap_at_rest};

pub(super) fn judge(model: &Model, most_per_episode: u64) -> Findings {
    let mut findings = Findings::default();
    let most_per_episode = most_per_episode.saturating_add(model.mails_struck);
    findings.count("mails sent", model.mails);
    if let Some(gap) = gap_at_rest(model, &[Table::Mails]) {
        findings.gap(Some(gap));
        return findings;
    }
    let mut refused = vec![false; model.products.len()];
    for order in model.orders.iter().filter(|order| order.is(flag::REFUSED) && !order.is(flag::SOLD | flag::HOSTILE)) {
        if let Some(refused) = refused.get_mut(order.product as usize) {
            *refused = true;
        }
    }
    let mut episodes = vec![0u64; model.products.len()];
    let mut spare: Vec<u64> = model.products.iter().map(|product| product.mails_without_episode).collect();
    let mut named = vec![0u64; model.products.len()];
    for (row, episode) in (0u32..).zip(&model.episodes) {
        if episode.named != super::model::NONE {
            named[episode.named as usize] += u64::from(episode.mails);
        }
        if u64::from(episode.mails) > most_per_episode {
            findings.violated(vec![Ref::Episode(row)], || {
                format!("{{0}} led to {} mails, more than the {most_per_episode} that repetition explains: a storm.", episode.mails)
            });
        }
        if !episode.exists {
            continue;
        }
        episodes[episode.product as usize] += 1;
        if names_its_product(episode) {
            continue;
        }
        if let Some(left) = spare[episode.product as usize].checked_sub(1) {
            spare[episode.product as usize] = left;
            continue;
        }
        findings.violated(vec![Ref::Episode(row)], || {
            let instead = if episode.mails > 0 { "only mails naming another product" } else { "no mail" };
            format!("{{0}} of {} led to {instead}: its ads still run.", model.product_name(episode.product))
        });
    }
    let ledger_has_episodes = model.exposes(Table::Episodes);
    for (row, product) in model.product_rows() {
        let place = row as usize;
        let name = model.product_name(row);
        let about = || vec![Ref::Product { product: row, from: 0, to: model.last_at }];
        if refused[place] && ledger_has_episodes && episodes[place] == 0 {
            findings
                .violated(about(), || format!("Buyers of {name} were told \"sold out\", but the ledger has no sold-out episode of it."));
        } else if refused[place] && !ledger_has_episodes && product.mails_without_episode + named[place] == 0 {
            findings
                .violated(about(), || format!("Buyers of {name} were told \"sold out\", but no mail ever named it: its ads still run."));
        }
        if ledger_has_episodes && product.mails_without_episode > most_per_episode * episodes[place].max(1) {
            findings.violated(about(), || {
                format!("{} mails about {name} were sent for {} episodes: a storm.", product.mails_without_episode, episodes[place])
            });
        }
    }
    findings.count("sold-out episodes", episodes.iter().sum::<u64>());
    findings
}

/// At least one of its mails names its product.
fn names_its_product(episode: &Episode) -> bool {
    episode.mails > 0 && (episode.named == episode.product || episode.mails_elsewhere > 0)
}
