//! Where what the factory made arrives and raises the stock.

pub mod arrival;
pub mod callback;
pub mod delivery;
