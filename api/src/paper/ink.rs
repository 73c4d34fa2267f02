//! Marks on pages, and how they become a PDF.
//!
//! Layout only collects marks; they are drawn at the end, when the number of pages is known. All is vectors and text:
//! no raster images. Lengths are points (1/72 inch), y grows downwards from the page's top.

use super::PaperError;
use super::face::{Faces, Weight};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use krilla::Document;
use krilla::action::{Action, LinkAction};
use krilla::annotation::{Annotation, LinkAnnotation, Target};
use krilla::color::rgb;
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, LineCap, LineJoin, Stroke};
use krilla::surface::Surface;
use twin::time::Time;

/// Width of A4.
pub(super) const PAGE_WIDTH: f32 = 595.28;
/// Height of A4.
pub(super) const PAGE_HEIGHT: f32 = 841.89;

/// A colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tint(pub(crate) u8, pub(crate) u8, pub(crate) u8);

impl Tint {
    /// Text.
    pub(crate) const INK: Self = Self(28, 36, 32);
    /// Captions and what is less important.
    pub(crate) const MUTED: Self = Self(100, 112, 106);
    /// Heads, first series.
    pub(crate) const GREEN: Self = Self(21, 110, 58);
    /// Second series.
    pub(crate) const BLUE: Self = Self(37, 99, 175);
    /// Third series, and what is not settled.
    pub(crate) const AMBER: Self = Self(180, 110, 10);
    /// What fails.
    pub(crate) const RED: Self = Self(176, 40, 40);
    /// Rules between rows.
    pub(crate) const RULE: Self = Self(214, 222, 217);
    /// Behind heads of tables.
    pub(crate) const SHADE: Self = Self(238, 244, 240);
    /// Paper.
    pub(crate) const WHITE: Self = Self(255, 255, 255);
    /// What a scanner reads.
    pub(crate) const BLACK: Self = Self(0, 0, 0);

    fn paint(self) -> krilla::paint::Paint {
        rgb::Color::new(self.0, self.1, self.2).into()
    }
}

/// A rectangle by its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

impl Area {
    fn rect(self) -> Option<Rect> {
        Rect::from_xywh(self.x, self.y, self.width, self.height)
    }
}

/// Something on a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    /// One line of text, from its baseline's left end.
    Text { x: f32, y: f32, text: String, weight: Weight, size: f32, tint: Tint },
    /// Rectangles of one colour.
    Boxes { areas: Vec<Area>, tint: Tint },
    /// A line through points.
    Line { points: Vec<(f32, f32)>, width: f32, tint: Tint },
    /// Where a click leads.
    Link { area: Area, url: String },
}

/// What a PDF says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct About {
    /// Its title.
    pub(crate) title: String,
    /// What it is about.
    pub(crate) subject: String,
    /// Who answers for it.
    pub(crate) author: String,
    /// When what it says was true.
    pub(crate) at: Time,
}

/// A head that a reader of the PDF can jump to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bookmark {
    pub(super) text: String,
    pub(super) page: usize,
    pub(super) y: f32,
}

/// Draws pages into a PDF.
pub(super) fn pdf(
    about: &About,
    pages: &[Vec<Mark>],
    bookmarks: Vec<Bookmark>,
    faces: &Faces,
) -> Result<Vec<u8>, PaperError> {
    let mut document = Document::new();
    for marks in pages {
        let settings = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT).expect("A4 has a size");
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for mark in marks {
            draw(&mut surface, mark, faces);
        }
        surface.finish();
        for mark in marks {
            let Mark::Link { area, url } = mark else { continue };
            let Some(rect) = area.rect() else { continue };
            let target = Target::Action(Action::Link(LinkAction::new(url.clone())));
            page.add_annotation(Annotation::new_link(LinkAnnotation::new(rect, target), Some(url.clone())));
        }
        page.finish();
    }
    let mut outline = Outline::new();
    for Bookmark { text, page, y } in bookmarks {
        outline.push_child(OutlineNode::new(text, XyzDestination::new(page, Point::from_xy(0.0, y))));
    }
    document.set_outline(outline);
    document.set_metadata(metadata(about));
    document.finish().map_err(|error| PaperError::Pdf { detail: format!("{error:?}") })
}

fn metadata(about: &About) -> Metadata {
    let metadata = Metadata::new()
        .title(about.title.clone())
        .description(about.subject.clone())
        .authors(vec![about.author.clone()])
        .creator("Celltide".to_owned())
        .language("en".to_owned());
    let Ok(at) = Timestamp::from_millisecond(about.at.0) else { return metadata };
    let at = at.to_zoned(TimeZone::UTC);
    let part = |value: i8| u8::try_from(value).unwrap_or(0);
    metadata.creation_date(
        DateTime::new(u16::try_from(at.year()).unwrap_or(0))
            .month(part(at.month()))
            .day(part(at.day()))
            .hour(part(at.hour()))
            .minute(part(at.minute()))
            .second(part(at.second()))
            .utc_offset_hour(0)
            .utc_offset_minute(0),
    )
}

fn draw(surface: &mut Surface<'_>, mark: &Mark, faces: &Faces) {
    match mark {
        Mark::Text { x, y, text, weight, size, tint } => {
            fill(surface, *tint);
            let glyphs = faces.glyphs(text, *weight);
            let start = Point::from_xy(*x, *y);
            surface.draw_glyphs(start, &glyphs, faces.font(*weight), text, *size, false);
        }
        Mark::Boxes { areas, tint } => {
            let mut path = PathBuilder::new();
            areas.iter().filter_map(|area| area.rect()).for_each(|rect| path.push_rect(rect));
            let Some(path) = path.finish() else { return };
            fill(surface, *tint);
            surface.draw_path(&path);
        }
        Mark::Line { points, width, tint } => {
            let [(x, y), rest @ ..] = points.as_slice() else { return };
            let mut path = PathBuilder::new();
            path.move_to(*x, *y);
            rest.iter().for_each(|&(x, y)| path.line_to(x, y));
            let Some(path) = path.finish() else { return };
            surface.set_fill(None);
            surface.set_stroke(Some(Stroke {
                paint: tint.paint(),
                width: *width,
                line_cap: LineCap::Butt,
                line_join: LineJoin::Round,
                ..Stroke::default()
            }));
            surface.draw_path(&path);
        }
        Mark::Link { .. } => {}
    }
}

fn fill(surface: &mut Surface<'_>, tint: Tint) {
    surface.set_stroke(None);
    let (paint, opacity) = (tint.paint(), NormalizedF32::ONE);
    surface.set_fill(Some(Fill { paint, opacity, rule: FillRule::NonZero }));
}
