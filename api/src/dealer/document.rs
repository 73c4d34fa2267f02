//! Documents of consumers: references in JSON, uploads as a form.

use super::Member;
use super::envelope::{ErrorBody, invalid, refused_by, said};
use super::given::{Given, Rows, rows};
use super::wire::stamp;
use crate::body::At;
use crate::body::is_of;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::dealership::document::{From as Lies, NewDocument, UPLOAD_MAX_BYTES};
use host::dealership::records::Document;
use host::identity::Action;
use host::platform::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A reference to a document.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Reference {
    /// `pan_card`, `aadhar_card`, `photo`, `bank_statement`, `address_proof` or `other`.
    #[schema(example = "pan_card")]
    document_type: String,
    /// An address of https.
    #[schema(example = "https://storage.example.com/pan_card.jpg")]
    document_url: String,
    document_number: Option<String>,
}

/// A document itself: a PDF, JPEG or PNG of up to 5 MiB.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only described; a form is read part by part")]
pub(super) struct Upload {
    document_type: String,
    document_number: Option<String>,
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    document: String,
}

/// A document.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentBody {
    id: u64,
    consumer_id: u64,
    document_type: String,
    /// Where it lies; uploads lie here.
    document_url: String,
    /// Shown in part.
    document_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[schema(format = DateTime)]
    uploaded_at: String,
    #[schema(example = "pending_verification")]
    status: &'static str,
}

impl From<Document> for DocumentBody {
    fn from(document: Document) -> Self {
        let here = || format!("/api/consumers/{}/documents/{}/content", document.consumer, document.id);
        let content = document.content.as_ref();
        Self {
            id: document.id,
            consumer_id: document.consumer,
            document_url: document.url.clone().unwrap_or_else(here),
            media_type: content.map(|content| content.media_type.clone()),
            size_bytes: content.map(|content| content.bytes),
            sha256: content.map(|content| content.sha256.clone()),
            uploaded_at: stamp(document.uploaded_at),
            status: "pending_verification",
            document_type: document.kind,
            document_number: document.number_masked,
        }
    }
}

/// A document that came.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentAnswer {
    #[schema(example = "Document uploaded successfully")]
    message: &'static str,
    document: DocumentBody,
}

/// Keep a document: a reference as JSON, or the document itself as a form.
#[utoipa::path(
    post, path = "/consumers/{id}/documents", tag = "Consumers", params(("id" = u64, Path)),
    request_body(content((Reference = "application/json"), (Upload = "multipart/form-data"))),
    responses((status = 201, body = DocumentAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub(super) async fn document_create(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
    request: Request,
) -> Result<(StatusCode, Json<DocumentAnswer>), Problem> {
    let dealership = app.dealership()?;
    dealership.consumer_may(&member, Action::ConsumerRead, id).await.map_err(refused_by)?;
    let new = if is_of(request.headers(), "multipart/form-data") {
        uploaded(request).await?
    } else {
        let Given(given) = Given::<Reference>::from_request(request, &app).await?;
        let from = Lies::Url(given.document_url);
        NewDocument { kind: given.document_type, number: given.document_number, from }
    };
    let document = dealership.document_add(&member, id, new).await.map_err(refused_by)?;
    let answer = DocumentAnswer { message: "Document uploaded successfully", document: document.into() };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Reads a form.
async fn uploaded(request: Request) -> Result<NewDocument, Problem> {
    let wrong = |error: axum::extract::multipart::MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE),
        _ => invalid("form", error.body_text()),
    };
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|rejection| invalid("form", rejection.body_text()))?;
    let (mut kind, mut number, mut bytes) = (None, None, None);
    while let Some(part) = form.next_field().await.map_err(wrong)? {
        match part.name() {
            Some("document_type") => kind = Some(part.text().await.map_err(wrong)?),
            Some("document_number") => number = Some(part.text().await.map_err(wrong)?),
            Some("document") => {
                let read = part.bytes().await.map_err(wrong)?;
                if read.len() > UPLOAD_MAX_BYTES {
                    return Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE));
                }
                bytes = Some(read.to_vec());
            }
            _ => {}
        }
    }
    let missing =
        |field: &str| said(ErrorKind::Unfit, "Missing required fields", &format!("{field} is required"));
    let kind = kind.ok_or_else(|| missing("document_type"))?;
    let bytes = bytes.ok_or_else(|| missing("document"))?;
    Ok(NewDocument { kind, number: number.filter(|number| !number.is_empty()), from: Lies::Bytes(bytes) })
}

/// Documents of a consumer, in the order in which they came.
#[utoipa::path(
    get, path = "/consumers/{id}/documents", tag = "Consumers", params(("id" = u64, Path)),
    responses((status = 200, body = [DocumentBody]), (status = 404, body = ErrorBody)),
)]
pub(super) async fn document_list(
    State(app): State<App>,
    Member(member): Member,
    At(id): At<u64>,
) -> Result<Rows<DocumentBody>, Problem> {
    rows(app.dealership()?.documents(&member, id).await.map_err(refused_by)?, None, None)
}

/// An uploaded document itself. Who looks is kept.
#[utoipa::path(
    get, path = "/consumers/{id}/documents/{document}/content", tag = "Consumers",
    params(("id" = u64, Path), ("document" = u64, Path)),
    responses((status = 200, description = "The document.", content_type = "application/octet-stream"), (status = 404, body = ErrorBody)),
)]
pub(super) async fn document_content(
    State(app): State<App>,
    Member(member): Member,
    At((id, document)): At<(u64, u64)>,
) -> Result<Response, Problem> {
    let found = app.dealership()?.document_content(&member, id, document).await.map_err(refused_by)?;
    let (content, bytes) = found;
    let kind = HeaderValue::from_str(&content.media_type);
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let attached = HeaderValue::from_static("attachment");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, attached)], bytes).into_response())
}
