//! The harness: puts an order pipeline under a rush, and proves from the outside what became of every order.
//!
//! One run goes through these modules from top to bottom; [`run`] is the spine that shows it in one place.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | the command line, parsed once into a checked request |
//! | [`scenario`] | a TOML file, checked: who buys what, when, and what must be seen for a pass |
//! | [`plan`] | everything that follows from scenario and seed, before anything happens |
//! | [`boot`] | the pipeline as processes of its own, ready to be bought from |
//! | [`load`] | buyers, arriving by the plan whoever else still waits; goose drives them |
//! | [`observe`] | what is seen of the pipeline besides the answers |
//! | [`drain`] | nobody arrives any more; wait until it is quiet |
//! | [`history`] | the one record of all that, safe from crashes |
//! | [`verify`] | what is proved from a history: twelve properties, evidence, a verdict |
//! | [`result`], [`report`], [`progress`] | the outcome for programs and for people |
//! | [`gate`] | this run against an earlier one |
//! | [`exit`] | exit codes |

pub mod boot;
pub mod cli;
pub mod drain;
pub mod exit;
pub mod gate;
pub mod history;
pub mod load;
pub mod observe;
pub mod plan;
pub mod progress;
pub mod report;
pub mod result;
pub mod run;
pub mod scenario;
pub mod verify;
