//! The scenarios that come with the binary, so that it works from anywhere.

/// In the order in which to try them.
const SHIPPED: [(&str, &str); 6] = [
    ("smoke", include_str!("../../../scenarios/smoke.toml")),
    ("steady", include_str!("../../../scenarios/steady.toml")),
    ("rush", include_str!("../../../scenarios/rush.toml")),
    ("shop-rush", include_str!("../../../scenarios/shop-rush.toml")),
    ("hostile", include_str!("../../../scenarios/hostile.toml")),
    ("soak", include_str!("../../../scenarios/soak.toml")),
];

pub(super) fn names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(name, _)| *name).collect()
}

pub(super) fn text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
}
