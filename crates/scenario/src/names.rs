//! Names in texts: vars are replaced by what they hold, captures and table cells get slots.

use std::collections::BTreeMap;

use crate::captures::CaptureTarget;
use crate::draft::VarDraft;
use crate::error::{Fault, ScenarioError, Suggestion};
use crate::holes::{ClientNumber, Hole, LexedPart, RESERVED, lex};
use crate::source::{SourcePlace, SpottedText};
use crate::tables::Tables;

/// A var and its text, cut at its holes.
#[derive(Debug)]
struct Var {
    text: Option<(SpottedText, Vec<LexedPart>)>,
}

/// A part of a text whose vars are replaced.
#[derive(Debug, Clone)]
pub(crate) enum ExpandedPart {
    Literal(Vec<u8>),
    Hole {
        hole: Hole,
        place: SourcePlace,
        in_var: bool,
    },
    /// A var begins.
    Open,
    /// The var ends.
    Close,
}

/// A text that is fixed for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FixedSlot {
    Number { which: ClientNumber, width: usize },
    Cell { table: String, column: String },
}

/// A name that is read in `expect`.
#[derive(Debug)]
struct Capture {
    /// Roles that have read it, as bits.
    roles: u64,
    /// Place of the first pattern that reads it.
    place: Option<SourcePlace>,
    is_used: bool,
}

/// A name that is read and used within one entry.
#[derive(Debug)]
struct LocalCapture {
    name: String,
    place: SourcePlace,
    is_used: bool,
}

/// All names of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Names {
    vars: BTreeMap<String, Var>,
    captures: Vec<(String, Capture)>,
    locals: Vec<LocalCapture>,
    fixed: Vec<FixedSlot>,
    salts: Vec<SourcePlace>,
    pub(crate) tables: Tables,
}

impl Names {
    pub(crate) fn new(vars: &[(String, VarDraft)], tables: Tables) -> Result<Self, ScenarioError> {
        let mut names = Self {
            tables,
            ..Self::default()
        };
        for (name, var) in vars {
            let text = match &var.value {
                Some(text) => Some((text.clone(), lex(text)?)),
                None => None,
            };
            names.vars.insert(name.clone(), Var { text });
        }
        Ok(names)
    }

    /// Replaces the vars of a text.
    pub(crate) fn expand(&self, text: &SpottedText) -> Result<Vec<ExpandedPart>, ScenarioError> {
        let mut parts = Vec::new();
        self.expand_into(&lex(text)?, text, &mut Vec::new(), &mut parts)?;
        Ok(parts)
    }

    /// The text of a var with its own vars replaced; `None` when no var has this name.
    pub(crate) fn expand_var(
        &self,
        name: &str,
    ) -> Result<Option<Vec<ExpandedPart>>, ScenarioError> {
        let Some(var) = self.vars.get(name) else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        if let Some((text, lexed)) = &var.text {
            self.expand_into(lexed, text, &mut vec![name.to_owned()], &mut parts)?;
        }
        Ok(Some(parts))
    }

    fn expand_into(
        &self,
        lexed: &[LexedPart],
        text: &SpottedText,
        within: &mut Vec<String>,
        parts: &mut Vec<ExpandedPart>,
    ) -> Result<(), ScenarioError> {
        for part in lexed {
            let (hole, at) = match part {
                LexedPart::Literal(bytes) => {
                    parts.push(ExpandedPart::Literal(bytes.clone()));
                    continue;
                }
                LexedPart::Hole { hole, at } => (hole, *at),
            };
            if parts.len() > MAX_PARTS {
                let what = "pieces in one text";
                return Err(Fault::TooMany {
                    limit: MAX_PARTS,
                    what,
                }
                .at(text.place()));
            }
            let var = match hole {
                Hole::Name { name, format: None } => self.vars.get_key_value(name),
                _ => None,
            };
            let Some((name, var)) = var else {
                let (place, in_var) = (text.place_within(at), !within.is_empty());
                parts.push(ExpandedPart::Hole {
                    hole: hole.clone(),
                    place,
                    in_var,
                });
                continue;
            };
            if within.contains(name) {
                return Err(Fault::Loop(name.clone()).at(text.place_within(at)));
            }
            parts.push(ExpandedPart::Open);
            if let Some((text, lexed)) = &var.text {
                within.push(name.clone());
                self.expand_into(lexed, text, within, parts)?;
                within.pop();
            }
            parts.push(ExpandedPart::Close);
        }
        Ok(())
    }

    pub(crate) fn is_var(&self, name: &str) -> bool {
        self.vars.contains_key(name)
    }

    /// Slot of a text that is fixed for a client.
    pub(crate) fn fixed_slot(
        &mut self,
        slot: FixedSlot,
        place: &SourcePlace,
    ) -> Result<u16, ScenarioError> {
        if let FixedSlot::Cell { table, column } = &slot {
            self.tables.check_column(table, column, place)?;
        }
        let index = match self.fixed.iter().position(|known| *known == slot) {
            Some(index) => index,
            None => {
                self.fixed.push(slot);
                self.fixed.len() - 1
            }
        };
        slot_index(self.captures.len() + index, place)
    }

