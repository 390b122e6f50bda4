//! The reference pipeline's stages as AWS Lambda functions. Nothing of the pipeline is written a second time: each function is the same handler or the
//! same router as in `reference serve`, with another way in.
//!
//! | module | what it does |
//! |---|---|
//! | [`settings`] | the environment, checked as `reference serve` checks it; the database's password from Secrets Manager |
//! | [`function`] | which function this process is, and its run |
//! | [`consume`] | a batch from a queue: each message handled on its own, answered with those that failed |
//! | [`event`] | the shapes of those events and answers |
//! | [`event_source`] | what AWS does between a queue and a function, for machines without AWS |
//!
//! One program is all functions: the handler's name (`sales`, `receiving`, `relay`, `replenish`, `advertising`, `operations`) says which.

pub mod consume;
pub mod event;
pub mod event_source;
pub mod function;
pub mod settings;
