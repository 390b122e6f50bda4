//! What a tap is measured against: the least that passes HTTP on; and the tap itself, as the harness sets it up.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use http::uri::{Authority, Scheme};
use http::{Request, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use loadgen::faults::Hops;
use loadgen::history::{HistoryWriter, RunClock};
use tokio::net::TcpListener;

use chaos::decision::TapKind;

/// Passes every request on to `address` and every answer back, piece by piece as they come, and does nothing else.
///
/// # Errors
/// When nothing can be listened on, or `address` is none.
pub async fn bare(address: &str) -> io::Result<()> {
    let authority: Authority = address.trim_start_matches("http://").parse().map_err(io::Error::other)?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<HttpConnector, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (client, authority) = (client.clone(), authority.clone());
            let service = service_fn(move |mut request: Request<Incoming>| {
                let (client, authority) = (client.clone(), authority.clone());
                async move {
                    let mut parts = std::mem::take(request.uri_mut()).into_parts();
                    parts.scheme = Some(Scheme::HTTP);
                    parts.authority = Some(authority);
                    *request.uri_mut() = Uri::from_parts(parts).map_err(io::Error::other)?;
                    client.request(request).await.map_err(io::Error::other)
                }
            });
            tokio::spawn(async move {
                // It ends when the client goes.
                let _ = stream.set_nodelay(true);
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(())
}

/// A tap as it stands before the pipeline in a run, without any rule, and with everything that passes written into a history in `folder`. It stands as long
/// as what is returned.
///
/// # Errors
/// When nothing can be listened on, or the history cannot be written.
pub async fn tap(address: &str, folder: &Path) -> io::Result<impl Sized + use<>> {
    let clock = RunClock::start();
    let history = HistoryWriter::create(&folder.join("history.jsonl.zst"), clock).map_err(io::Error::other)?;
    let hops = Hops::new(&chaos::plan::Plan::default(), 1, clock, &history.recorder(), &[]);
    let entrance = hops.stand("sales", TapKind::Http, address).await.map_err(io::Error::other)?;
    println!("{entrance}");
    Ok((hops, history))
}
