//! The reference pipeline's command line.

fn main() {}
