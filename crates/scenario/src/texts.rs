//! Texts compiled where their names are known: templates to send, pieces of patterns to read.

use crate::error::{Fault, ScenarioError};
use crate::holes::{Hole, NumberFormat};
use crate::names::{ExpandedPart, FixedSlot, Names};
use crate::source::{SourcePlace, SpottedText};
use crate::template::{Measure, Template, TemplateSegment};

/// Use of a text that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendSite {
    /// URL and headers: fixed for a client before it connects.
    Fixed,
    /// A message of the load.
    Message,
    /// Everything else that a client sends.
    Control,
}

/// Compiler of the texts of one scenario.
#[derive(Debug)]
pub(crate) struct TextCompiler {
    pub(crate) names: Names,
    pub(crate) is_binary: bool,
}

/// A length within a template that is being compiled.
struct LengthAt {
    index: usize,
    name: String,
    place: SourcePlace,
}

/// Segments of a text and what is known of their pad.
#[derive(Default)]
struct SegmentBuilder {
    segments: Vec<TemplateSegment>,
    sized: Option<Measure>,
    lengths: Vec<LengthAt>,
    /// Index where each open text begins, and true when it holds `${pad}` itself.
    open: Vec<(usize, bool)>,
}

impl SegmentBuilder {
    fn close(&mut self) -> Result<(), ScenarioError> {
        let Some((start, holds_pad)) = self.open.pop() else {
            return Ok(());
        };
        if holds_pad {
            let depends = |length: &&LengthAt| {
                let segments = &self.segments[length.index..=length.index];
                length.index >= start && Measure::of(segments).depends_on_pad()
            };
            if let Some(length) = self.lengths.iter().find(depends) {
                return Err(Fault::CircularLength(length.name.clone()).at(length.place.clone()));
            }
            self.sized = Some(Measure::of(&self.segments[start..]));
        }
        Ok(())
    }

    fn literal(&mut self, bytes: &[u8]) {
        // A literal that begins a var must stay apart, as its length is counted apart.
        let start = self.open.last().map_or(0, |(start, _)| *start);
        let is_inside = self.segments.len() > start;
        match self.segments.last_mut() {
            Some(TemplateSegment::Literal(last)) if is_inside => {
                *last = [last, bytes].concat().into();
            }
            _ => self.segments.push(TemplateSegment::Literal(bytes.into())),
        }
    }
}

pub(crate) fn misplaced(hole: &str, because: &'static str, place: &SourcePlace) -> ScenarioError {
    Fault::Misplaced {
        hole: hole.to_owned(),
        because,
    }
    .at(place.clone())
}

impl TextCompiler {
    /// Compiles a text to send by clients of these roles.
    pub(crate) fn template(
        &mut self,
        text: &SpottedText,
        site: SendSite,
        roles: u64,
    ) -> Result<Template, ScenarioError> {
        let parts = self.names.expand(text)?;
        let built = self.segments(&parts, site, roles)?;
        let pads = built
            .segments
            .iter()
            .filter(|segment| **segment == TemplateSegment::Pad)
            .count();
        if pads > 1 {
            return Err(Fault::TwoPads.at(text.place()));
        }
        let segments = merge_literals(built.segments);
        if !self.is_binary && !segments.iter().all(is_text) {
            return Err(Fault::BytesInText.at(text.place()));
        }
        Ok(Template::new(segments, built.sized))
    }

    fn segments(
        &mut self,
        parts: &[ExpandedPart],
        site: SendSite,
        roles: u64,
    ) -> Result<SegmentBuilder, ScenarioError> {
        let mut builder = SegmentBuilder::default();
        builder.open.push((0, false));
        for part in parts {
            match part {
                ExpandedPart::Literal(bytes) => builder.literal(bytes),
                ExpandedPart::Open => builder.open.push((builder.segments.len(), false)),
                ExpandedPart::Close => builder.close()?,
                ExpandedPart::Hole { hole, place, .. } => {
                    if *hole == Hole::Pad
                        && let Some((_, holds_pad)) = builder.open.last_mut()
                    {
                        *holds_pad = true;
                    }
                    if let Hole::Len { name, .. } = hole {
                        let index = builder.segments.len();
                        builder.lengths.push(LengthAt {
                            index,
                            name: name.clone(),
                            place: place.clone(),
                        });
                    }
                    let segment = self.segment(hole, place, site, roles)?;
                    builder.segments.push(segment);
                }
            }
        }
        builder.close()?;
        Ok(builder)
    }

