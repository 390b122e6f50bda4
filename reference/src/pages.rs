//! What a page for people needs beyond what an API does: it answers only to the machine that it runs on, nothing on it is fetched from
//! anywhere else, and what happens is pushed to it.
//!
//! * [`guard`] — only this machine's browser, only its own pages, and the headers that keep a browser to that
//! * [`wire`] — the latest state of something, pushed to a bounded number of viewers
//! * [`assets`] — the files that pages share: style, language, the picture of the pipeline
//! * [`picture`] — what the picture shows
//!
//! The harness shows its runs with the same picture.

pub mod assets;
pub mod guard;
pub mod picture;
pub mod wire;
