//! What is written about a run: the files, what they say, and that a browser can show them.

mod browser;
mod digest;
mod files;
mod gate;
mod proofs;
mod sample;
