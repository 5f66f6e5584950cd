//! Drafts compiled to scenarios: names resolved, patterns and templates compiled, the whole checked.

use crate::draft::{
    Draft, MessageDraft, OnDraft, PatternDraft, PatternsDraft, RecordFormat, RoleDraft, RoleNames,
    SetupDraft,
};
use crate::error::{Fault, ScenarioError, Suggestion};
use crate::glob::PatternPiece;
use crate::holes::{Hole, LexedPart, lex};
use crate::json::{PointerSet, pointer_tokens};
use crate::names::Names;
use crate::pattern::{PatternAlternative, PatternForm, PatternList, RecognisedBy, TextPattern};
use crate::scenario::{
    Goodbye, HandshakeParts, Heartbeat, MAX_ROLES, MessageType, OnRule, PushFeed, ReadLimit,
    SETUP_TIMEOUT, Scenario, ScenarioRole, ScenarioVar, SetupStep,
};
use crate::source::SpottedText;
use crate::tables::Tables;
use crate::template::{Template, TemplateSegment};
use crate::texts::{ReadSite, SendSite, TextCompiler};

/// Receive buffer of a slow consumer, in bytes.
const SLOW_BUFFER: u64 = 4096;

/// The compiler of one scenario.
struct Compiler {
    texts: TextCompiler,
    roles: Vec<ScenarioRole>,
    role_names: Vec<String>,
    /// Pointers of the patterns compiled since the phase began.
    pointers: Vec<Vec<String>>,
}

/// Compiles a merged draft under this name.
pub(crate) fn compile(
    name: &str,
    draft: &Draft,
    tables: Tables,
    merged: String,
    end: &crate::source::SourcePlace,
) -> Result<Scenario, ScenarioError> {
    if draft.messages.is_empty() && draft.push.is_none() {
        return Err(Fault::Empty.at(end.clone()));
    }
    let mut compiler = Compiler {
        texts: TextCompiler {
            names: Names::new(&draft.vars, tables.clone())?,
            is_binary: draft.binary.unwrap_or(false),
        },
        roles: draft.roles.iter().map(role).collect(),
        role_names: draft.role_names.clone(),
        pointers: Vec::new(),
    };
    compiler.prepare_roles(draft)?;
    compiler.declare_captures(&draft.setup)?;
    let url = compiler.fixed(draft.url.as_ref())?;
    let handshake = compiler.handshake(draft)?;
    let mut setup = Vec::new();
    for step in &draft.setup {
        setup.push(compiler.setup_step(step)?);
    }
    let setup_on = compiler
        .on_rules(&draft.on)?
        .into_iter()
        .map(|rule| rule.matched)
        .collect();
    let setup_pointers = PointerSet::new(&std::mem::take(&mut compiler.pointers));
    let messages = compiler.messages(&draft.messages)?;
    let on = compiler.on_rules(&draft.on)?;
    let every = compiler.every(draft)?;
    let push = compiler.push(draft)?;
    let close = compiler.close(draft)?;
    let load_pointers = PointerSet::new(&std::mem::take(&mut compiler.pointers));
    let names = &compiler.texts.names;
    names.check_captures()?;
    Ok(Scenario {
        name: name.to_owned(),
        about: draft.about.as_ref().map(|text| text.value.clone()),
        url,
        records: draft.records.clone().unwrap_or(RecordFormat::Message),
        binary: compiler.texts.is_binary,
        handshake,
        setup,
        on,
        every,
        messages,
        push,
        close,
        merged,
        vars: draft
            .vars
            .iter()
            .map(|(name, var)| ScenarioVar {
                name: name.clone(),
                value: var.value.as_ref().map(|text| text.value.clone()),
                about: var.about.clone(),
                secret: var.secret,
            })
            .collect(),
        setup_on,
        setup_pointers,
        load_pointers,
        captures: names.capture_count(),
        fixed: names.fixed_slots().to_vec(),
        tables,
        roles: compiler.roles,
    })
}

fn role(draft: &RoleDraft) -> ScenarioRole {
    ScenarioRole {
        name: draft.name.clone(),
        count: draft.count,
        sends: draft.sends.unwrap_or(true),
        receives: draft.receives.unwrap_or(true),
        read: draft.read.map(|bytes_per_s| ReadLimit {
            bytes_per_s,
            buffer: draft.buffer.unwrap_or(SLOW_BUFFER),
        }),
    }
}

impl Compiler {
    /// All clients are `client` where the file has no roles.
    fn prepare_roles(&mut self, draft: &Draft) -> Result<(), ScenarioError> {
        if self.roles.is_empty() {
            self.roles.push(role(&RoleDraft {
                name: "client".to_owned(),
                ..RoleDraft::default()
            }));
        }
        self.role_names.push("client".to_owned());
        if self.roles.len() > MAX_ROLES {
            let place = draft.setup.first().map(|step| step.spot.place());
            let place = place.or_else(|| draft.messages.first().map(|m| m.send.place()));
            let fault = Fault::TooMany {
                limit: MAX_ROLES,
                what: "roles",
            };
            return Err(place.map_or_else(
                || fault.clone().at(start_of("")),
                |place| fault.clone().at(place),
            ));
        }
        Ok(())
    }

