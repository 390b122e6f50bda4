//! Buyers at once, each waiting for the answer before buying again: what a server can do, and how long each purchase takes then.

use std::io;
use std::time::{Duration, Instant};

use crate::wire::Wire;

/// What buyers saw.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Purchases a second.
    pub per_second: f64,
    /// Time of each purchase, µs, shortest first.
    pub times_us: Vec<u64>,
}

impl Seen {
    /// A percentile of the times, ms; `quantile` from 0 to 1.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        let last = self.times_us.len().saturating_sub(1);
        self.times_us.get((last as f64 * quantile).round() as usize).map_or(0.0, |us| *us as f64 / 1_000.0)
    }
}

/// So many buyers buy one piece after the other for this long, each under a key of its own.
///
/// # Errors
/// When a purchase is not answered with 200.
pub fn buy(address: &str, buyers: usize, lasting: Duration, round: &str) -> io::Result<Seen> {
    buy_of(address, (buyers, 1), lasting, round)
}

/// The same, each buyer loyal to one of so many products.
///
/// # Errors
/// When a purchase is not answered with 200.
pub fn buy_of(address: &str, (buyers, products): (usize, usize), lasting: Duration, round: &str) -> io::Result<Seen> {
    let began = Instant::now();
    let times = std::thread::scope(|scope| {
        let working: Vec<_> = (0..buyers)
            .map(|buyer| scope.spawn(move || one(address, buyer % products, &format!("{round}-{buyer}"), (began, lasting))))
            .collect();
        let mut all = Vec::new();
        for buyer in working {
            all.extend(buyer.join().map_err(|_| io::Error::other("a buyer panicked"))??);
        }
        io::Result::Ok(all)
    })?;
    let per_second = times.len() as f64 / began.elapsed().as_secs_f64();
    let mut times_us = times;
    times_us.sort_unstable();
    Ok(Seen { per_second, times_us })
}

/// Id of a product: the first is the doughnut.
#[must_use]
pub fn product_name(number: usize) -> String {
    format!("CP-{}", 502_101 + number)
}

fn one(address: &str, product: usize, name: &str, (began, lasting): (Instant, Duration)) -> io::Result<Vec<u64>> {
    let (mut wire, mut times) = (Wire::to(address), Vec::new());
    let product = product_name(product);
    let body = format!(
        r#"{{"MessageAttributeProductId":"{product}","MessageAttributeProductCnt":1,"MessageAttributeFactoryId":"FF-500293","requester":"{name}"}}"#
    );
    while began.elapsed() < lasting {
        let headers = format!("Content-Type: application/json\r\nIdempotency-Key: {name}-{}\r\n", times.len());
        let sent = Instant::now();
        let reply = wire.post("/checkout", &headers, &body)?;
        times.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
        if reply.status != 200 {
            return Err(io::Error::other(format!("{} {}", reply.status, reply.body)));
        }
    }
    Ok(times)
}
