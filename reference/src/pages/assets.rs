//! Files that pages are made of, served as they were compiled in.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

/// A file.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Path on the listener.
    pub path: &'static str,
    /// MIME type.
    pub kind: &'static str,
    /// Contents.
    pub text: &'static str,
}

/// MIME types of the files.
pub mod kind {
    /// A page.
    pub const HTML: &str = "text/html; charset=utf-8";
    /// A style sheet.
    pub const CSS: &str = "text/css; charset=utf-8";
    /// A picture.
    pub const SVG: &str = "image/svg+xml";
    /// A script.
    pub const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
}

/// What every page shares: style, language and theme, and the picture of the pipeline.
pub const SHARED: [Asset; 4] = [
    Asset { path: "/favicon.svg", kind: kind::SVG, text: include_str!("../../assets/pages/favicon.svg") },
    Asset { path: "/page.css", kind: kind::CSS, text: include_str!("../../assets/pages/page.css") },
    Asset { path: "/page.js", kind: kind::JAVASCRIPT, text: include_str!("../../assets/pages/page.js") },
    Asset { path: "/picture.js", kind: kind::JAVASCRIPT, text: include_str!("../../assets/pages/picture.js") },
];

/// Routes to these files.
pub fn routes(assets: impl IntoIterator<Item = Asset>) -> Router {
    assets.into_iter().fold(Router::new(), |router, asset| router.route(asset.path, get(move || async move { asset.into_response() })))
}

impl IntoResponse for Asset {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, self.kind)], self.text).into_response()
    }
}
