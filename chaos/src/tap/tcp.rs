//! A proxy for any TCP protocol. It decides for every piece that a client sends, so that connections opened before a rule (those of
//! a database pool, say) are struck like any other; and it recognises COMMIT in MySQL's protocol, as the action "COMMIT".
//!
//! What the faults mean here: *refuse* resets the connection instead of forwarding the piece · *delay* forwards it later ·
//! *blackhole* lets nothing of the connection pass any more · *lose-answer* forwards it, waits for the server's answer, and resets ·
//! *cut-answer* does the same, lets so many bytes pass, and closes in order · *bandwidth* lets both directions pass at that rate.
//! A piece has no business id: it is known by the number of its connection and its own number in it.

mod mysql;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::mysql::Scanner;
use super::{Hop, Sequence, Tap, TapError, Upstream, listener};
use crate::decision::{After, Before, Fault, Pace, Point, Slot};
use crate::faults::{Hit, Question, Strike};
use crate::observe::{Exchange, Ids};

/// What is read at once.
const PIECE: usize = 16 << 10;

/// Action of a piece that holds a COMMIT.
const COMMIT: &str = "COMMIT";

/// Starts a tap for any TCP protocol.
///
/// # Errors
/// [`TapError::Listener`] when the listener has no address.
pub fn start(listener: TcpListener, upstream: &Upstream, hop: Hop) -> Result<Tap, TapError> {
    let proxy =
        Arc::new(Proxy { upstream: upstream.clone(), hop: hop.clone(), connections: Sequence::default(), pieces: Sequence::default() });
    listener::start(listener, &hop, TaskTracker::new(), move |stream, shutdown| {
        let proxy = Arc::clone(&proxy);
        async move { proxy.serve(stream, shutdown).await }
    })
}

/// How many pieces of what a client sends hold a COMMIT, when it comes in pieces of so many bytes: for tests that feed it anything.
#[doc(hidden)]
#[must_use]
pub fn commits(sent: &[u8], piece: usize) -> usize {
    let mut scanner = Scanner::default();
    sent.chunks(piece.max(1)).filter(|piece| scanner.scan(piece).is_some_and(|begins| begins <= piece.len())).count()
}

struct Proxy {
    upstream: Upstream,
    hop: Hop,
    connections: Sequence,
    pieces: Sequence,
}

/// One connection through the tap.
struct Relay<'p> {
    proxy: &'p Proxy,
    client: TcpStream,
    server: TcpStream,
    scanner: Scanner,
    number: u64,
    pieces: u64,
    /// What waits for the server's answer.
    after: Option<Strike>,
    seen: Exchange,
}

/// How a connection ends, or that it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    On,
    Close,
    Reset,
}

impl Proxy {
    async fn serve(&self, client: TcpStream, shutdown: CancellationToken) {
        let began = Instant::now();
        let connected = timeout(self.hop.limits.connect, TcpStream::connect(self.upstream.authority())).await;
        let server = match connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut)).and_then(|connected| connected) {
            Ok(server) => server,
            Err(error) => {
                tracing::warn!(%error, upstream = self.upstream.authority(), "a connection could not be passed on");
                self.hop.tell_of_shortage("open a connection", &error);
                let _ = client.set_zero_linger();
                return;
            }
        };
        let _ = server.set_nodelay(true);
        let seen = Exchange::begun(&self.hop.name, began);
        let number = self.connections.next();
        let mut relay = Relay { proxy: self, client, server, scanner: Scanner::default(), number, pieces: 0, after: None, seen };
        let end = tokio::select! {
            end = relay.run() => end.unwrap_or(Step::Close),
            () = shutdown.cancelled() => Step::Close,
        };
        relay.end(end).await;
    }
}

