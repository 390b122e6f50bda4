//! Every parser that meets bytes of others, as one function that takes any bytes and must come back: whatever it is given, it answers or
//! refuses, and never panics, hangs, or takes memory without end.
//!
//! The functions are called in two ways: by `cargo fuzz`, which looks for new bytes for as long as it is let (`README.md`), and by the test of
//! this package, which tries the corpus and changes of it with every change.

mod files;
mod messages;
mod requests;

/// A parser that meets foreign bytes.
#[derive(Debug, Clone, Copy)]
pub struct Entrance {
    /// Its name: that of its corpus, too.
    pub name: &'static str,
    /// Takes anything.
    pub enter: fn(&[u8]),
}

/// All of them.
pub const ENTRANCES: [Entrance; 10] = [
    Entrance { name: "broker", enter: requests::broker },
    Entrance { name: "http_body", enter: requests::http_body },
    Entrance { name: "factory_order", enter: requests::factory_order },
    Entrance { name: "http_answer", enter: requests::http_answer },
    Entrance { name: "aws_tap", enter: requests::aws_tap },
    Entrance { name: "sns_envelope", enter: messages::sns_envelope },
    Entrance { name: "commit", enter: messages::commit },
    Entrance { name: "scenario", enter: files::scenario },
    Entrance { name: "target", enter: files::target },
    Entrance { name: "history", enter: files::history },
];

/// The entrance of that name.
#[must_use]
pub fn entrance(name: &str) -> Option<Entrance> {
    ENTRANCES.into_iter().find(|entrance| entrance.name == name)
}
