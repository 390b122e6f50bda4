//! What tests and benches stand on where they need a real server: a MariaDB of their own.
//!
//! The server has its own folder, its own free port of 127.0.0.1, an account with a password that nobody else knows, and ends with the process
//! that started it, however that ends. There is one per test binary ([`MariaDb::shared`]) and one database in it per test.

mod mariadb;

pub use mariadb::{Keeping, MariaDb, MariaDbError};
