//! What the interfaces say about themselves: one OpenAPI document per family, a Postman collection made from it, and a
//! page to browse them. Everything on the page comes with the binary.

use crate::postman;
use crate::server::App;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use serde_json::Value;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{SwaggerUi, Url};

/// What the page needs: its own scripts and styles, and the documents.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";
/// Where this platform is, where nobody says: what it listens on by itself.
const HOST: &str = "http://127.0.0.1:8080";
/// The family whose own document says where its page is, and what it is called there.
const NAMED: (&str, &str) = ("dealer", "/api-docs/openapi.json");

/// JSON that stays as it is.
async fn file(body: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], body)
}

/// The same to be kept as a file.
async fn attachment(name: String, body: Bytes) -> impl IntoResponse {
    let kept = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_DISPOSITION, kept)], body)
}

/// `/api-docs`; of each document `/api-docs/<name>.json`, `<base>/openapi.json` and
/// `/api-docs/<name>.postman_collection.json`.
pub(crate) fn routes(app: &App, documents: Vec<(&'static str, OpenApi)>) -> Router<App> {
    let host = app.settings.public_url.as_deref().unwrap_or(HOST);
    let mut router = Router::new();
    for (name, document) in &documents {
        let document = serde_json::to_value(document).unwrap_or_default();
        let said = Bytes::from(document.to_string());
        let base = document["servers"][0]["url"].as_str().unwrap_or_default().trim_end_matches('/');
        let mut places = vec![format!("{base}/openapi.json")];
        places.extend((*name == NAMED.0).then(|| NAMED.1.to_owned()));
        for place in places {
            let said = said.clone();
            router = router.route(&place, get(move || file(said.clone())));
        }
        let collection: Value = postman::collection(&document, host);
        let (kept, body) = (format!("{name}.postman_collection.json"), Bytes::from(collection.to_string()));
        let place = format!("/api-docs/{kept}");
        router = router.route(&place, get(move || attachment(kept.clone(), body.clone())));
    }
    let urls =
        documents.into_iter().map(|(name, document)| (Url::from(format!("/api-docs/{name}.json")), document));
    let pages: Router<App> = SwaggerUi::new("/api-docs").urls(urls.collect()).into();
    let policy = HeaderValue::from_static(POLICY);
    router.merge(pages.layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, policy)))
}
