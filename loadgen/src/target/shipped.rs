//! The target files that come along: the two faces of the contract.

use std::sync::{Arc, LazyLock};

use super::Target;
use super::speech::Speech;
use crate::scenario::EditionName;

const DONUT: &str = include_str!("../../../targets/donut.toml");
const SHOP: &str = include_str!("../../../targets/shop.toml");

static DONUT_SPEECH: LazyLock<Arc<Speech>> = LazyLock::new(|| parsed("targets/donut.toml", DONUT));
static SHOP_SPEECH: LazyLock<Arc<Speech>> = LazyLock::new(|| parsed("targets/shop.toml", SHOP));

/// How the reference pipeline is talked to.
pub(super) fn speech(edition: EditionName) -> Arc<Speech> {
    match edition {
        EditionName::Donut => Arc::clone(&DONUT_SPEECH),
        EditionName::Shop => Arc::clone(&SHOP_SPEECH),
    }
}

fn parsed(origin: &str, text: &str) -> Arc<Speech> {
    Arc::new(Target::parse(origin, text).expect("a test parses every target file that comes along").speech)
}
