//! What the benchmarks share: histories ([`sound`]) and rules ([`rules`]) to measure with, measuring two things in turn
//! ([`paired`]), programs measured from the outside ([`stand`]), and the table at the end ([`rows`]).

pub mod buyers;
pub mod chart;
pub mod courier;
pub mod generator;
pub mod paired;
pub mod proxies;
pub mod rows;
pub mod rules;
pub mod servers;
pub mod sound;
pub mod stand;
pub mod sustained;
pub mod wire;