    pub(crate) fn segment(
        &mut self,
        hole: &Hole,
        place: &SourcePlace,
        site: SendSite,
        roles: u64,
    ) -> Result<TemplateSegment, ScenarioError> {
        let read_only = "it is read, not sent";
        let of_message = "only a [[message]] has one";
        let is_fixed = "this text must be fixed for a client";
        let is_message = site == SendSite::Message;
        match hole {
            Hole::Any => Err(misplaced("*", read_only, place)),
            Hole::Message => Err(misplaced("message", read_only, place)),
            Hole::Seq => Err(misplaced("seq", read_only, place)),
            Hole::Stamp(_) => Err(misplaced("stamp", read_only, place)),
            Hole::Uid if is_message => Ok(TemplateSegment::Uid),
            Hole::Uid => Err(misplaced("uid", of_message, place)),
            Hole::Pad if is_message => Ok(TemplateSegment::Pad),
            Hole::Pad => Err(misplaced("pad", of_message, place)),
            Hole::Number { .. } | Hole::Cell { .. } => {
                self.fixed(hole, place).map(TemplateSegment::Slot)
            }
            Hole::Id(_) if site == SendSite::Fixed => Err(misplaced("id", is_fixed, place)),
            Hole::Int { .. } if site == SendSite::Fixed => Err(misplaced("int", is_fixed, place)),
            Hole::Pick(_) if site == SendSite::Fixed => Err(misplaced("pick", is_fixed, place)),
            Hole::Now(_) if site == SendSite::Fixed => Err(misplaced("now", is_fixed, place)),
            Hole::Id(format) => Ok(TemplateSegment::Id(*format)),
            Hole::Now(unit) => Ok(TemplateSegment::Now(*unit)),
            Hole::Int { .. } | Hole::Pick(_) => Ok(self.random(hole, place)),
            Hole::Name {
                name,
                format: Some(_),
            } => Err(misplaced(name, "a format says how a name is read", place)),
            Hole::Name { name, format: None } => self.captured(name, place, site, roles),
            Hole::Len { name, format } => {
                let of = match self.names.expand_var(name)? {
                    Some(parts) => Measure::of(&self.segments(&parts, site, roles)?.segments),
                    None => Measure::of(&[self.captured(name, place, site, roles)?]),
                };
                Ok(TemplateSegment::Len {
                    of,
                    format: *format,
                })
            }
        }
    }

    fn captured(
        &mut self,
        name: &str,
        place: &SourcePlace,
        site: SendSite,
        roles: u64,
    ) -> Result<TemplateSegment, ScenarioError> {
        if site == SendSite::Control
            && let Some(local) = self.names.use_local(name)
        {
            return Ok(TemplateSegment::Local(local));
        }
        let slot = match site {
            SendSite::Fixed => None,
            _ => self.names.use_capture(name, roles),
        };
        slot.map(TemplateSegment::Slot)
            .ok_or_else(|| self.names.unknown(name, place))
    }

    pub(crate) fn fixed(&mut self, hole: &Hole, place: &SourcePlace) -> Result<u16, ScenarioError> {
        let slot = match hole {
            Hole::Number { which, width } => FixedSlot::Number {
                which: *which,
                width: *width,
            },
            Hole::Cell { table, column } => FixedSlot::Cell {
                table: table.clone(),
                column: column.clone(),
            },
            _ => return Err(misplaced("hole", "it is not fixed", place)),
        };
        self.names.fixed_slot(slot, place)
    }

    pub(crate) fn random(&mut self, hole: &Hole, place: &SourcePlace) -> TemplateSegment {
        let salt = self.names.salt(place);
        match hole {
            Hole::Int { low, high } => TemplateSegment::Int {
                low: *low,
                spread: high - low,
                salt,
            },
            Hole::Pick(options) => TemplateSegment::Pick {
                options: options
                    .iter()
                    .map(|option| option.as_bytes().into())
                    .collect(),
                salt,
            },
            _ => TemplateSegment::Literal([].into()),
        }
    }
}

/// Joins neighbouring literals, which vars have kept apart.
fn merge_literals(segments: Vec<TemplateSegment>) -> Vec<TemplateSegment> {
    let mut merged: Vec<TemplateSegment> = Vec::new();
    for segment in segments {
        match (merged.last_mut(), segment) {
            (Some(TemplateSegment::Literal(last)), TemplateSegment::Literal(bytes)) => {
                *last = [&last[..], &bytes[..]].concat().into();
            }
            (_, segment) => merged.push(segment),
        }
    }
    merged
}

/// Returns true for a segment that is valid UTF-8.
fn is_text(segment: &TemplateSegment) -> bool {
    match segment {
        TemplateSegment::Literal(bytes) => std::str::from_utf8(bytes).is_ok(),
        TemplateSegment::Id(format) | TemplateSegment::Len { format, .. } => {
            *format == NumberFormat::Decimal
        }
        _ => true,
    }
}
