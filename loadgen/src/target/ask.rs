//! Questions that the harness itself puts to a target, over HTTP or in SQL: always directly, never through anything faulty.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use super::speech::Spoken;
use crate::observe::http::ReadError;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer that is read.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A complete answer.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Asks over HTTP. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Default for Asker {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(PATIENCE));
        Self { client: Client::builder(TokioExecutor::new()).build(connector) }
    }
}

impl Asker {
    /// Sends a request below an address and reads the complete answer.
    ///
    /// # Errors
    /// [`ReadError`] when there is none within 10 s, or it is larger than 64 MiB.
    pub(super) async fn send(&self, base: &str, spoken: &Spoken) -> Result<Said, ReadError> {
        let url = format!("{}{}", base.trim_end_matches('/'), spoken.path);
        let failed = |reason: String| ReadError { url: url.clone(), reason };
        let mut request = Request::builder().method(spoken.method.clone()).uri(&url);
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&spoken.headers);
        }
        let request = request.body(Full::new(spoken.body.clone())).map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|error| causes(&error))?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>(Said { status, body: body.to_bytes() })
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| failed(format!("no answer within {} s", PATIENCE.as_secs())))?
            .map_err(failed)
    }
}

impl Spoken {
    /// A plain GET.
    #[must_use]
    pub(super) fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), headers: HeaderMap::new(), body: Bytes::new() }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    crate::run::error_chain(error)
}

/// Asks in SQL. Each question opens the database anew: a target may replace its file, and no lock of ours may outlive a question.
#[derive(Debug, Clone)]
pub(super) struct Database {
    url: String,
}

impl Database {
    pub(super) fn at(url: String) -> Self {
        Self { url }
    }

    /// The rows that a statement yields.
    ///
    /// # Errors
    /// [`ReadError`] when the database cannot be opened, or the statement fails or takes longer than 10 s.
    pub(super) async fn rows(&self, statement: &str) -> Result<Vec<SqliteRow>, ReadError> {
        let asked = async {
            let options: SqliteConnectOptions = self.url.parse()?;
            let mut connection = SqliteConnection::connect_with(&options.busy_timeout(PATIENCE)).await?;
            let rows = sqlx::query(AssertSqlSafe(statement.to_owned())).fetch_all(&mut connection).await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(rows)
        };
        let failed = |reason: String| ReadError { url: self.url.clone(), reason };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(|_| failed(format!("no answer within {} s to {statement}", PATIENCE.as_secs())))?
            .map_err(|error| failed(format!("{error}, when asked {statement}")))
    }
}

/// A column as text, whatever its type; None where it is not there or empty.
pub(super) fn column(row: &SqliteRow, name: &str) -> Option<String> {
    let number = |row: &SqliteRow| row.try_get::<i64, _>(name).map(|value| value.to_string());
    row.try_get::<String, _>(name).or_else(|_| number(row)).or_else(|_| row.try_get::<f64, _>(name).map(|value| value.to_string())).ok()
}

/// The first column as a whole number.
pub(super) fn first_number(row: &SqliteRow) -> Option<i64> {
    row.try_get::<i64, _>(0).ok().or_else(|| row.try_get::<String, _>(0).ok()?.trim().parse().ok())
}
