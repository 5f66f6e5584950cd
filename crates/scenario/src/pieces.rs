//! Texts that are read, compiled to pieces of patterns.

use crate::captures::CaptureTarget;
use crate::error::ScenarioError;
use crate::glob::PatternPiece;
use crate::holes::{Hole, NumberFormat};
use crate::names::ExpandedPart;
use crate::source::{SourcePlace, SpottedText};
use crate::template::{Template, TemplateSegment};
use crate::texts::{SendSite, TextCompiler, misplaced};

/// Use of a text that is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReadSite<'a> {
    /// `expect` of a setup step, where new names become captures.
    Expect,
    /// A pattern in which new names have no meaning.
    Plain,
    /// `match` of `[[on]]`, where new names become local captures.
    On,
    /// A record that belongs to a message of the own connection, which was sent like this.
    Own(&'a Template),
    /// A message of any connection, which was sent like this.
    Deliver(&'a Template),
    /// `match` of `[push]`.
    Push,
}

impl TextCompiler {
    /// Compiles a text to read by clients of these roles. `read` gets the names of its captures.
    pub(crate) fn pieces(
        &mut self,
        text: &SpottedText,
        site: ReadSite,
        roles: u64,
        outer: &SourcePlace,
        read: &mut Vec<String>,
    ) -> Result<Vec<PatternPiece>, ScenarioError> {
        let mut pieces = Vec::new();
        for part in self.names.expand(text)? {
            match part {
                ExpandedPart::Literal(bytes) => pieces.push(PatternPiece::Literal(bytes)),
                ExpandedPart::Open | ExpandedPart::Close => {}
                ExpandedPart::Hole {
                    hole: Hole::Message,
                    place,
                    ..
                } => {
                    pieces.extend(message_pieces(site, &place)?);
                }
                ExpandedPart::Hole {
                    hole,
                    place,
                    in_var,
                } => {
                    let context = PieceContext {
                        site,
                        roles,
                        place: &place,
                        outer,
                        in_var,
                    };
                    pieces.push(self.piece(&hole, &context, read)?);
                }
            }
        }
        Ok(pieces)
    }

    fn piece(
        &mut self,
        hole: &Hole,
        cx: &PieceContext,
        read: &mut Vec<String>,
    ) -> Result<PatternPiece, ScenarioError> {
        let site = cx.site;
        let of_message = matches!(site, ReadSite::Own(_) | ReadSite::Deliver(_));
        let no_message = "the record belongs to no message";
        match hole {
            Hole::Any => Ok(PatternPiece::Wild(None)),
            Hole::Uid if of_message || matches!(site, ReadSite::On) => Ok(PatternPiece::Uid),
            Hole::Uid => Err(misplaced("uid", no_message, cx.place)),
            Hole::Id(format) => match site {
                ReadSite::Own(_) | ReadSite::Deliver(_) | ReadSite::Expect | ReadSite::Plain => {
                    Ok(PatternPiece::Id(*format))
                }
                ReadSite::On | ReadSite::Push => Err(misplaced("id", no_message, cx.place)),
            },
            Hole::Pad if of_message => Ok(PatternPiece::Known(TemplateSegment::Pad)),
            Hole::Pad => Err(misplaced("pad", no_message, cx.place)),
            Hole::Message => Err(misplaced("message", no_message, cx.place)),
            Hole::Seq if matches!(site, ReadSite::Push) => Ok(PatternPiece::Seq),
            Hole::Seq => Err(misplaced("seq", "only [push] has one", cx.place)),
            Hole::Stamp(unit) if matches!(site, ReadSite::Push) => Ok(PatternPiece::Stamp(*unit)),
            Hole::Stamp(_) => Err(misplaced("stamp", "only [push] has one", cx.place)),
            Hole::Now(_) => Err(misplaced(
                "now",
                "a time is known only while it is written",
                cx.place,
            )),
            Hole::Number { .. } | Hole::Cell { .. } => {
                self.fixed(hole, cx.place).map(PatternPiece::Slot)
            }
            Hole::Int { .. } | Hole::Pick(_) if of_message && cx.in_var => {
                Ok(PatternPiece::Known(self.random(hole, cx.place)))
            }
            Hole::Int { .. } | Hole::Pick(_) => {
                let because = "only a var that the message holds, too, can be compared";
                Err(misplaced("int", because, cx.place))
            }
            Hole::Len { .. } if matches!(site, ReadSite::Own(_)) && cx.in_var => self
                .segment(hole, cx.place, SendSite::Message, cx.roles)
                .map(PatternPiece::Known),
            Hole::Len { .. } => Err(misplaced("len", "lengths are written, not read", cx.place)),
            Hole::Name { name, format } => self.name_piece(name, *format, cx, read),
        }
    }

    fn name_piece(
        &mut self,
        name: &str,
        format: Option<NumberFormat>,
        cx: &PieceContext,
        read: &mut Vec<String>,
    ) -> Result<PatternPiece, ScenarioError> {
        if format.is_none()
            && let Some(slot) = self.names.use_capture(name, cx.roles)
        {
            return Ok(PatternPiece::Slot(slot));
        }
        let can_capture = !cx.in_var && !self.names.is_var(name);
        let target = match cx.site {
            ReadSite::Expect if can_capture => self.names.read_capture(name, cx.outer),
            ReadSite::On | ReadSite::Deliver(_) if can_capture => {
                self.names.read_local(name, cx.outer)
            }
            _ => None,
        };
        let target: CaptureTarget = target.ok_or_else(|| self.names.unknown(name, cx.place))?;
        read.push(name.to_owned());
        Ok(match format {
            None => PatternPiece::Wild(Some(target)),
            Some(format) => PatternPiece::Number {
                format,
                target: Some(target),
            },
        })
    }
}

/// Surroundings of a hole that is read.
struct PieceContext<'a> {
    site: ReadSite<'a>,
    roles: u64,
    place: &'a SourcePlace,
    /// Place of the whole pattern.
    outer: &'a SourcePlace,
    in_var: bool,
}

/// The bytes of a message as they were sent, as a pattern.
fn message_pieces(site: ReadSite, place: &SourcePlace) -> Result<Vec<PatternPiece>, ScenarioError> {
    let send = match site {
        ReadSite::Own(send) | ReadSite::Deliver(send) => send,
        _ => {
            return Err(misplaced(
                "message",
                "the record belongs to no message",
                place,
            ));
        }
    };
    let segments = send.segments();
    // With a uid in it, the message is recognised wherever its other bytes have suffered.
    let has_uid = segments.contains(&TemplateSegment::Uid);
    let mut pieces = Vec::new();
    let anything = PatternPiece::Known(TemplateSegment::Literal([].into()));
    if has_uid {
        pieces.push(anything.clone());
    }
    for segment in segments {
        pieces.push(match segment {
            TemplateSegment::Uid => PatternPiece::Uid,
            TemplateSegment::Now(_) => {
                let because = "its time is known only while it is written";
                return Err(misplaced("message", because, place));
            }
            TemplateSegment::Slot(_) | TemplateSegment::Id(_) | TemplateSegment::Len { .. }
                if matches!(site, ReadSite::Deliver(_)) =>
            {
                let because = "a receiver does not know all of it";
                return Err(misplaced("message", because, place));
            }
            TemplateSegment::Literal(bytes) if !has_uid => PatternPiece::Literal(bytes.to_vec()),
            TemplateSegment::Id(format) if !has_uid => PatternPiece::Id(*format),
            segment => PatternPiece::Known(segment.clone()),
        });
    }
    if has_uid {
        pieces.push(anything);
    }
    Ok(pieces)
}
