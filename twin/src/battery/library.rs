//! The chemistries that ship, and reading others.

use super::chemistry::ChemistryFile;

/// Text of every chemistry file that ships, in order of name.
const FILES: [&str; 1] = [include_str!("../../chemistries/lfp-gr-sony-murata-3ah.toml")];

/// Reads a chemistry file.
///
/// # Errors
/// When the text is not a chemistry file; the message gives line and key.
pub fn read(text: &str) -> Result<ChemistryFile, toml::de::Error> {
    toml::from_str(text)
}

/// Every chemistry that ships, in order of name.
pub fn shipped() -> impl Iterator<Item = ChemistryFile> {
    FILES.iter().map(|text| read(text).expect("a test reads every file that ships"))
}

/// The chemistry of this name or of this `published_as`.
pub fn find(name: &str) -> Option<ChemistryFile> {
    shipped().find(|file| file.name == name || file.published_as == name)
}
