//! The listeners of a process, bound before anything else is started, so that a busy port is found out at once.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::role::Role;
use crate::config::{Listen, ServeSettings};

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({why}); choose another address with {flag}, or port 0 for a free one")]
pub struct BindError {
    /// Where it was to listen.
    pub address: SocketAddr,
    /// What says so.
    pub flag: &'static str,
    /// Why it cannot.
    pub why: io::Error,
}

/// One listener per API that this process serves.
#[derive(Debug)]
pub struct Listeners {
    pub(super) broker: Option<TcpListener>,
    pub(super) factory: Option<TcpListener>,
    pub(super) receiving: Option<TcpListener>,
    pub(super) sales: Option<TcpListener>,
    pub(super) admin: TcpListener,
    pub(super) live: Option<TcpListener>,
}

impl Listeners {
    /// Binds them all.
    ///
    /// # Errors
    /// [`BindError`] naming the first address that cannot be had, and its flag.
    pub(super) async fn bind(settings: &ServeSettings) -> Result<Self, BindError> {
        let Listen { broker, factory, receiving, sales, admin } = settings.listen;
        let calls_back = settings.pipeline.edition.callback_path.is_some();
        Ok(Self {
            broker: bind_if(settings.plays(Role::Broker), broker, "--listen-broker").await?,
            factory: bind_if(settings.plays(Role::Factory), factory, "--listen-factory").await?,
            receiving: bind_if(settings.plays(Role::Receiving) && calls_back, receiving, "--listen-receiving").await?,
            sales: bind_if(settings.plays(Role::Sales), sales, "--listen-sales").await?,
            admin: bind(admin, "--listen-admin").await?,
            live: match settings.live {
                Some(address) => Some(bind(address, "--live").await?),
                None => None,
            },
        })
    }

    /// Who listens where: role and base URL.
    pub(super) fn addresses(&self) -> io::Result<Vec<(&'static str, String)>> {
        let all = [
            ("broker", self.broker.as_ref()),
            ("factory", self.factory.as_ref()),
            ("receiving", self.receiving.as_ref()),
            ("sales", self.sales.as_ref()),
            ("admin", Some(&self.admin)),
            ("live", self.live.as_ref()),
        ];
        all.into_iter().filter_map(|(name, listener)| Some((name, base_url(listener?)))).map(|(name, url)| Ok((name, url?))).collect()
    }
}

/// `http://address` of a listener.
pub(super) fn base_url(listener: &TcpListener) -> io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

async fn bind_if(wanted: bool, address: SocketAddr, flag: &'static str) -> Result<Option<TcpListener>, BindError> {
    Ok(if wanted { Some(bind(address, flag).await?) } else { None })
}

async fn bind(address: SocketAddr, flag: &'static str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|why| BindError { address, flag, why })
}
