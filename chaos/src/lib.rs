//! Taps and faults.
