//! Where the buyers go, and how the shop is talked to.

use std::sync::Arc;

use http::Uri;
use http::uri::{Authority, PathAndQuery};

use super::LoadError;
use crate::scenario::EditionName;
use crate::target::speech::Speech;

/// The system under load, as buyers see it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens ("127.0.0.1:41001").
    pub authority: Authority,
    /// Path of its routes' begin, without a slash at the end ("" or "/prod").
    pub base_path: String,
    /// How it is talked to.
    pub speech: Arc<Speech>,
}

impl Target {
    /// The reference shop of the given edition at an address like `http://127.0.0.1:41001`.
    ///
    /// # Errors
    /// [`LoadError::Target`] for anything that is not a plain-HTTP address.
    pub fn new(edition: EditionName, address: &str) -> Result<Self, LoadError> {
        Self::at(address, Speech::of_edition(edition))
    }

    /// Any shop that is talked to like this.
    ///
    /// # Errors
    /// [`LoadError::Target`] for anything that is not a plain-HTTP address.
    pub fn at(address: &str, speech: Arc<Speech>) -> Result<Self, LoadError> {
        let wrong = |why: &str| LoadError::Target { address: address.to_owned(), why: why.to_owned() };
        let uri: Uri = address.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("it does not begin with http://"));
        }
        let authority = uri.authority().cloned().ok_or_else(|| wrong("it names no host"))?;
        let base_path = uri.path_and_query().map_or("", PathAndQuery::path).trim_end_matches('/').to_owned();
        Ok(Self { authority, base_path, speech })
    }

    /// Host and port to connect to; port 80 unless the address says otherwise.
    #[must_use]
    pub fn host_and_port(&self) -> (String, u16) {
        // IPv6 hosts stand in brackets in an address, and without them where sockets are made.
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        (host.to_owned(), self.authority.port_u16().unwrap_or(80))
    }
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
