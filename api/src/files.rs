//! Files on their way out, piece by piece; no thread of the runtime waits for the disk.

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use tokio::task::spawn_blocking;

/// Bytes of a piece.
pub(crate) const PIECE_BYTES: usize = 256 << 10;

/// A file's length and its pieces.
pub(crate) async fn open(path: PathBuf) -> io::Result<(u64, impl Stream<Item = io::Result<Bytes>> + Send)> {
    let opened = spawn_blocking(move || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok::<_, io::Error>((file, length))
    });
    let (file, length) = opened.await.map_err(io::Error::other)??;
    let pieces = unfold(Some(file), |file| async move {
        let mut file = file?;
        let read = spawn_blocking(move || {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let read = file.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece);
            (read.map(|_| Bytes::from(piece)), file)
        });
        match read.await {
            Ok((Ok(piece), _)) if piece.is_empty() => None,
            Ok((Ok(piece), file)) => Some((Ok(piece), Some(file))),
            Ok((Err(error), _)) => Some((Err(error), None)),
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    });
    Ok((length, pieces))
}