impl Relay<'_> {
    async fn run(&mut self) -> io::Result<Step> {
        let (mut up, mut down) = (vec![0; PIECE], vec![0; PIECE]);
        let (mut up_open, mut down_open) = (true, true);
        while up_open || down_open {
            let idle = self.proxy.hop.limits.idle;
            let step = tokio::select! {
                read = self.client.read(&mut up), if up_open => match read? {
                    0 => {
                        up_open = false;
                        self.server.shutdown().await?;
                        Step::On
                    }
                    length => self.upward(&up[..length]).await?,
                },
                read = self.server.read(&mut down), if down_open => match read? {
                    0 => {
                        down_open = false;
                        self.client.shutdown().await?;
                        Step::On
                    }
                    length => self.downward(&down[..length]).await?,
                },
                // What waited for an answer, or slowed one down, is not held any longer than its rule.
                () = healed(self.after.as_ref()) => {
                    self.after = None;
                    Step::On
                }
                () = tokio::time::sleep(idle) => Step::Close,
            };
            if step != Step::On {
                return Ok(step);
            }
        }
        Ok(Step::Close)
    }

    /// A piece from the client.
    async fn upward(&mut self, piece: &[u8]) -> io::Result<Step> {
        self.seen.request_bytes += piece.len() as u64;
        let commit = self.scanner.scan(piece);
        let Some(strike) = self.decide(commit.is_some()) else {
            return self.forward(piece, None).await;
        };
        for hit in strike.hits().iter().filter(|hit| hit.fault().slot() == Slot::Wait) {
            let began = Instant::now();
            hit.wait().await;
            if began.elapsed() >= hit.duration() {
                self.saw(hit, "a piece was passed on that much later");
            }
        }
        if let Some((hit, Fault::Before(fault))) = strike.in_slot(Slot::Before).map(|hit| (hit, hit.fault())) {
            self.saw(hit, "the server was sent nothing of it");
            if let Before::Blackhole = fault {
                return self.blackhole(&strike).await;
            }
            // What stands before the COMMIT is none of the fault's business.
            let before = commit.unwrap_or(0);
            self.ask(&piece[..before]).await?;
            return Ok(Step::Reset);
        }
        let step = self.forward(piece, Some(&strike)).await?;
        if strike.in_slot(Slot::After).is_some() || strike.in_slot(Slot::Pace).is_some() {
            self.after = Some(strike);
        }
        Ok(step)
    }

    /// A piece from the server.
    async fn downward(&mut self, piece: &[u8]) -> io::Result<Step> {
        self.seen.answer_bytes += piece.len() as u64;
        let strike = self.after.take();
        let hit = strike.as_ref().and_then(|strike| strike.in_slot(Slot::After));
        if let Some(hit) = hit {
            self.saw(hit, "the server answered, and the client was not told");
        }
        match hit.map(|hit| hit.fault()) {
            Some(Fault::After(After::Cut { bytes })) => {
                self.tell(&piece[..(*bytes).min(piece.len())]).await?;
                return Ok(Step::Close);
            }
            Some(_) => return Ok(Step::Reset),
            None => (),
        }
        self.pace(strike.as_ref(), piece.len()).await;
        self.tell(piece).await?;
        // An answer of many pieces is slow to its end, that is until the next piece from the client.
        self.after = strike;
        Ok(Step::On)
    }

    async fn forward(&mut self, piece: &[u8], strike: Option<&Strike>) -> io::Result<Step> {
        // A new piece is a new question: what was left of the answer before is not slowed down any more.
        self.after = None;
        self.pace(strike, piece.len()).await;
        self.ask(piece).await?;
        Ok(Step::On)
    }

    async fn tell(&mut self, piece: &[u8]) -> io::Result<()> {
        timeout(self.proxy.hop.limits.idle, self.client.write_all(piece)).await?
    }

    async fn ask(&mut self, piece: &[u8]) -> io::Result<()> {
        timeout(self.proxy.hop.limits.idle, self.server.write_all(piece)).await?
    }

    fn saw(&self, hit: &Hit, what: &str) {
        self.proxy.hop.saw(hit, || format!("connection {}: {what}", self.number));
    }

    /// Swallows all that comes, from both sides, until it is healed or everybody gives up.
    async fn blackhole(&mut self, strike: &Strike) -> io::Result<Step> {
        let Some(hit) = strike.in_slot(Slot::Before) else { return Ok(Step::Reset) };
        let mut swallowed = vec![0; PIECE];
        let swallow = async { while self.client.read(&mut swallowed).await.is_ok_and(|length| length > 0) {} };
        tokio::select! {
            () = hit.healed() => (),
            () = swallow => (),
            () = tokio::time::sleep(self.proxy.hop.limits.idle) => (),
        }
        Ok(Step::Reset)
    }

    fn decide(&mut self, commit: bool) -> Option<Strike> {
        let (number, hop) = (self.pieces, &self.proxy.hop);
        self.pieces += 1;
        let sequence = self.proxy.pieces.next();
        if hop.faults.active_rules() == 0 {
            return None;
        }
        let ids = Ids::one("piece", &format!("{}/{number}", self.number));
        let question = Question {
            point: Point::Request,
            hop: &hop.name,
            method: "",
            path: "",
            action: commit.then_some(COMMIT),
            attributes: &[],
            id: ids.deciding(),
            sequence,
        };
        let strike = hop.faults.decide(&question).strike()?;
        hop.report(Point::Request, &ids, &strike);
        self.seen.rules.extend(super::http::rules(Some(&strike)));
        Some(strike)
    }

    /// Waits for as long as so many bytes take, or until the rule is healed.
    async fn pace(&self, strike: Option<&Strike>, bytes: usize) {
        let Some(hit) = strike.and_then(|strike| strike.in_slot(Slot::Pace)) else { return };
        if let Fault::Pace(Pace::Bandwidth { bytes_per_second }) = hit.fault() {
            let due = Instant::now() + Duration::from_secs(1).mul_f64(bytes as f64 / *bytes_per_second as f64);
            tokio::select! {
                () = sleep_until(due) => self.saw(hit, "a piece took as long as the rate says"),
                () = hit.healed() => (),
            }
        }
    }

    async fn end(mut self, step: Step) {
        if step == Step::Reset {
            let _ = self.client.set_zero_linger();
        } else {
            // Ok or not: it ends either way.
            let _ = self.client.shutdown().await;
        }
        drop((self.client, self.server));
        self.seen.took = self.seen.began.elapsed();
        self.seen.passed_bytes = self.seen.answer_bytes;
        self.proxy.hop.observer.exchange(self.seen);
    }
}

/// Waits until every rule of the strike is healed; for ever when nothing struck.
async fn healed(strike: Option<&Strike>) {
    match strike {
        Some(strike) => {
            for hit in strike.hits() {
                hit.healed().await;
            }
        }
        None => std::future::pending().await,
    }
}
