//! Patterns compiled, and checks that they can recognise what they are for.

use crate::draft::{PatternDraft, PatternsDraft};
use crate::error::{Fault, ScenarioError};
use crate::exact_reply::ExactReply;
use crate::glob::PatternPiece;
use crate::json::pointer_tokens;
use crate::pattern::{PatternAlternative, PatternForm, PatternList, RecognisedBy, TextPattern};
use crate::pieces::ReadSite;
use crate::source::SpottedText;
use crate::template::{Template, TemplateSegment};
use crate::texts::TextCompiler;

/// Compiler of the patterns of one scenario.
#[derive(Debug)]
pub(crate) struct PatternCompiler {
    pub(crate) texts: TextCompiler,
    /// Pointers of the patterns compiled since the phase began.
    pub(crate) pointers: Vec<Vec<String>>,
}

impl PatternCompiler {
    pub(crate) fn patterns(
        &mut self,
        draft: Option<&PatternsDraft>,
        site: ReadSite,
        roles: u64,
        read: &mut Vec<String>,
    ) -> Result<Option<PatternList>, ScenarioError> {
        draft
            .map(|draft| self.pattern_list(draft, site, roles, read))
            .transpose()
    }

    pub(crate) fn pattern_list(
        &mut self,
        draft: &PatternsDraft,
        site: ReadSite,
        roles: u64,
        read: &mut Vec<String>,
    ) -> Result<PatternList, ScenarioError> {
        let mut alternatives = Vec::new();
        for pattern in &draft.any_of {
            alternatives.push(self.pattern(pattern, site, roles, read)?);
        }
        Ok(PatternList { alternatives })
    }

    fn pattern(
        &mut self,
        draft: &PatternDraft,
        site: ReadSite,
        roles: u64,
        read: &mut Vec<String>,
    ) -> Result<PatternAlternative, ScenarioError> {
        let outer = draft.spot().place();
        let knows_id = !matches!(site, ReadSite::Deliver(_));
        let is_echo = |text: &SpottedText| text.value.contains("${message}");
        let (mut form, pieces, is_echo) = match draft {
            PatternDraft::Text(text) => {
                let pieces = self.texts.pieces(text, site, roles, &outer, read)?;
                let form = PatternForm::Text(TextPattern::new(&pieces, knows_id));
                (form, pieces, is_echo(text))
            }
            PatternDraft::Json { members, .. } => {
                let mut compiled = Vec::new();
                let mut all = Vec::new();
                for (pointer, text) in members {
                    let tokens = pointer_tokens(pointer);
                    let tokens =
                        tokens.ok_or_else(|| Fault::Pointer(pointer.clone()).at(outer.clone()))?;
                    let pieces = self.texts.pieces(text, site, roles, &outer, read)?;
                    compiled.push((self.pointers.len(), TextPattern::new(&pieces, knows_id)));
                    self.pointers.push(tokens);
                    all.extend(pieces);
                }
                (PatternForm::Json(compiled), all, false)
            }
        };
        let count =
            |wanted: fn(&PatternPiece) -> bool| pieces.iter().filter(|piece| wanted(piece)).count();
        let uids = count(|piece| *piece == PatternPiece::Uid);
        let ids = count(|piece| matches!(piece, PatternPiece::Id(_)));
        let known = count(|piece| matches!(piece, PatternPiece::Known(_)));
        let recognised_by = match (uids, ids) {
            (0, 0) => RecognisedBy::Order,
            (0, _) => RecognisedBy::Id,
            _ => RecognisedBy::Uid,
        };
        let needs_verification = known > 0 || uids + ids > 1;
        if let PatternForm::Json(members) = &mut form
            && uids + ids <= 1
        {
            members
                .iter_mut()
                .for_each(|(_, text)| text.set_only_identity());
        }
        let is_binary = is_echo.then_some(self.texts.is_binary);
        Ok(PatternAlternative {
            written: written_members(draft),
            ..alternative(form, recognised_by, needs_verification, is_binary)
        })
    }
}

pub(crate) fn alternative(
    form: PatternForm,
    recognised_by: RecognisedBy,
    needs_verification: bool,
    is_binary: Option<bool>,
) -> PatternAlternative {
    PatternAlternative {
        form,
        recognised_by,
        needs_verification,
        is_binary,
        written: Box::default(),
    }
}

/// Pointers and patterns of a JSON pattern as they are written.
fn written_members(draft: &PatternDraft) -> Box<[(String, String)]> {
    match draft {
        PatternDraft::Text(_) => Box::default(),
        PatternDraft::Json { members, .. } => {
            let members = members.iter();
            let written = members.map(|(pointer, text)| (pointer.clone(), text.value.clone()));
            written.collect()
        }
    }
}

/// The reply of a message that is sent like this, when it is a single text whose bytes are all known with the message.
pub(crate) fn exact_reply(reply: Option<&PatternList>, send: &Template) -> Option<ExactReply> {
    let [one] = &reply?.alternatives[..] else {
        return None;
    };
    match &one.form {
        PatternForm::Text(text) if one.recognised_by != RecognisedBy::Order => {
            let template = Template::new(text.known_segments()?, send.sized().cloned());
            let is_binary = one.is_binary;
            Some(ExactReply {
                template,
                is_binary,
            })
        }
        _ => None,
    }
}

/// A record that belongs to a message is recognised by what the message holds.
pub(crate) fn check_held(
    key: &'static str,
    list: Option<&PatternList>,
    send: &Template,
    text: &SpottedText,
) -> Result<(), ScenarioError> {
    let alternatives = list.map_or(&[][..], |list| &list.alternatives);
    for one in alternatives {
        let (hole, holds) = match one.recognised_by {
            RecognisedBy::Uid => ("uid", send.segments().contains(&TemplateSegment::Uid)),
            RecognisedBy::Id => ("id", send.holds_id()),
            RecognisedBy::Order => continue,
        };
        if !holds {
            return Err(Fault::NotHeld { key, hole }.at(text.place()));
        }
    }
    Ok(())
}
