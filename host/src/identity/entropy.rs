//! Where randomness comes from: one source that is handed in, so that a test can know what it gives.

use std::fmt::Debug;
use thiserror::Error;

/// The source gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no randomness: {0}")]
pub struct NoEntropy(pub String);

/// A source of bytes that nobody can guess.
pub trait Entropy: Send + Sync + Debug {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the source gives nothing; then nothing secret may be made.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system's source.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|error| NoEntropy(error.to_string()))
    }
}

/// Bytes of a source.
pub(super) fn bytes<const N: usize>(source: &dyn Entropy) -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    source.fill(&mut bytes)?;
    Ok(bytes)
}

/// An id of 32 hexadecimal digits.
pub(super) fn id(source: &dyn Entropy) -> Result<String, NoEntropy> {
    Ok(bytes::<16>(source)?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Six digits, each number as likely as any other.
pub(super) fn six_digits(source: &dyn Entropy) -> Result<String, NoEntropy> {
    const NUMBERS: u32 = 1_000_000;
    // Numbers above the last whole million would make the small codes likelier.
    let top = u32::MAX - u32::MAX % NUMBERS;
    for _ in 0..128 {
        let drawn = u32::from_be_bytes(bytes(source)?);
        if drawn < top {
            return Ok(format!("{:06}", drawn % NUMBERS));
        }
    }
    Err(NoEntropy("it keeps giving the same".to_owned()))
}
