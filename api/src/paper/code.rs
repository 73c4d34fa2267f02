//! QR codes (model 2): as SVG, as PNG, and as squares on paper.

use super::ink::Area;
use fast_qr::convert::Builder as _;
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::{ECL, QRBuilder, QRCode};
use std::fmt;
use thiserror::Error;

/// Light modules that a reader wants around a code (ISO/IEC 18004: four).
pub(crate) const QUIET: usize = 4;
/// Pixels along a side that a picture may have.
pub(crate) const PIXELS: std::ops::RangeInclusive<u32> = 64..=2_048;

/// How much of a code may be lost: 7, 15, 25 or 30 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Correction {
    /// 7 %.
    L,
    /// 15 %.
    M,
    /// 25 %.
    Q,
    /// 30 %.
    H,
}

impl Correction {
    /// By its letter.
    pub(crate) fn of(letter: &str) -> Option<Self> {
        Some(match letter {
            "L" | "l" => Self::L,
            "M" | "m" => Self::M,
            "Q" | "q" => Self::Q,
            "H" | "h" => Self::H,
            _ => return None,
        })
    }
}

impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L => "L",
            Self::M => "M",
            Self::Q => "Q",
            Self::H => "H",
        })
    }
}

/// Why there is no code or no picture of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum CodeError {
    /// More than the largest code holds.
    #[error("{bytes} bytes are more than a QR code holds at this level of correction")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
    },
    /// Fewer pixels than modules, or out of range.
    #[error("a picture of this code takes {least} to 2048 pixels a side, not {pixels}")]
    Pixels {
        /// What was asked for.
        pixels: u32,
        /// What this code takes at least.
        least: u32,
    },
    /// The picture could not be written.
    #[error("the picture could not be written")]
    Picture,
}

/// A QR code.
pub(crate) struct Code {
    matrix: Box<QRCode>,
    /// Level of correction.
    pub(crate) correction: Correction,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("version", &self.version())
            .field("correction", &self.correction)
            .finish()
    }
}

impl Code {
    /// The smallest code of a text.
    ///
    /// # Errors
    /// When no code holds it.
    pub(crate) fn new(text: &str, correction: Correction) -> Result<Self, CodeError> {
        let level = match correction {
            Correction::L => ECL::L,
            Correction::M => ECL::M,
            Correction::Q => ECL::Q,
            Correction::H => ECL::H,
        };
        let matrix = QRBuilder::new(text.as_bytes()).ecl(level).build();
        let matrix = Box::new(matrix.map_err(|_| CodeError::TooLong { bytes: text.len() })?);
        Ok(Self { matrix, correction })
    }

    /// Modules along a side, without the quiet zone.
    pub(crate) fn side(&self) -> usize {
        self.matrix.size
    }

    /// Version, 1 to 40: a side has 17 + 4 × version modules.
    pub(crate) fn version(&self) -> usize {
        (self.side() - 17) / 4
    }

    fn dark(&self, x: usize, y: usize) -> bool {
        self.matrix[y][x].value()
    }

    /// The code as SVG of some pixels a side, quiet zone and all.
    ///
    /// # Errors
    /// When the number is out of range.
    pub(crate) fn svg(&self, pixels: u32) -> Result<String, CodeError> {
        self.scale(pixels)?;
        let plain = SvgBuilder::default().margin(QUIET).to_str(&self.matrix);
        let size = format!(r#"<svg width="{pixels}" height="{pixels}" shape-rendering="crispEdges" "#);
        Ok(plain.replacen("<svg ", &size, 1))
    }

    /// The code as PNG of exactly some pixels a side, in black and white, quiet zone and all.
    ///
    /// # Errors
    /// When the number is out of range, or too small for the code.
    pub(crate) fn png(&self, pixels: u32) -> Result<Vec<u8>, CodeError> {
        let scale = self.scale(pixels)?;
        let side = pixels as usize;
        let before = (side - self.side() * scale) / 2;
        let dark = |x: usize, y: usize| {
            let place =
                |at: usize| at.checked_sub(before).map(|at| at / scale).filter(|&at| at < self.side());
            place(x).zip(place(y)).is_some_and(|(x, y)| self.dark(x, y))
        };
        // One bit a pixel, white is one; rows begin on a byte.
        let row_bytes = side.div_ceil(8);
        let mut bits = vec![0xff_u8; row_bytes * side];
        for y in 0..side {
            for x in (0..side).filter(|&x| dark(x, y)) {
                bits[y * row_bytes + x / 8] &= !(0x80 >> (x % 8));
            }
        }
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, pixels, pixels);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().map_err(|_| CodeError::Picture)?;
        writer.write_image_data(&bits).map_err(|_| CodeError::Picture)?;
        writer.finish().map_err(|_| CodeError::Picture)?;
        Ok(bytes)
    }

