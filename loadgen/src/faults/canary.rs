//! A canary: one harmless request through a tap and one past it. Both must be answered, promptly and alike.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use chaos::decision::TapKind;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a canary may take: a healthy one takes a millisecond, a busy machine gets its time.
const PROMPTLY: Duration = Duration::from_secs(3);

/// A path that nothing answers with an effect.
const HARMLESS: &str = "/rushproof-canary";

/// The most of an answer that is compared.
const MOST_BYTES: usize = 64 * 1024;

/// Why a hop is not as it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum CanaryError {
    #[error("hop {hop}: a canary {which} was not answered within {} s", PROMPTLY.as_secs())]
    Slow { hop: String, which: &'static str },
    #[error("hop {hop}: a canary {which} failed: {reason}")]
    Failed { hop: String, which: &'static str, reason: String },
    #[error("hop {hop}: a canary through the tap was answered with {through}, one past it with {past}")]
    Differs { hop: String, through: StatusCode, past: StatusCode },
}

/// A canary, ready to fly.
#[derive(Debug)]
pub(super) struct Canary {
    hop: String,
    kind: TapKind,
    tap: String,
    upstream: String,
}

impl Canary {
    pub(super) fn new(hop: &str, kind: TapKind, tap: SocketAddr, upstream: &str) -> Self {
        Self { hop: hop.to_owned(), kind, tap: tap.to_string(), upstream: upstream.to_owned() }
    }

    /// Flies both ways.
    pub(super) async fn fly(&self) -> Result<(), CanaryError> {
        match self.kind {
            TapKind::Http | TapKind::Aws => {
                let through = self.within("through the tap", get(&self.tap)).await?;
                let past = self.within("past the tap", get(&self.upstream)).await?;
                if through == past {
                    return Ok(());
                }
                Err(CanaryError::Differs { hop: self.hop.clone(), through: through.0, past: past.0 })
            }
            // A database speaks first.
            TapKind::Tcp => self.within("through the tap", first_byte(&self.tap)).await,
        }
    }

    async fn within<T>(
        &self,
        which: &'static str,
        flight: impl Future<Output = Result<T, Box<dyn std::error::Error + Send + Sync>>>,
    ) -> Result<T, CanaryError> {
        match timeout(PROMPTLY, flight).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(CanaryError::Failed { hop: self.hop.clone(), which, reason: error.to_string() }),
            Err(_) => Err(CanaryError::Slow { hop: self.hop.clone(), which }),
        }
    }
}

/// On a connection of its own, so that nothing pooled hides anything.
async fn get(authority: &str) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let request = Request::get(HARMLESS).header(header::HOST, "canary").body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await?.to_bytes();
    drop(sender);
    driving.abort();
    Ok((status, body))
}

async fn first_byte(authority: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    TcpStream::connect(authority).await?.read_u8().await?;
    Ok(())
}