    pub(crate) fn fixed_slots(&self) -> &[FixedSlot] {
        &self.fixed
    }

    pub(crate) fn capture_count(&self) -> usize {
        self.captures.len()
    }

    /// Makes room for a capture. All captures must be declared before the first fixed slot is taken.
    pub(crate) fn declare_capture(&mut self, name: &str) {
        let is_known = self.captures.iter().any(|(known, _)| known == name);
        if !is_known && !self.is_var(name) {
            let capture = Capture {
                roles: 0,
                place: None,
                is_used: false,
            };
            self.captures.push((name.to_owned(), capture));
        }
    }

    /// Slot of a capture that is read by an earlier step of one of these roles.
    pub(crate) fn use_capture(&mut self, name: &str, roles: u64) -> Option<u16> {
        let index = self.captures.iter().position(|(known, _)| known == name)?;
        let capture = &mut self.captures[index].1;
        if capture.roles & roles == 0 {
            return None;
        }
        capture.is_used = true;
        u16::try_from(index).ok()
    }

    /// Slot for a name that a step of these roles reads. The roles have it once the step is complete.
    pub(crate) fn read_capture(
        &mut self,
        name: &str,
        place: &SourcePlace,
    ) -> Option<CaptureTarget> {
        let index = self.captures.iter().position(|(known, _)| known == name)?;
        self.captures[index]
            .1
            .place
            .get_or_insert_with(|| place.clone());
        u16::try_from(index).ok().map(CaptureTarget::Slot)
    }

    /// Marks all names that were read so far as known to these roles.
    pub(crate) fn complete_step(&mut self, read: &[String], roles: u64) {
        for (name, capture) in &mut self.captures {
            if read.contains(name) {
                capture.roles |= roles;
            }
        }
    }

    /// Begins an entry with local captures of its own.
    pub(crate) fn begin_entry(&mut self) {
        self.locals.clear();
    }

    pub(crate) fn read_local(&mut self, name: &str, place: &SourcePlace) -> Option<CaptureTarget> {
        let index = match self.locals.iter().position(|local| local.name == name) {
            Some(index) => index,
            None => {
                let local = LocalCapture {
                    name: name.to_owned(),
                    place: place.clone(),
                    is_used: false,
                };
                self.locals.push(local);
                self.locals.len() - 1
            }
        };
        u16::try_from(index).ok().map(CaptureTarget::Local)
    }

    pub(crate) fn use_local(&mut self, name: &str) -> Option<u16> {
        let index = self.locals.iter().position(|local| local.name == name)?;
        self.locals[index].is_used = true;
        u16::try_from(index).ok()
    }

    /// Ends the entry; a local capture that it does not use is a fault.
    pub(crate) fn end_entry(&mut self) -> Result<(), ScenarioError> {
        let unused = self.locals.iter().find(|local| !local.is_used);
        let unused = unused.map(|local| self.unused(&local.name, &local.place));
        self.locals.clear();
        unused.map_or(Ok(()), Err)
    }

    /// Finds a capture that nothing uses.
    pub(crate) fn check_captures(&self) -> Result<(), ScenarioError> {
        let mut unused = self.captures.iter().filter(|(_, capture)| !capture.is_used);
        let place = unused.find_map(|(name, capture)| Some((name, capture.place.as_ref()?)));
        place.map_or(Ok(()), |(name, place)| Err(self.unused(name, place)))
    }

    fn unused(&self, name: &str, place: &SourcePlace) -> ScenarioError {
        let (name, suggestion) = (name.to_owned(), self.suggest(name));
        Fault::Unused { name, suggestion }.at(place.clone())
    }

    pub(crate) fn unknown(&self, name: &str, place: &SourcePlace) -> ScenarioError {
        let (name, suggestion) = (name.to_owned(), self.suggest(name));
        Fault::Unknown { name, suggestion }.at(place.clone())
    }

    fn suggest(&self, name: &str) -> Suggestion {
        let captures = self.captures.iter().map(|(name, _)| name.as_str());
        let locals = self.locals.iter().map(|local| local.name.as_str());
        let vars = self.vars.keys().map(String::as_str);
        Suggestion::nearest(name, vars.chain(captures).chain(locals).chain(RESERVED))
    }

    /// A number that belongs to the place of a random hole.
    pub(crate) fn salt(&mut self, place: &SourcePlace) -> u32 {
        let index = match self.salts.iter().position(|known| known == place) {
            Some(index) => index,
            None => {
                self.salts.push(place.clone());
                self.salts.len() - 1
            }
        };
        u32::try_from(index).unwrap_or(0)
    }
}

/// Most pieces of one text with its vars replaced.
const MAX_PARTS: usize = 10_000;

fn slot_index(index: usize, place: &SourcePlace) -> Result<u16, ScenarioError> {
    let limit = usize::from(u16::MAX);
    u16::try_from(index).map_err(|_| {
        Fault::TooMany {
            limit,
            what: "names",
        }
        .at(place.clone())
    })
}
