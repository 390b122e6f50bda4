//! What the judges say of histories whose truth is known.

mod damage;
mod damaged;
mod evidence;
mod exposed;
mod generated;
mod merged;
mod oracle;
mod orders;
mod pipeline;
mod recovery;
mod scale;
mod shop;
mod stock;
mod story;
mod told;
mod witness;

/// How many random cases a property is tried on: as many as `PROPTEST_CASES` asks for, else the usual number.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}
