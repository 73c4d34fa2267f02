//! What the interfaces say about themselves: one OpenAPI document per family, and a page to browse them. Everything on
//! the page comes with the binary.

use crate::server::App;
use axum::Router;
use axum::http::{HeaderValue, header};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{SwaggerUi, Url};

/// What the page needs: its own scripts and styles, and the documents.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/// `/api-docs` and `/api-docs/<name>.json` of each document.
pub(crate) fn routes(documents: Vec<(&'static str, OpenApi)>) -> Router<App> {
    let urls =
        documents.into_iter().map(|(name, document)| (Url::from(format!("/api-docs/{name}.json")), document));
    let pages: Router<App> = SwaggerUi::new("/api-docs").urls(urls.collect()).into();
    let policy = HeaderValue::from_static(POLICY);
    pages.layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, policy))
}
