//! What tests and benches stand on: a MariaDB and a browser of their own where they need the real thing, and clients that wish a listener ill ([`attacker`]).
//!
//! The database server has its own folder, its own free port of 127.0.0.1, an account with a password that nobody else knows, and ends with the process
//! that started it, however that ends. There is one per test binary ([`MariaDb::shared`]) and one database in it per test.
//!
//! [`messages`] shows every error message of a crate in one snapshot; [`dashboard`] compares the shipped dashboard with what is told to Prometheus;
//! [`stalls`] is a server whose answers can be computed. [`KeptPort`] is an address at which nobody is, and nobody comes to be: a port that a test
//! gave up is soon the shop of another one. [`folder`] keeps what a test's programs write away from a disk that others keep busy.

pub mod attacker;
mod browser;
pub mod dashboard;
pub mod folder;
mod mariadb;
pub mod messages;
pub mod stalls;

pub use browser::{Browser, BrowserError};
pub use chaos::port::KeptPort;
pub use mariadb::{Keeping, MariaDb, MariaDbError};
