//! What may happen to a request, a message, a connection or a process. This crate knows nothing of any particular pipeline.
//!
//! Start with [`faults`]: a set of rules that can be installed and healed, and a journal of what they really did. Then:
//!
//! - [`decision`]: what a rule is, and whom it strikes: pure, from a seed and the business id, never from a shared random stream.
//! - [`incident`]: what is done at a moment to a process, a database or a listener.
//! - [`plan`]: rules and incidents read from a TOML file, with all its mistakes at once.
//! - [`tap`]: proxies that stand on a hop, tell what passed, and do to it what was decided: [`tap::http`], [`tap::aws`], [`tap::tcp`].
//! - [`observe`]: where taps report to, without ever waiting for whoever listens.
//! - [`catalogue`]: every fault there is, as the documentation shows it.
//! - [`shortage`]: what the machine would not give to the taps themselves.
//! - [`port`]: a port that is kept although nobody listens on it.
//! - [`process`]: a child process that never outlives its parent, and that can be killed, paused and resumed.
//! - [`cli`]: all of this as a program.

pub mod catalogue;
pub mod cli;
pub mod decision;
pub mod faults;
pub mod incident;
pub mod observe;
pub mod plan;
pub mod port;
pub mod process;
pub mod shortage;
pub mod tap;

/// README's example is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
