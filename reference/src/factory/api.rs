//! The routes of the factory, as far as a caller can tell them from the real one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use utoipa::OpenApi;

use super::log::{FactoryLogError, LogRow, PAGE};
use super::options::Collapse;
use super::orders::{BadOrder, Manufacture, Order, ShopOrder};
use super::overload::Admission;
use super::production::Line;
use super::report::ReturnPath;
use crate::trace;

/// The largest order, in bytes. The legacy system reads into a fixed buffer.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// The factory's API, both editions.
#[derive(Debug, OpenApi)]
#[openapi(
    paths(manufacture, order_by_log, read_log),
    components(schemas(LogRow)),
    info(
        title = "Legacy factory",
        description = "Takes production orders, produces for a while, and reports once. Not idempotent, easily overrun."
    )
)]
pub struct ApiDoc;

/// The OpenAPI document, pretty-printed.
#[must_use]
pub fn openapi_json() -> String {
    ApiDoc::openapi().to_pretty_json().expect("a derived document has only strings for keys")
}

/// The routes. A factory that calls back takes orders the donut way, one that publishes deliveries takes them the shop way.
pub(super) fn router(line: Arc<Line>) -> Router {
    let routes = match line.return_path {
        ReturnPath::Callback => Router::new().route("/api/manufactures", post(manufacture)).route("/log", get(read_log)),
        ReturnPath::Delivery(_) => Router::new().route("/log", get(read_log).post(order_by_log)),
    };
    routes.route("/openapi.json", get(async || ([("content-type", "application/json")], openapi_json()))).with_state(line)
}

/// Orders a production; its completion is POSTed to `CallbackUrl`.
#[utoipa::path(post, path = "/api/manufactures", tag = "donut", request_body = Manufacture, responses(
    (status = 200, description = "Accepted; production begins", content_type = "application/json"),
    (status = 400, description = "A field cannot be used; the message names it"),
    (status = 429, description = "Too many calls at once (where configured so)"),
    (status = 500, description = "Fallen over; back after a while"),
    (status = 503, description = "Too many calls at once, or too many productions under way"),
))]
async fn manufacture(State(line): State<Arc<Line>>, body: Bytes) -> Response {
    take(line, parse::<Manufacture>(&body).and_then(Manufacture::check)).await
}

/// Orders a production; its completion is published to the delivery topic.
#[utoipa::path(post, path = "/log", tag = "shop", request_body = ShopOrder, responses(
    (status = 200, description = "Accepted and logged; production begins", content_type = "application/json"),
    (status = 400, description = "A field cannot be used; the message names it"),
    (status = 429, description = "Too many calls at once (where configured so)"),
    (status = 500, description = "Fallen over; back after a while"),
    (status = 503, description = "Too many calls at once, or too many productions under way"),
))]
async fn order_by_log(State(line): State<Arc<Line>>, body: Bytes) -> Response {
    take(line, parse::<ShopOrder>(&body).and_then(ShopOrder::check)).await
}

/// Which rows of the log.
#[derive(Debug, Deserialize)]
struct Page {
    /// Only rows after this `log_id`.
    #[serde(default)]
    after: i64,
    /// At most so many.
    #[serde(default = "default_page")]
    limit: u32,
}

fn default_page() -> u32 {
    PAGE
}

/// Every call the factory got, oldest first, and what became of it.
#[utoipa::path(get, path = "/log", tags = ["donut", "shop"], params(
    ("after" = Option<i64>, Query, description = "Only rows after this log_id"),
    ("limit" = Option<u32>, Query, description = "At most so many rows (default and maximum 10000)"),
), responses((status = 200, body = Vec<LogRow>)))]
async fn read_log(State(line): State<Arc<Line>>, Query(page): Query<Page>) -> Response {
    match line.log.rows(page.after, page.limit).await {
        Ok(rows) => Json(rows).into_response(),
        Err(error) => broken(&error),
    }
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, BadOrder> {
    // The legacy system never looked at the content type.
    serde_json::from_slice(body).map_err(|error| BadOrder { field: "body", why: format!("is not the expected JSON: {error}") })
}

/// What the caller is told.
struct Answer {
    status: StatusCode,
    message: String,
}

impl Answer {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"message": self.message}))).into_response()
    }
}

async fn take(line: Arc<Line>, order: Result<Order, BadOrder>) -> Response {
    let received_us = line.clock.micros();
    // Whether or not the caller waits for the answer, the factory goes on with what it began.
    let handled = tokio::spawn(trace::carried(async move { handle(&line, order, received_us).await })).await;
    match handled {
        Ok(Ok(answer)) => answer.into_response(),
        Ok(Err(error)) => broken(&error),
        Err(panic) => Answer::new(StatusCode::INTERNAL_SERVER_ERROR, format!("factory error: {panic}")).into_response(),
    }
}

async fn handle(line: &Arc<Line>, order: Result<Order, BadOrder>, received_us: i64) -> Result<Answer, FactoryLogError> {
    let admission = line.admit();
    let order = match (admission, order) {
        (Admission::Down(left), order) => return down(line, order.ok().as_ref(), received_us, left).await,
        (Admission::Busy, order) => {
            let status = StatusCode::from_u16(line.options.busy_status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            return turned_away(line, order.ok().as_ref(), received_us, status, "too many calls at once").await;
        }
        (Admission::Taken, Err(bad)) => {
            line.answered();
            return Ok(Answer::new(StatusCode::BAD_REQUEST, bad.to_string()));
        }
        (Admission::Taken, Ok(order)) => order,
    };
    tokio::time::sleep(line.options.answer_time).await;
    line.answered();
    if !line.has_room() {
        return turned_away(line, Some(&order), received_us, StatusCode::SERVICE_UNAVAILABLE, "too many productions under way").await;
    }
    line.accept(order, received_us).await?;
    crate::drills::point("factory.accepted-not-produced");
    Ok(Answer::new(StatusCode::OK, "생산요청 접수 완료"))
}

async fn turned_away(
    line: &Line,
    order: Option<&Order>,
    received_us: i64,
    status: StatusCode,
    why: &'static str,
) -> Result<Answer, FactoryLogError> {
    if let Some(order) = order {
        line.log.write(&line.refused(order, received_us, Some(status.as_u16()))).await?;
    }
    tracing::warn!(status = status.as_u16(), why, "the factory turned a call away");
    Ok(Answer::new(status, why))
}

async fn down(line: &Line, order: Option<&Order>, received_us: i64, left: Duration) -> Result<Answer, FactoryLogError> {
    const STATUS: u16 = 500;
    let answer = Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "the factory has fallen over");
    match (line.options.collapse, order) {
        (Collapse::Error, None) => {}
        (Collapse::Error, Some(order)) => {
            line.log.write(&line.refused(order, received_us, Some(STATUS))).await?;
        }
        (Collapse::Hang, None) => tokio::time::sleep(left).await,
        (Collapse::Hang, Some(order)) => {
            let log_id = line.log.write(&line.refused(order, received_us, None)).await?;
            tokio::time::sleep(left).await;
            line.log.answered(log_id, line.clock.micros(), STATUS).await?;
        }
    }
    Ok(answer)
}

fn broken(error: &FactoryLogError) -> Response {
    tracing::error!(error = error as &dyn std::error::Error, "the factory's log fails");
    Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "factory log error").into_response()
}
