//! Passports and reports in every form: what they say, paper, XML with its schema, JSON-LD.

pub(crate) mod attributes;
pub(crate) mod documents;
pub(crate) mod jsonld;
pub(crate) mod print;
pub(crate) mod xml;

use documents::{Documents, ROOTS};
use std::sync::LazyLock;
use utoipa::OpenApi;
use xml::Schemas;

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::of(&Documents::openapi()));

/// Schemas of the documents.
pub(crate) fn schemas() -> &'static Schemas {
    &SCHEMAS
}

/// The XML Schema of all documents.
pub(crate) fn schema_document() -> String {
    SCHEMAS.xsd(&ROOTS)
}
