//! A consistent copy in one file, taken while others write, and back.
//!
//! ```text
//! "celltide backup\n", version of the format
//! pages:   bytes, checksum, pairs of key and value (or that the key is gone)
//! trailer: zero, SHA-256 of everything before
//! ```
//!
//! A first pass copies all keys, page by page, while changes go on. Keys that were written meanwhile are copied again,
//! and again, until few are left; those are copied while no change can be applied. Where a key comes twice the later
//! one counts, so the copy is the store as it was at that last moment.

use super::journal::{Audit, verify::Auditor};
use super::local::Core;
use super::medium::{Batch, Direction, KeyRange, Medium, SledDisk, SledOptions};
use super::writer::{number_of, prepare};
use super::{StoreError, folder_in};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 16] = b"celltide backup\n";
/// Version of the format.
const VERSION: u32 = 1;
/// Bytes after which a page ends.
const PAGE_BYTES: usize = 1 << 20;
/// Largest page that is read back: one value can be a good deal longer than a page.
const PAGE_MAX_BYTES: usize = 64 << 20;
/// So few keys are copied while nobody can write.
const LAST_KEYS: usize = 512;
/// Passes over written keys before the rest is copied while nobody can write.
const PASSES: usize = 16;
/// In the place of a value's length: the key is gone.
const GONE: u32 = u32::MAX;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Keys in the copy, those that came twice counted twice.
    pub keys: u64,
    /// Bytes of the copy.
    pub bytes: u64,
    /// Entries of the journal in it.
    pub entries: u64,
}

/// Writes the copy to a file, which bears its name only once it is whole.
pub(super) fn to_file(core: &Core, path: &Path) -> Result<Summary, StoreError> {
    whole_file(path, |file| write(core, file))
}

/// Lets a file be written and gives it its name once it is whole and durable.
pub(super) fn whole_file<R>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let failed = |error| StoreError::io(format!("cannot write {}", path.display()), error);
    let partial = partial(path);
    let mut file = BufWriter::new(File::create(&partial).map_err(failed)?);
    let done = fill(&mut file).and_then(|done| {
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().and_then(|()| fs::rename(&partial, path)).map_err(failed)?;
        Ok(done)
    });
    if done.is_err() {
        let _ = fs::remove_file(&partial);
    }
    done
}

fn partial(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    PathBuf::from(partial)
}

/// Writes the copy.
pub(super) fn write(core: &Core, out: &mut dyn Write) -> Result<Summary, StoreError> {
    if !core.touch() {
        return Err(StoreError::unfit("another backup is under way"));
    }
    let done = copy(core, out);
    core.touched(false);
    done
}

fn copy(core: &Core, out: &mut dyn Write) -> Result<Summary, StoreError> {
    let mut pages = Pages::begin(out)?;
    let mut from = Some(Vec::new());
    while let Some(start) = from.take() {
        core.look(|medium| {
            medium.scan(&KeyRange { from: start, to: None }, Direction::Forward, &mut |key, value| {
                if pages.held() >= PAGE_BYTES {
                    from = Some(key.to_vec());
                    return ControlFlow::Break(());
                }
                pages.put(key, Some(value));
                ControlFlow::Continue(())
            })
        })?;
        pages.flush()?;
    }
    for _ in 0..PASSES {
        let touched = core.touched(true);
        let is_last = touched.len() <= LAST_KEYS;
        for key in touched {
            let value = core.look(|medium| medium.get(&key))?;
            pages.put(&key, value.as_deref());
            if pages.held() >= PAGE_BYTES {
                pages.flush()?;
            }
        }
        pages.flush()?;
        if is_last {
            break;
        }
    }
    // Nothing is applied during this look, so what is copied here is of one moment.
    core.look(|medium| {
        for key in core.touched(false) {
            pages.put(&key, medium.get(&key)?.as_deref());
        }
        pages.summary.entries = super::journal::read::head(medium)?.sequence.0;
        Ok(())
    })?;
    pages.flush()?;
    pages.finish()
}

struct Pages<'a> {
    out: &'a mut dyn Write,
    hasher: Sha256,
    page: Vec<u8>,
    summary: Summary,
}

impl<'a> Pages<'a> {
    fn begin(out: &'a mut dyn Write) -> Result<Self, StoreError> {
        let summary = Summary { keys: 0, bytes: 0, entries: 0 };
        let mut pages = Self { out, hasher: Sha256::new(), page: Vec::new(), summary };
        pages.raw(MAGIC)?;
        pages.raw(&VERSION.to_le_bytes())?;
        Ok(pages)
    }

    fn held(&self) -> usize {
        self.page.len()
    }

