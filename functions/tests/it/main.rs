//! Integration tests.

#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod emulator;
mod judged;
mod messages;
