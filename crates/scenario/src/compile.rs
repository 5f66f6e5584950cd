//! Drafts compiled to scenarios: names resolved, patterns and templates compiled, the whole checked.

use crate::draft::{
    Draft, MessageDraft, OnDraft, PatternDraft, PatternsDraft, RecordFormat, RoleDraft, RoleNames,
    SetupDraft, VarDraft, check_names,
};
use crate::error::{Fault, ScenarioError, Suggestion};
use crate::holes::{Hole, LexedPart, lex};
use crate::json::PointerSet;
use crate::names::Names;
use crate::parts::{
    Goodbye, HandshakeHeader, HandshakeParts, Heartbeat, MAX_ROLES, MessageType, OnRule, PushFeed,
    ReadLimit, SETUP_TIMEOUT, ScenarioRole, ScenarioVar, SetupStep,
};
use crate::pattern::RecognisedBy;
use crate::pattern_compiler::{PatternCompiler, check_held, exact_reply};
use crate::pieces::ReadSite;
use crate::scenario::Scenario;
use crate::source::{SourcePlace, Spot, SpottedText};
use crate::tables::Tables;
use crate::template::Template;
use crate::texts::{SendSite, TextCompiler};

/// Receive buffer of a slow consumer, in bytes.
const SLOW_BUFFER: u64 = 4096;

/// The compiler of one scenario.
struct Compiler {
    patterns: PatternCompiler,
    roles: Vec<ScenarioRole>,
    role_names: Vec<String>,
}

