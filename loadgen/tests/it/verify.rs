//! What the judges say of histories whose truth is known.

mod arrivals;
mod damage;
mod damaged;
mod evidence;
mod explained;
mod exposed;
mod generated;
mod lines;
mod mails;
mod merged;
mod offered;
mod oracle;
mod orders;
mod phantoms;
mod pieces;
mod pipeline;
mod promises;
mod recovery;
mod scale;
mod shop;
mod sights;
mod stock;
mod story;
mod told;
mod witness;

/// How many random cases a property is tried on: as many as `PROPTEST_CASES` asks for, else the usual number.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}
