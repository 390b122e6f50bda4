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
//! | [`faults`] | taps on every hop, and what goes wrong there, proved and healed |
//! | [`target`] | a system that the harness did not build, described in a file |
//! | [`load`] | buyers, arriving by the plan whoever else still waits; goose drives them |
//! | [`observe`] | what is seen of the pipeline besides the answers |
//! | [`drain`] | nobody arrives any more; wait until it is quiet |
//! | [`history`] | the one record of all that, safe from crashes |
//! | [`verify`] | what is proved from a history: twelve properties, evidence, a verdict |
//! | [`result`], [`report`], [`progress`] | the outcome for programs and for people |
//! | [`live`] | a run while it is under way: a page, and numbers for Prometheus |
//! | [`index`] | the runs of a folder, as a page |
//! | [`gate`] | this run against an earlier one |
//! | [`compare`] | two runs or sets of runs beside each other, paired, with bounds |
//! | [`shards`] | one run on many machines: a part of the buyers each, merged and judged once |
//! | [`matrix`] | the harness judged: every defect of the reference, and many sound runs |
//! | [`shrink`] | from a run that failed to the smallest fault plan that still does |
//! | [`init`], [`schema`] | what a newcomer is handed: files to begin with, and what an editor needs to know of them |
//! | [`exit`] | exit codes |

pub mod boot;
pub mod cli;
pub mod compare;
pub mod drain;
pub mod exit;
pub mod faults;
pub mod gate;
pub mod ground;
pub mod history;
pub mod index;
pub mod init;
pub mod live;
pub mod load;
pub mod matrix;
pub mod observe;
pub mod page;
pub mod plan;
mod program;
pub mod progress;
pub mod report;
pub mod result;
pub mod run;
pub mod scenario;
pub mod schema;
pub mod shards;
pub mod shrink;
pub mod target;
pub mod verify;
