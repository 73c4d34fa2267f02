//! Text for people and for programs.

use crate::failure::Failure;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Puts results on stdout.
pub(crate) fn print(text: impl Display) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    write!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|error| failed_to_write(error, None))
}

/// Puts a line for people on stderr. When even that fails there is nobody left to tell.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A CSV file that grows under another name until it is whole, or stdout.
pub(crate) struct Csv {
    writer: Box<dyn Write>,
    file: Option<(PathBuf, PathBuf)>,
}

impl Csv {
    /// Writes to `out`, or to stdout.
    pub(crate) fn create(out: Option<&Path>) -> Result<Self, Failure> {
        let Some(out) = out else {
            return Ok(Self { writer: Box::new(BufWriter::new(std::io::stdout())), file: None });
        };
        let mut partial = out.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|error| {
            Failure::Usage(anyhow::Error::new(error).context(format!("cannot write {}", out.display())))
        })?;
        Ok(Self { writer: Box::new(BufWriter::new(file)), file: Some((partial, out.to_owned())) })
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<(), Failure> {
        writeln!(self.writer, "{line}").map_err(|error| failed_to_write(error, self.name()))
    }

    /// Completes the file and gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let name = self.name().map(Path::to_owned);
        let done = self.writer.flush();
        drop(self.writer);
        let renamed = done.and_then(|()| match &self.file {
            Some((partial, out)) => std::fs::rename(partial, out),
            None => Ok(()),
        });
        renamed.map_err(|error| failed_to_write(error, name.as_deref()))
    }

    fn name(&self) -> Option<&Path> {
        self.file.as_ref().map(|(_, out)| out.as_path())
    }
}

fn failed_to_write(error: std::io::Error, file: Option<&Path>) -> Failure {
    if file.is_none() && error.kind() == ErrorKind::BrokenPipe {
        return Failure::NobodyReads;
    }
    let name = file.map_or_else(|| "to stdout".to_owned(), |file| file.display().to_string());
    Failure::Failed(anyhow::Error::new(error).context(format!("cannot write {name}")))
}