    fn all_roles(&self) -> u64 {
        u64::MAX >> (64 - self.roles.len().min(64))
    }

    /// The roles of an entry as bits.
    fn role_bits(&self, names: &RoleNames) -> Result<u64, ScenarioError> {
        if names.is_empty() {
            return Ok(self.all_roles());
        }
        let mut bits = 0;
        for name in names {
            if !self.role_names.contains(&name.value) {
                let known = self.role_names.iter().map(String::as_str);
                let suggestion = Suggestion::nearest(&name.value, known);
                let fault = Fault::UnknownRole {
                    name: name.value.clone(),
                    suggestion,
                };
                return Err(fault.at(name.place()));
            }
            if let Some(index) = self.roles.iter().position(|role| role.name == name.value) {
                bits |= 1 << index;
            }
        }
        Ok(bits)
    }

    /// Makes room for every name that some `expect` may capture.
    fn declare_captures(&mut self, setup: &[SetupDraft]) -> Result<(), ScenarioError> {
        let patterns = setup.iter().filter_map(|step| step.expect.as_ref());
        for pattern in patterns.flat_map(|patterns| &patterns.any_of) {
            let texts: Vec<&SpottedText> = match pattern {
                PatternDraft::Text(text) => vec![text],
                PatternDraft::Json { members, .. } => {
                    members.iter().map(|(_, text)| text).collect()
                }
            };
            for text in texts {
                for part in lex(text)? {
                    if let LexedPart::Hole {
                        hole: Hole::Name { name, .. },
                        ..
                    } = part
                    {
                        self.texts.names.declare_capture(&name);
                    }
                }
            }
        }
        Ok(())
    }

    fn fixed(&mut self, text: Option<&SpottedText>) -> Result<Option<Template>, ScenarioError> {
        let roles = self.all_roles();
        let is_binary = std::mem::replace(&mut self.texts.is_binary, false);
        let template = text
            .map(|text| self.texts.template(text, SendSite::Fixed, roles))
            .transpose();
        self.texts.is_binary = is_binary;
        template
    }

    fn handshake(&mut self, draft: &Draft) -> Result<HandshakeParts, ScenarioError> {
        let mut parts = HandshakeParts::default();
        for (name, value) in &draft.headers {
            if let Some(value) = self.fixed(Some(value))? {
                parts.headers.push((name.clone(), value));
            }
        }
        let subprotocols = draft.subprotocols.iter().flatten();
        parts.subprotocols = subprotocols.map(|text| text.value.clone()).collect();
        parts.origin = self.fixed(draft.origin.as_ref())?;
        Ok(parts)
    }

    fn control(
        &mut self,
        text: Option<&SpottedText>,
        roles: u64,
    ) -> Result<Option<Template>, ScenarioError> {
        text.map(|text| self.texts.template(text, SendSite::Control, roles))
            .transpose()
    }

    fn setup_step(&mut self, draft: &SetupDraft) -> Result<SetupStep, ScenarioError> {
        let roles = self.role_bits(&draft.role)?;
        let send = self.control(draft.send.as_ref(), roles)?;
        let mut read = Vec::new();
        let expect = self.patterns(draft.expect.as_ref(), ReadSite::Expect, roles, &mut read)?;
        let refuse = self.patterns(
            draft.refuse.as_ref(),
            ReadSite::Plain,
            roles,
            &mut Vec::new(),
        )?;
        self.texts.names.complete_step(&read, roles);
        let spot = draft.expect.as_ref().map(|patterns| &patterns.spot);
        let spot = spot
            .or(draft.send.as_ref().map(|text| &text.spot))
            .unwrap_or(&draft.spot);
        Ok(SetupStep {
            place: spot.place(),
            send,
            wait: draft.wait,
            within: draft.within.unwrap_or(SETUP_TIMEOUT),
            roles,
            expect,
            refuse,
        })
    }

    fn on_rules(&mut self, drafts: &[OnDraft]) -> Result<Vec<OnRule>, ScenarioError> {
        let mut rules = Vec::new();
        for draft in drafts {
            let roles = self.role_bits(&draft.role)?;
            self.texts.names.begin_entry();
            let matched =
                self.pattern_list(&draft.matched, ReadSite::On, roles, &mut Vec::new())?;
            let send = self.control(draft.send.as_ref(), roles)?;
            self.texts.names.end_entry()?;
            rules.push(OnRule {
                name: draft.name.as_ref().map(|text| text.value.clone()),
                send,
                error: draft.error,
                roles,
                matched,
            });
        }
        Ok(rules)
    }