    fn put(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.page.extend((key.len() as u32).to_le_bytes());
        self.page.extend(value.map_or(GONE, |value| value.len() as u32).to_le_bytes());
        self.page.extend(key);
        self.page.extend(value.unwrap_or_default());
        self.summary.keys += 1;
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.page.is_empty() {
            return Ok(());
        }
        let page = std::mem::take(&mut self.page);
        self.raw(&(page.len() as u32).to_le_bytes())?;
        self.raw(&crc32fast::hash(&page).to_le_bytes())?;
        self.raw(&page)
    }

    fn finish(mut self) -> Result<Summary, StoreError> {
        self.raw(&0u32.to_le_bytes())?;
        let hash = self.hasher.clone().finalize();
        self.raw(&hash)?;
        self.out.flush().map_err(|error| StoreError::io("cannot write the backup", error))?;
        Ok(self.summary)
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hasher.update(bytes);
        self.summary.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|error| StoreError::io("cannot write the backup", error))
    }
}

/// Makes a store in a data folder from a backup. Before anything is written the whole file is checked, and before the
/// store gets its name its journal is.
///
/// # Errors
/// When the folder has a store already, or the file is no whole backup.
pub fn restore(from: &Path, data: &Path) -> Result<Audit, StoreError> {
    let folder = folder_in(data);
    if folder.exists() {
        return Err(StoreError::unfit(format!("there is a store in {} already", folder.display())));
    }
    check(from)?;
    fs::create_dir_all(data)
        .map_err(|error| StoreError::io(format!("cannot make {}", data.display()), error))?;
    let unfinished = partial(&folder);
    let failed = |error| StoreError::io(format!("cannot write {}", unfinished.display()), error);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(failed)?;
    }
    let done = fill(from, &unfinished).and_then(|audit| {
        fs::rename(&unfinished, &folder)
            .and_then(|()| File::open(data))
            .and_then(|data| data.sync_all())
            .map_err(failed)?;
        Ok(audit)
    });
    if done.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    done
}

fn fill(from: &Path, folder: &Path) -> Result<Audit, StoreError> {
    let medium = SledDisk::open(folder, &SledOptions::default())?;
    read(from, |batch| medium.apply(&batch))?;
    medium.sync(number_of(&medium)?)?;
    prepare(&medium)?;
    let mut auditor = Auditor::new(&medium)?;
    let audit = loop {
        if let Some(audit) = auditor.step(&medium, usize::MAX)? {
            break audit;
        }
    };
    match audit.fault {
        Some(fault) => {
            Err(StoreError::corrupt(format!("entry {} of the backup", fault.sequence), fault.what))
        }
        None => Ok(audit),
    }
}

/// Whether a file is a whole backup.
pub(super) fn check(path: &Path) -> Result<(), StoreError> {
    read(path, |_| Ok(()))
}

/// Reads a backup page by page.
fn read(path: &Path, mut page_of: impl FnMut(Batch) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let name = path.display().to_string();
    let corrupt = |detail: &str| StoreError::corrupt(&name, detail);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => corrupt("it is cut off"),
        _ => StoreError::io(format!("cannot read {name}"), error),
    };
    let mut file = Hashed { file: BufReader::new(File::open(path).map_err(failed)?), hasher: Sha256::new() };
    let magic: [u8; 16] = file.take().map_err(failed)?;
    if magic != *MAGIC {
        return Err(corrupt("it is no backup"));
    }
    let version = file.number().map_err(failed)?;
    if version > VERSION {
        return Err(StoreError::FutureSchema { what: name, found: version, known: VERSION });
    }
    loop {
        let length = file.number().map_err(failed)? as usize;
        if length == 0 {
            break;
        }
        if length > PAGE_MAX_BYTES {
            return Err(corrupt("a page is longer than any"));
        }
        let sum = file.number().map_err(failed)?;
        let mut page = vec![0; length];
        file.fill(&mut page).map_err(failed)?;
        if crc32fast::hash(&page) != sum {
            return Err(corrupt("the checksum of a page does not fit"));
        }
        page_of(pairs(&page).ok_or_else(|| corrupt("a page cannot be read"))?)?;
    }
    let hash = file.hasher.clone().finalize();
    let kept: [u8; 32] = file.take().map_err(failed)?;
    if hash[..] != kept {
        return Err(corrupt("its hash does not fit"));
    }
    Ok(())
}

fn pairs(mut page: &[u8]) -> Option<Batch> {
    let mut batch = Batch::new();
    while !page.is_empty() {
        let (key_bytes, rest) = page.split_first_chunk()?;
        let (value_bytes, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*key_bytes) as usize)?;
        let length = u32::from_le_bytes(*value_bytes);
        let (value, rest) = rest.split_at_checked(if length == GONE { 0 } else { length as usize })?;
        batch.insert(key.to_vec(), (length != GONE).then(|| value.to_vec()));
        page = rest;
    }
    Some(batch)
}

struct Hashed<R> {
    file: R,
    hasher: Sha256,
}

impl<R: Read> Hashed<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self) -> io::Result<u32> {
        Ok(u32::from_le_bytes(self.take()?))
    }
}
