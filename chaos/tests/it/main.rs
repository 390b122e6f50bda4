//! The taps, each between a client and an upstream of the tests' own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by ending")]

mod aws_tap;
mod bench;
mod every_word;
mod hostile_peers;
mod http_tap;
mod messages;
mod program;
mod tcp_tap;
