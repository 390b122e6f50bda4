//! What is written about a run: the files, what they say, and that a browser can show them.

pub(crate) mod browser;
mod compare;
mod digest;
mod files;
mod gate;
mod pages;
mod proofs;
mod sample;
