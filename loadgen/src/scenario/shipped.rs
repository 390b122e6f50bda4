//! The scenarios that come with the binary, so that it works from anywhere.

/// In the order in which to try them.
const SHIPPED: [(&str, &str); 30] = [
    ("smoke", include_str!("../../../scenarios/smoke.toml")),
    ("steady", include_str!("../../../scenarios/steady.toml")),
    ("rush", include_str!("../../../scenarios/rush.toml")),
    ("shop-rush", include_str!("../../../scenarios/shop-rush.toml")),
    ("hostile", include_str!("../../../scenarios/hostile.toml")),
    ("first-contact", include_str!("../../../scenarios/first-contact.toml")),
    ("one-shot", include_str!("../../../scenarios/one-shot.toml")),
    ("rush-slow-factory", include_str!("../../../scenarios/rush-slow-factory.toml")),
    ("rush-factory-down", include_str!("../../../scenarios/rush-factory-down.toml")),
    ("rush-factory-collapse", include_str!("../../../scenarios/rush-factory-collapse.toml")),
    ("factory-closed", include_str!("../../../scenarios/factory-closed.toml")),
    ("factory-lies", include_str!("../../../scenarios/factory-lies.toml")),
    ("drop-messages", include_str!("../../../scenarios/drop-messages.toml")),
    ("duplicate-messages", include_str!("../../../scenarios/duplicate-messages.toml")),
    ("lost-answers", include_str!("../../../scenarios/lost-answers.toml")),
    ("poison", include_str!("../../../scenarios/poison.toml")),
    ("throttled-aws", include_str!("../../../scenarios/throttled-aws.toml")),
    ("mail-down", include_str!("../../../scenarios/mail-down.toml")),
    ("echoes", include_str!("../../../scenarios/echoes.toml")),
    ("hiccups", include_str!("../../../scenarios/hiccups.toml")),
    ("slow-hands", include_str!("../../../scenarios/slow-hands.toml")),
    ("kill-everything", include_str!("../../../scenarios/kill-everything.toml")),
    ("crash-points", include_str!("../../../scenarios/crash-points.toml")),
    ("pause", include_str!("../../../scenarios/pause.toml")),
    ("redeploy", include_str!("../../../scenarios/redeploy.toml")),
    ("wrong-clocks", include_str!("../../../scenarios/wrong-clocks.toml")),
    ("database-trouble", include_str!("../../../scenarios/database-trouble.toml")),
    ("swarm", include_str!("../../../scenarios/swarm.toml")),
    ("control-hard-loss", include_str!("../../../scenarios/control-hard-loss.toml")),
    ("soak", include_str!("../../../scenarios/soak.toml")),
];

pub(super) fn names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(name, _)| *name).collect()
}

pub(super) fn text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
}
