//! What the live page's address serves.

use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use reference::pages::assets::{self, Asset, SHARED, kind};
use reference::pages::guard;

use super::{Shown, metrics};

/// The page's own files, and the chart library that the report carries too.
const FILES: [Asset; 5] = [
    Asset { path: "/", kind: kind::HTML, text: include_str!("../../assets/live/index.html") },
    Asset { path: "/live.css", kind: kind::CSS, text: include_str!("../../assets/live/live.css") },
    Asset { path: "/live.js", kind: kind::JAVASCRIPT, text: include_str!("../../assets/live/live.js") },
    Asset { path: "/uplot.js", kind: kind::JAVASCRIPT, text: include_str!("../../assets/uplot/uPlot.iife.min.js") },
    Asset { path: "/uplot.css", kind: kind::CSS, text: include_str!("../../assets/uplot/uPlot.min.css") },
];

/// The routes.
pub(super) fn router(shown: Arc<Shown>) -> Router {
    let pushed = Router::new()
        .route("/events", get(async |State(shown): State<Arc<Shown>>| shown.seats.sit_down()))
        .route("/course", get(course))
        .route("/metrics", get(exposition))
        .with_state(Arc::clone(&shown));
    let page = guard::guarded(assets::routes(SHARED.into_iter().chain(FILES)).merge(pushed));
    // The report brings its own policy, which allows exactly its own scripts, and no other header would.
    page.merge(guard::named(Router::new().route("/report", get(report)).with_state(shown)))
}

async fn course(State(shown): State<Arc<Shown>>) -> Response {
    let course = shown.course.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Json(course).into_response()
}

async fn exposition(State(shown): State<Arc<Shown>>) -> Response {
    let text = shown.watched.get().map(|watched| metrics::render(&watched.sources.counts(), &watched.state)).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// The report, once it is written.
async fn report(State(shown): State<Arc<Shown>>) -> Response {
    let Some(file) = shown.report.get() else {
        return (StatusCode::NOT_FOUND, "there is no report yet: the run is still under way\n").into_response();
    };
    match tokio::fs::read(file).await {
        Ok(page) => ([(header::CONTENT_TYPE, HeaderValue::from_static(kind::HTML))], page).into_response(),
        Err(error) => (StatusCode::NOT_FOUND, format!("{} cannot be read: {error}\n", file.display())).into_response(),
    }
}