/// Compiles a merged draft under this name.
pub(crate) fn compile(
    name: &str,
    draft: &Draft,
    tables: Tables,
    merged: String,
    end: &SourcePlace,
) -> Result<Scenario, ScenarioError> {
    if draft.messages.is_empty() && draft.push.is_none() {
        return Err(Fault::Empty.at(end.clone()));
    }
    let mut compiler = Compiler::new(draft, &tables, end)?;
    compiler.declare_captures(&draft.setup)?;
    let url = draft.url.as_ref();
    let url_source = url.map(|text| (text.place(), text.value.clone()));
    let url = url.map(|text| compiler.fixed_text(text)).transpose()?;
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
    let setup_pointers = PointerSet::new(&std::mem::take(&mut compiler.patterns.pointers));
    let messages = compiler.messages(&draft.messages)?;
    let on = compiler.on_rules(&draft.on)?;
    let every = compiler.every(draft)?;
    let push = compiler.push(draft)?;
    let close = compiler.close(draft)?;
    let load_pointers = PointerSet::new(&std::mem::take(&mut compiler.patterns.pointers));
    let names = &compiler.patterns.texts.names;
    names.check_captures()?;
    Ok(Scenario {
        name: name.to_owned(),
        about: draft.about.as_ref().map(|text| text.value.clone()),
        url,
        url_source,
        records: draft.records.clone().unwrap_or(RecordFormat::Message),
        binary: compiler.patterns.texts.is_binary,
        handshake,
        setup,
        on,
        every,
        messages,
        push,
        close,
        merged,
        vars: draft.vars.iter().map(var).collect(),
        secrets: secrets(draft)?,
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
        sends_place: draft.sends_spot.as_ref().map(Spot::place),
        read_place: draft.read_spot.as_ref().map(Spot::place),
    }
}

fn var((name, var): &(String, VarDraft)) -> ScenarioVar {
    ScenarioVar {
        name: name.clone(),
        value: var.value.as_ref().map(|text| text.value.clone()),
        about: var.about.clone(),
        secret: var.secret,
    }
}

/// The literals of all secret vars. Punctuation beside holes is not secret, and stands in many other texts.
fn secrets(draft: &Draft) -> Result<Vec<Vec<u8>>, ScenarioError> {
    let mut secrets = Vec::new();
    let vars = draft.vars.iter().filter(|(_, var)| var.secret);
    for text in vars.filter_map(|(_, var)| var.value.as_ref()) {
        let parts = lex(text)?;
        let is_whole = parts.len() == 1;
        for part in parts {
            if let LexedPart::Literal(bytes) = part
                && (is_whole || !bytes.iter().all(u8::is_ascii_punctuation))
            {
                secrets.push(bytes);
            }
        }
    }
    Ok(secrets)
}

impl Compiler {
    fn new(draft: &Draft, tables: &Tables, end: &SourcePlace) -> Result<Self, ScenarioError> {
        let mut roles: Vec<_> = draft.roles.iter().map(role).collect();
        if roles.len() > MAX_ROLES {
            return Err(Fault::TooMany {
                limit: MAX_ROLES,
                what: "roles",
            }
            .at(end.clone()));
        }
        // All clients are `client` where the file has no roles.
        let client = RoleDraft {
            name: "client".to_owned(),
            ..RoleDraft::default()
        };
        if roles.is_empty() {
            roles.push(role(&client));
        }
        let texts = TextCompiler {
            names: Names::new(&draft.vars, tables.clone())?,
            is_binary: draft.binary.unwrap_or(false),
        };
        Ok(Self {
            patterns: PatternCompiler {
                texts,
                pointers: Vec::new(),
            },
            roles,
            role_names: [&draft.role_names[..], &[client.name]].concat(),
        })
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
                        self.patterns.texts.names.declare_capture(&name);
                    }
                }
            }
        }
        Ok(())
    }

    /// A text that is fixed for a client before it connects.
    fn fixed_text(&mut self, text: &SpottedText) -> Result<Template, ScenarioError> {
        let roles = self.all_roles();
        let is_binary = std::mem::replace(&mut self.patterns.texts.is_binary, false);
        let texts = &mut self.patterns.texts;
        let template = texts.template(text, SendSite::Fixed, roles);
        self.patterns.texts.is_binary = is_binary;
        template
    }

    fn handshake(&mut self, draft: &Draft) -> Result<HandshakeParts, ScenarioError> {
        let mut parts = HandshakeParts::default();
        for (name, header) in &draft.headers {
            let header = self.header(name, &header.value, header.spot.place())?;
            parts.headers.push(header);
        }
        for text in draft.subprotocols.iter().flatten() {
            if text.value.contains("${") {
                let fault = "a subprotocol is a fixed name: `${…}` is not replaced here";
                return Err(Fault::Value(fault.to_owned()).at(text.place()));
            }
            parts.subprotocols.push(text.value.clone());
        }
        let first = draft.subprotocols.iter().flatten().next();
        parts.subprotocols_place = first.map(SpottedText::place);
        let origin = draft.origin.as_ref();
        let origin = origin.map(|text| self.header("Origin", text, text.place()));
        parts.origin = origin.transpose()?;
        Ok(parts)
    }

    fn header(
        &mut self,
        name: &str,
        value: &SpottedText,
        place: SourcePlace,
    ) -> Result<HandshakeHeader, ScenarioError> {
        Ok(HandshakeHeader {
            name: name.to_owned(),
            value: self.fixed_text(value)?,
            place,
        })
    }

    fn control(
        &mut self,
        text: Option<&SpottedText>,
        roles: u64,
    ) -> Result<Option<Template>, ScenarioError> {
        text.map(|text| self.patterns.texts.template(text, SendSite::Control, roles))
            .transpose()
    }

    fn setup_step(&mut self, draft: &SetupDraft) -> Result<SetupStep, ScenarioError> {
        let roles = self.role_bits(&draft.role)?;
        let send = self.control(draft.send.as_ref(), roles)?;
        let mut read = Vec::new();
        let expect =
            self.patterns
                .patterns(draft.expect.as_ref(), ReadSite::Expect, roles, &mut read)?;
        let refuse = self.patterns.patterns(
            draft.refuse.as_ref(),
            ReadSite::Plain,
            roles,
            &mut Vec::new(),
        )?;
        self.patterns.texts.names.complete_step(&read, roles);
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
            self.patterns.texts.names.begin_entry();
            let matched =
                self.patterns
                    .pattern_list(&draft.matched, ReadSite::On, roles, &mut Vec::new())?;
            let send = self.control(draft.send.as_ref(), roles)?;
            self.patterns.texts.names.end_entry()?;
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
            let send = self
                .patterns
                .texts
                .template(&beat.send, SendSite::Control, roles)?;
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
            if !is_first || message.error.is_some() {
                message.exact_reply = None;
            }
            messages.push(message);
        }
        check_names(drafts)?;
        Ok(messages)
    }

    fn message(&mut self, draft: &MessageDraft) -> Result<MessageType, ScenarioError> {
        let roles = self.all_roles();
        self.patterns.texts.names.begin_entry();
        let send = self
            .patterns
            .texts
            .template(&draft.send, SendSite::Message, roles)?;
        let own = |this: &mut Self, key, patterns: Option<&PatternsDraft>| {
            let list =
                this.patterns
                    .patterns(patterns, ReadSite::Own(&send), roles, &mut Vec::new())?;
            check_held(key, list.as_ref(), &send, &draft.send)?;
            Ok::<_, ScenarioError>(list)
        };
        let error = own(self, "error", draft.error.as_ref())?;
        let reply = own(self, "reply", draft.reply.as_ref())?;
        let part = own(self, "part", draft.part.as_ref())?;
        let deliver = self.patterns.patterns(
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
        self.patterns.texts.names.end_entry()?;
        Ok(MessageType {
            name: draft.name.as_ref().map(|text| text.value.clone()),
            weight: draft.weight.unwrap_or(1),
            to: draft.to.unwrap_or_default(),
            to_sender: draft.to_sender.unwrap_or(true),
            answer,
            exact_reply: exact_reply(reply.as_ref(), &send),
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
        let roles = self.all_roles();
        let matched = self.patterns.patterns(
            push.matched.as_ref(),
            ReadSite::Push,
            roles,
            &mut Vec::new(),
        )?;
        let matched = matched.ok_or_else(|| {
            Fault::MissingKey {
                section: "push".to_owned(),
                key: "match",
            }
            .at(push.spot.place())
        })?;
        Ok(Some(PushFeed {
            interval: push.interval,
            matched,
            place: push.spot.place(),
        }))
    }

    fn close(&mut self, draft: &Draft) -> Result<Goodbye, ScenarioError> {
        let roles = self.all_roles();
        let close = &draft.close;
        Ok(Goodbye {
            send: self.control(close.send.as_ref(), roles)?,
            code: close.code.unwrap_or(1000),
            expect: self.patterns.patterns(
                close.expect.as_ref(),
                ReadSite::Plain,
                roles,
                &mut Vec::new(),
            )?,
        })
    }
}

/// The beginning of a file.
pub(crate) fn start_of(file: &str) -> SourcePlace {
    SourcePlace {
        file: file.to_owned(),
        line: 1,
        column: 1,
    }
}
