//! Where the buyers go, and what the shop calls its things.

use std::collections::BTreeMap;

use http::Uri;
use http::uri::{Authority, PathAndQuery};

use super::LoadError;
use crate::scenario::EditionName;

/// The system under load, as buyers see it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Which face it shows.
    pub edition: EditionName,
    /// Where it listens ("127.0.0.1:41001").
    pub authority: Authority,
    /// Path of its routes' begin, without a slash at the end ("" or "/prod").
    pub base_path: String,
    /// What buyers write into an order to name a product: its factory's id (donut) or its own name (shop), by product id.
    pub names: BTreeMap<String, String>,
}

impl Target {
    /// The shop of the given edition at an address like `http://127.0.0.1:41001`.
    ///
    /// # Errors
    /// [`LoadError::Target`] for anything that is not a plain-HTTP address.
    pub fn new(edition: EditionName, address: &str) -> Result<Self, LoadError> {
        let wrong = |why: &str| LoadError::Target { address: address.to_owned(), why: why.to_owned() };
        let uri: Uri = address.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("it does not begin with http://"));
        }
        let authority = uri.authority().cloned().ok_or_else(|| wrong("it names no host"))?;
        let base_path = uri.path_and_query().map_or("", PathAndQuery::path).trim_end_matches('/').to_owned();
        Ok(Self { edition, authority, base_path, names: names(edition) })
    }

    /// Host and port to connect to; port 80 unless the address says otherwise.
    #[must_use]
    pub fn host_and_port(&self) -> (String, u16) {
        // IPv6 hosts stand in brackets in an address, and without them where sockets are made.
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        (host.to_owned(), self.authority.port_u16().unwrap_or(80))
    }
}

/// What the contract's seed rows call the products.
fn names(edition: EditionName) -> BTreeMap<String, String> {
    let pairs: &[(&str, &str)] = match edition {
        EditionName::Donut => &[("CP-502101", "FF-500293")],
        EditionName::Shop => &[("1", "Item1"), ("2", "Item2"), ("3", "Item3")],
    };
    pairs.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let target = Target::new(EditionName::Donut, "http://127.0.0.1:41001/prod/").unwrap();
        assert_eq!(target.host_and_port(), ("127.0.0.1".to_owned(), 41001));
        assert_eq!(target.base_path, "/prod");
        assert_eq!(Target::new(EditionName::Shop, "http://[::1]").unwrap().host_and_port(), ("::1".to_owned(), 80));
        for wrong in ["127.0.0.1:80", "https://localhost", "http://", "nonsense"] {
            assert!(Target::new(EditionName::Donut, wrong).is_err(), "{wrong}");
        }
    }
}
