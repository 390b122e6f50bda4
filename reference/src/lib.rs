//! The reference order pipeline: a doughnut shop that sells under a rush, orders more from a slow and forgetful factory, and loses nothing.
//!
//! The way of one order:
//!
//! ```text
//! buyer -> sales --commit--> outbox -> relay -> [topic] -> [stock queue] -> replenish -> factory (legacy)
//!                                                     \--> [ad queue] -> advertising -> e-mail      |
//!                                                      \-> [operations queue] -> operations         | produces, for a while
//! buyer <-------- stock <- receiving (callback, or [delivery topic] -> [delivery queue]) <----------+
//! ```
//!
//! Start with [`sales`] and follow the picture; `docs/pipeline.md` says how each promise is kept and which test shows it.
//!
//! * [`domain`] the words of the trade · [`edition`] the two shops, as data
//! * [`sales`] browse, buy, administer · [`store`] all SQL · [`relay`] outbox to topics
//! * [`replenish`] orders from the [`factory`] · [`receiving`] raises the stock
//! * [`advertising`] stops the ads · [`operations`] sees every sale and every refusal
//! * [`messaging`] all that is said to SQS, SNS and SES · [`consumer`] takes from queues · [`broker`] the embedded SQS, SNS and SES
//! * [`http`] what every listener does alike · [`resilience`] back-off, breaker, limiter
//! * [`cli`], [`config`], [`serve`] from a command line to running roles · [`status`], [`telemetry`], [`trace`] what can be seen from outside
//! * [`site`] the shop's own page, [`pages`] what pages for people need
//! * [`whereabouts`] how one command finds what another serves
//! * [`clock`] what time of day it is · [`drills`] where a process can be made to die, and how its clock can be made wrong
//! * [`defects`] which mistakes it can be asked to make

pub mod advertising;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consumer;
pub mod decisions;
pub mod defects;
pub mod domain;
pub mod drills;
pub mod edition;
pub mod factory;
pub mod http;
pub mod messaging;
pub mod operations;
pub mod pages;
pub mod receiving;
pub mod relay;
pub mod replenish;
pub mod resilience;
pub mod sales;
pub mod serve;
pub mod site;
pub mod status;
pub mod store;
pub mod telemetry;
pub mod trace;
pub mod whereabouts;
