//! Files that are too long for one record, in pieces. Whoever keeps one remembers its length.

use super::records::{Collection, Expect, Record, RecordChange};
use super::{Store, StoreError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes of a file in one record.
const PIECE_BYTES: usize = 600_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FilePiece {
    file: String,
    number: usize,
    /// In base64.
    piece: String,
}

impl Record for FilePiece {
    const COLLECTION: &'static str = "file_pieces";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(&self.file, self.number)
    }
}

fn key(file: &str, number: usize) -> String {
    format!("{file}/{number:06}")
}

/// The records of a file.
///
/// # Errors
/// When one cannot be written as bytes.
pub(crate) fn written(file: &str, bytes: &[u8]) -> Result<Vec<RecordChange>, StoreError> {
    let pieces = bytes.chunks(PIECE_BYTES).enumerate().map(|(number, piece)| {
        let piece = FilePiece { file: file.to_owned(), number, piece: STANDARD.encode(piece) };
        RecordChange::put(&piece, Expect::Anything)
    });
    pieces.collect()
}

/// The end of a file of a length in bytes.
pub(crate) fn deleted(file: &str, length: usize) -> Vec<RecordChange> {
    let pieces = 0..length.div_ceil(PIECE_BYTES);
    pieces.map(|number| RecordChange::delete::<FilePiece>(key(file, number), Expect::Anything)).collect()
}

/// A file of a length in bytes; nothing where it is gone.
///
/// # Errors
/// When the store cannot be read, or a piece is none.
pub(crate) async fn read(
    store: &dyn Store,
    file: &str,
    length: usize,
) -> Result<Option<Vec<u8>>, StoreError> {
    let pieces = Collection::<FilePiece, _>::of(store);
    let mut bytes = Vec::with_capacity(length);
    for number in 0..length.div_ceil(PIECE_BYTES) {
        let key = key(file, number);
        let Some(found) = pieces.get(&key).await? else { return Ok(None) };
        let piece = STANDARD.decode(found.value.piece);
        bytes.extend(piece.map_err(|error| StoreError::Codec { what: key, detail: error.to_string() })?);
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LocalStore;
    use crate::store::ledger::{Fact, keep};
    use serde_json::Value;
    use twin::time::Time;

    #[tokio::test]
    async fn a_file_comes_back_as_it_was_and_goes_wholly() {
        let store = LocalStore::in_memory().unwrap();
        let fact = Fact { entity: "desk", kind: "filed", by: "somebody", at: Time(0), detail: Value::Null };
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1] {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let name = format!("desk/{length}");
            keep(&store, fact.clone(), written(&name, &bytes).unwrap()).await.unwrap();
            assert_eq!(read(&store, &name, length).await.unwrap(), Some(bytes));
            keep(&store, fact.clone(), deleted(&name, length)).await.unwrap();
            let left = read(&store, &name, length).await.unwrap();
            assert_eq!(left.is_some(), length == 0);
        }
    }
}
