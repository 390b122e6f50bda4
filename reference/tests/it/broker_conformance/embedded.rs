//! The embedded broker, one for each test, in the test's own runtime.

use std::io;

use reference::broker::{Activity, Broker, BrokerOptions};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A running broker, which ends when this is dropped.
pub(super) struct Embedded {
    pub(super) url: String,
    broker: Broker,
    shutdown: DropGuard,
    serving: JoinHandle<io::Result<()>>,
    folder: TempDir,
}

impl Embedded {
    /// Starts a broker that keeps everything in a new folder, as the pipeline's does: more of it is under test than in memory.
    pub(super) async fn start(options: BrokerOptions) -> Self {
        Self::start_in(TempDir::new().expect("a temporary folder"), options).await
    }

    /// Ends this broker and starts another one on what it left.
    pub(super) async fn restart(self, options: BrokerOptions) -> Self {
        let Self { shutdown, serving, folder, broker, .. } = self;
        drop(shutdown);
        serving.await.expect("the broker does not panic").expect("the broker ends well");
        // It holds the folder until its last clone is gone.
        drop(broker);
        Self::start_in(folder, options).await
    }

    /// What goes on in it.
    pub(super) fn activity(&self) -> Activity {
        self.broker.activity()
    }

    async fn start_in(folder: TempDir, options: BrokerOptions) -> Self {
        let options = BrokerOptions { folder: Some(folder.path().to_owned()), ..options };
        let broker = Broker::open(options).expect("the broker opens its folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port of the loopback address");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let shutdown = CancellationToken::new();
        let until = shutdown.clone();
        let serving = tokio::spawn({
            let broker = broker.clone();
            async move { broker.serve(listener, until).await }
        });
        Self { url, broker, shutdown: shutdown.drop_guard(), serving, folder }
    }
}