    fn every(&mut self, draft: &Draft) -> Result<Vec<Heartbeat>, ScenarioError> {
        let mut every = Vec::new();
        for beat in &draft.every {
            let roles = self.role_bits(&beat.role)?;
            let send = self.texts.template(&beat.send, SendSite::Control, roles)?;
            every.push(Heartbeat {
                interval: beat.interval,
                send,
                roles,
            });
        }
        Ok(every)
    }

    fn messages(&mut self, drafts: &[MessageDraft]) -> Result<Vec<MessageType>, ScenarioError> {
        let mut messages: Vec<MessageType> = Vec::new();
        for draft in drafts {
            let is_first = messages
                .iter()
                .all(|m| m.reply.is_none() && m.error.is_none() && m.part.is_none());
            let mut message = self.message(draft)?;
            message.has_exact_reply &= is_first && message.error.is_none();
            messages.push(message);
        }
        Ok(messages)
    }

    fn message(&mut self, draft: &MessageDraft) -> Result<MessageType, ScenarioError> {
        let roles = self.all_roles();
        self.texts.names.begin_entry();
        let send = self.texts.template(&draft.send, SendSite::Message, roles)?;
        let own = |this: &mut Self, key, patterns: Option<&PatternsDraft>| {
            let list = this.patterns(patterns, ReadSite::Own(&send), roles, &mut Vec::new())?;
            check_held(key, list.as_ref(), &send, &draft.send)?;
            Ok::<_, ScenarioError>(list)
        };
        let error = own(self, "error", draft.error.as_ref())?;
        let reply = own(self, "reply", draft.reply.as_ref())?;
        let part = own(self, "part", draft.part.as_ref())?;
        let deliver = self.patterns(
            draft.deliver.as_ref(),
            ReadSite::Deliver(&send),
            roles,
            &mut Vec::new(),
        )?;
        if let (Some(list), Some(patterns)) = (&deliver, &draft.deliver) {
            let recognised = std::iter::zip(&list.alternatives, &patterns.any_of);
            let mut nameless = recognised.filter(|(one, _)| one.recognised_by != RecognisedBy::Uid);
            if let Some((_, pattern)) = nameless.next() {
                return Err(Fault::DeliveryWithoutUid.at(pattern.spot().place()));
            }
        }
        check_held("deliver", deliver.as_ref(), &send, &draft.send)?;
        let answer = self.control(draft.answer.as_ref(), roles)?;
        self.texts.names.end_entry()?;
        Ok(MessageType {
            name: draft.name.as_ref().map(|text| text.value.clone()),
            weight: draft.weight.unwrap_or(1),
            to: draft.to.unwrap_or_default(),
            to_sender: draft.to_sender.unwrap_or(true),
            answer,
            has_exact_reply: is_exact(reply.as_ref()),
            reply,
            error,
            part,
            deliver,
            place: draft.send.place(),
            send_place: draft.send.place(),
            send,
        })
    }

    fn push(&mut self, draft: &Draft) -> Result<Option<PushFeed>, ScenarioError> {
        let Some(push) = &draft.push else {
            return Ok(None);
        };
        let any = PatternList {
            alternatives: vec![alternative(
                PatternForm::Text(TextPattern::new(&[PatternPiece::Wild(None)], false)),
                RecognisedBy::Order,
                false,
                None,
            )],
        };
        let roles = self.all_roles();
        let matched = self.patterns(
            push.matched.as_ref(),
            ReadSite::Push,
            roles,
            &mut Vec::new(),
        )?;
        Ok(Some(PushFeed {
            interval: push.interval,
            matched: matched.unwrap_or(any),
        }))
    }

    fn close(&mut self, draft: &Draft) -> Result<Goodbye, ScenarioError> {
        let roles = self.all_roles();
        let close = &draft.close;
        Ok(Goodbye {
            send: self.control(close.send.as_ref(), roles)?,
            code: close.code.unwrap_or(1000),
            expect: self.patterns(
                close.expect.as_ref(),
                ReadSite::Plain,
                roles,
                &mut Vec::new(),
            )?,
        })
    }

    fn patterns(
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

    fn pattern_list(
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
        let (form, pieces, is_echo) = match draft {
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
        let is_binary = is_echo.then_some(self.texts.is_binary);
        Ok(alternative(
            form,
            recognised_by,
            needs_verification,
            is_binary,
        ))
    }
}

fn alternative(
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
    }
}

/// Returns true for a single text without wildcards, whose bytes are all known with the message.
fn is_exact(reply: Option<&PatternList>) -> bool {
    let Some([one]) = reply.map(|list| &list.alternatives[..]) else {
        return false;
    };
    match &one.form {
        PatternForm::Text(text) => one.recognised_by != RecognisedBy::Order && text.is_exact(),
        PatternForm::Json(_) => false,
    }
}

/// A record that belongs to a message is recognised by what the message holds.
fn check_held(
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

/// The beginning of a file.
pub(crate) fn start_of(file: &str) -> crate::source::SourcePlace {
    crate::source::SourcePlace {
        file: file.to_owned(),
        line: 1,
        column: 1,
    }
}