    /// Whole pixels a module.
    fn scale(&self, pixels: u32) -> Result<usize, CodeError> {
        let modules = self.side() + 2 * QUIET;
        let scale = pixels as usize / modules;
        if !PIXELS.contains(&pixels) || scale == 0 {
            let least = (*PIXELS.start()).max(u32::try_from(modules).unwrap_or(u32::MAX));
            return Err(CodeError::Pixels { pixels, least });
        }
        Ok(scale)
    }

    /// Width of the quiet zone of a square whose side is given.
    pub(super) fn quiet(&self, side: f32) -> f32 {
        side * QUIET as f32 / (self.side() + 2 * QUIET) as f32
    }

    /// The dark modules as rectangles in a square whose side is given, quiet zone and all. Neighbours in a row are one.
    pub(super) fn areas(&self, x: f32, y: f32, side: f32) -> Vec<Area> {
        let module = side / (self.side() + 2 * QUIET) as f32;
        let mut areas = Vec::new();
        for row in 0..self.side() {
            let mut column = 0;
            while column < self.side() {
                let run = (column..self.side()).take_while(|&at| self.dark(at, row)).count();
                if run > 0 {
                    areas.push(Area {
                        x: x + (column + QUIET) as f32 * module,
                        y: y + (row + QUIET) as f32 * module,
                        width: run as f32 * module,
                        height: module,
                    });
                }
                column += run.max(1);
            }
        }
        areas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://id.example/01/09506000134352/21/SN-2025-001234";

    /// What an independent reader finds in a picture of grey pixels.
    fn read(side: usize, grey: impl Fn(usize, usize) -> u8) -> (String, usize) {
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, grey);
        let grids = picture.detect_grids();
        assert_eq!(grids.len(), 1);
        let (meta, text) = grids[0].decode().unwrap();
        (text, meta.version.0)
    }

    fn grey(png: &[u8]) -> (usize, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.bit_depth), (info.height, png::BitDepth::Eight));
        (info.width as usize, pixels)
    }

    #[test]
    fn pictures_of_every_level_and_size_are_read_back() {
        for correction in [Correction::L, Correction::M, Correction::Q, Correction::H] {
            let code = Code::new(URL, correction).unwrap();
            for pixels in [64, 100, 256, 777, 2_048] {
                let (side, bits) = grey(&code.png(pixels).unwrap());
                assert_eq!(side, pixels as usize);
                // The corner is quiet.
                assert_eq!(bits[0], 255);
                let (text, version) = read(side, |x, y| bits[y * side + x]);
                assert_eq!((text.as_str(), version), (URL, code.version()), "{correction} {pixels}");
            }
        }
    }

    #[test]
    fn squares_on_paper_are_the_code() {
        let code = Code::new(URL, Correction::Q).unwrap();
        let side = (code.side() + 2 * QUIET) * 4;
        let areas = code.areas(0.0, 0.0, side as f32);
        let inside = |x: f32, y: f32| {
            let within = |at: f32, from: f32, size: f32| at >= from && at < from + size;
            areas.iter().any(|area| within(x, area.x, area.width) && within(y, area.y, area.height))
        };
        let (text, _) = read(side, |x, y| if inside(x as f32 + 0.5, y as f32 + 0.5) { 0 } else { 255 });
        assert_eq!(text, URL);
    }

    #[test]
    fn too_much_text_and_too_few_pixels_are_refused() {
        let refused = Code::new(&"x".repeat(3_000), Correction::L).unwrap_err();
        assert_eq!(refused, CodeError::TooLong { bytes: 3_000 });
        let large = Code::new(&"x".repeat(400), Correction::H).unwrap();
        let least = u32::try_from(large.side() + 8).unwrap();
        assert_eq!(large.png(64).unwrap_err(), CodeError::Pixels { pixels: 64, least });
        assert!(large.png(least).is_ok());
        for pixels in [0, 63, 2_049] {
            let code = Code::new("a", Correction::M).unwrap();
            assert_eq!(code.svg(pixels).unwrap_err(), CodeError::Pixels { pixels, least: 64 });
        }
    }
}
