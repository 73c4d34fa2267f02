//! Documents: references to where they lie elsewhere, and uploads, which are sealed piece by piece.

use super::draft::Draft;
use super::records::{Chunk, Content, Document, of};
use super::{Dealership, DealershipError, Member};
use crate::identity::Action;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Kinds of documents.
pub const KINDS: [&str; 6] = ["pan_card", "aadhar_card", "photo", "bank_statement", "address_proof", "other"];
/// Longest upload.
pub const UPLOAD_MAX_BYTES: usize = 5 << 20;
/// Longest piece that is sealed.
const CHUNK_BYTES: usize = 480 << 10;
/// Documents of one consumer.
const DOCUMENTS_MAX: usize = 100;
/// Longest address.
const URL_MAX_BYTES: usize = 2_000;

/// A document that came.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// What it is.
    pub kind: String,
    /// The number on it.
    pub number: Option<String>,
    /// Where it lies, or what it holds.
    pub from: From,
}

/// Where a document lies.
#[derive(Debug, Clone)]
pub enum From {
    /// Elsewhere.
    Url(String),
    /// Here.
    Bytes(Vec<u8>),
}

/// What bytes are, by how they begin: PDF, JPEG, PNG.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: [(&[u8], &str); 3] = [
        (b"%PDF-", "application/pdf"),
        (&[0xff, 0xd8, 0xff], "image/jpeg"),
        (&[0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a], "image/png"),
    ];
    BEGINNINGS.into_iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, kind)| kind)
}

/// Whether a text is an address that may be kept: https, a host, nothing of a login.
fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    url.len() <= URL_MAX_BYTES
        && !host.is_empty()
        && !host.contains('@')
        && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// What is shown of a number on a document: its last four characters.
fn masked(number: &str) -> String {
    let hidden = number.chars().count().saturating_sub(4);
    let shown: String = number.chars().skip(hidden).collect();
    format!("{}{shown}", "X".repeat(hidden))
}

impl Dealership {
    /// Keeps a document of a consumer.
    ///
    /// # Errors
    /// What is wrong with it, or that there is no such consumer.
    pub async fn document_add(
        &self,
        member: &Member,
        consumer: u64,
        new: NewDocument,
    ) -> Result<Document, DealershipError> {
        self.consumer_for(member, Action::ConsumerRead, consumer).await?;
        if !KINDS.contains(&new.kind.as_str()) {
            let reason = format!("one of {}", KINDS.join(", "));
            return Err(DealershipError::field("document_type", reason));
        }
        if new.number.as_ref().is_some_and(|number| number.is_empty() || number.len() > 50) {
            return Err(DealershipError::field("document_number", "1 to 50 characters"));
        }
        let (url, bytes) = match new.from {
            From::Url(url) if is_address(&url) => (Some(url), None),
            From::Url(_) => return Err(DealershipError::field("document_url", "an address of https")),
            From::Bytes(bytes) => (None, Some(bytes)),
        };
        let content = bytes.as_deref().map(read).transpose()?;
        let _turn = self.turn().await;
        if self.all::<Document>(Some(("consumer", of(consumer)))).await?.len() >= DOCUMENTS_MAX {
            let reason = format!("at most {DOCUMENTS_MAX} of one consumer");
            return Err(DealershipError::unfit("Too many documents", reason));
        }
        let entropy = self.identity().entropy();
        let mut draft = Draft::of(self);
        let id = draft.number("document").await?;
        for (number, piece) in (0_u32..).zip(bytes.as_deref().unwrap_or_default().chunks(CHUNK_BYTES)) {
            let whose = Chunk::key_of(id, number);
            draft.add(&Chunk { document: id, number, bytes: self.vault().seal(piece, &whose, entropy)? })?;
        }
        let seal = |number: &String| self.vault().seal(number.as_bytes(), &format!("document/{id}"), entropy);
        let document = Document {
            id,
            consumer,
            kind: new.kind,
            url,
            number_masked: new.number.as_deref().map(masked),
            number: new.number.as_ref().map(seal).transpose()?,
            content,
            uploaded_at: self.now(),
        };
        draft.add(&document)?;
        let detail = json!({
            "consumer": consumer, "kind": document.kind,
            "sha256": document.content.as_ref().map(|content| &content.sha256),
        });
        draft.keep(&format!("document/{id}"), "document added", &member.name(), detail).await?;
        Ok(document)
    }

    /// Documents of a consumer, in the order in which they came.
    ///
    /// # Errors
    /// When there is no such consumer, or it is not the caller's.
    pub async fn documents(&self, member: &Member, consumer: u64) -> Result<Vec<Document>, DealershipError> {
        self.consumer_for(member, Action::ConsumerRead, consumer).await?;
        Ok(self.all::<Document>(Some(("consumer", of(consumer)))).await?)
    }

    /// What an uploaded document holds. The journal keeps who looked.
    ///
    /// # Errors
    /// When there is none such, or it lies elsewhere.
    pub async fn document_content(
        &self,
        member: &Member,
        consumer: u64,
        id: u64,
    ) -> Result<(Content, Vec<u8>), DealershipError> {
        self.consumer_for(member, Action::ConsumerRead, consumer).await?;
        let absent = || DealershipError::absent("Document", id);
        let document = self.known::<Document>(id).await?.map(|found| found.value);
        let document = document.filter(|document| document.consumer == consumer).ok_or_else(absent)?;
        let content = document.content.ok_or_else(absent)?;
        let mut bytes = Vec::with_capacity(content.bytes as usize);
        for number in 0..content.chunks {
            let key = Chunk::key_of(id, number);
            let chunk = self.of::<Chunk>().get(&key).await?.ok_or_else(absent)?.value;
            bytes.extend(self.vault().open_sealed(&chunk.bytes, &key)?);
        }
        let _turn = self.turn().await;
        let detail = json!({ "consumer": consumer });
        Draft::of(self).keep(&format!("document/{id}"), "document read", &member.name(), detail).await?;
        Ok((content, bytes))
    }
}

/// What an upload is.
fn read(bytes: &[u8]) -> Result<Content, DealershipError> {
    if bytes.is_empty() || bytes.len() > UPLOAD_MAX_BYTES {
        let reason = format!("1 to {UPLOAD_MAX_BYTES} bytes");
        return Err(DealershipError::field("document", reason));
    }
    let media_type =
        media_type(bytes).ok_or_else(|| DealershipError::field("document", "a PDF, JPEG or PNG"))?;
    let sha256 = Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let chunks = u32::try_from(bytes.len().div_ceil(CHUNK_BYTES)).unwrap_or(u32::MAX);
    Ok(Content { media_type: media_type.to_owned(), bytes: bytes.len() as u64, sha256, chunks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_uploaded_is_known_by_its_beginning() {
        assert_eq!(read(b"%PDF-1.7 x").unwrap().media_type, "application/pdf");
        assert!(read(b"<html>").is_err() && read(b"").is_err());
        assert!(read(&vec![0xff; UPLOAD_MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn addresses_are_https_and_have_a_host() {
        assert!(is_address("https://storage.example.com/pan_card.jpg"));
        for wrong in ["http://a/b", "https://", "https:///x", "https://user:word@host/", "https://a b"] {
            assert!(!is_address(wrong), "{wrong}");
        }
        assert_eq!(masked("ABCDE1234F"), "XXXXXX234F");
    }
}
