//! The tap's command line.

fn main() {}
