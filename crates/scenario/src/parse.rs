//! A scenario from its file, the files that it builds on, and options.

use crate::compile::{compile, start_of};
use crate::document::{parse_role_count, read_draft};
use crate::draft::{
    Draft, MessageDraft, OnDraft, PatternDraft, PatternsDraft, RoleDraft, SetupDraft,
};
use crate::error::{Fault, ScenarioError, Suggestion};
use crate::presets::{PRESETS, preset_text};
use crate::print::print_draft;
use crate::scenario::Scenario;
use crate::source::SpottedText;
use crate::tables::Tables;

/// Reader of the files that a scenario names.
pub trait FileLoader {
    /// Returns the text of a file. `beside` is the name of the file that names it, so that relative paths
    /// can begin there; `None` when it was given beside the scenario.
    ///
    /// # Errors
    /// A reason in one line, without the name.
    fn load(&self, name: &str, beside: Option<&str>) -> Result<String, String>;

    /// Name of a file for errors, and for the files that it names in turn.
    fn resolve(&self, name: &str, _beside: Option<&str>) -> String {
        name.to_owned()
    }
}

impl<F: Fn(&str, Option<&str>) -> Result<String, String>> FileLoader for F {
    fn load(&self, name: &str, beside: Option<&str>) -> Result<String, String> {
        self(name, beside)
    }
}

/// The file to begin with.
#[derive(Debug, Clone, Copy)]
pub enum ScenarioSource<'a> {
    /// A scenario file and its name.
    File {
        /// Name, as it is shown in errors.
        name: &'a str,
        /// Content.
        text: &'a str,
    },
    /// A shipped scenario.
    Preset(&'a str),
    /// No file: the one-liners build it.
    Nothing,
}

/// Something that is given in one line beside the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneLiner {
    /// Effect on the scenario.
    pub kind: OneLinerKind,
    /// Name for errors, such as that of a flag.
    pub label: String,
    /// Template or pattern; for [`OneLinerKind::On`] both, with ` => ` between them.
    pub text: String,
}

/// Effect of a one-liner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneLinerKind {
    /// The message of the load.
    Send,
    /// Reply to the message.
    Reply,
    /// Delivery of the message.
    Deliver,
    /// Records to ignore.
    Ignore,
    /// Records to answer.
    On,
    /// A message before the load.
    First,
    /// A record to wait for before the load; that of the message before, if there is one.
    WaitFor,
}

/// Values, tables and one-liners that are given besides the file.
#[derive(Debug, Clone, Default)]
pub struct ScenarioOptions {
    /// Vars: name, label for errors, and text.
    pub set: Vec<VarSetting>,
    /// CSV tables: name and file.
    pub data: Vec<(String, String)>,
    /// Clients behind the last row of a table begin again with the first.
    pub data_wrap: bool,
    /// Numbers of clients of roles, as in a file's `count`.
    pub roles: Vec<(String, String)>,
    /// One-liners in their order.
    pub one_liners: Vec<OneLiner>,
}

/// Name of a scenario without a file, which is made of one-liners.
pub const ONE_LINERS: &str = "one-liners";

/// A value for a var.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VarSetting {
    /// Name of the var.
    pub name: String,
    /// Name for errors, such as that of a flag.
    pub label: String,
    /// Template.
    pub text: String,
}

impl Scenario {
    /// Reads, checks and compiles a scenario. Vars and tables may still be missing: see
    /// [`check_complete`](Self::check_complete).
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(
        source: ScenarioSource,
        options: &ScenarioOptions,
        loader: &dyn FileLoader,
    ) -> Result<Self, ScenarioError> {
        let (name, file, own) = match source {
            ScenarioSource::File { name, text } => (stem(name), name, read_draft(name, text)?),
            ScenarioSource::Preset(name) => (name, name, preset_draft(name)?),
            ScenarioSource::Nothing => (ONE_LINERS, "", Draft::default()),
        };
        let mut draft = with_bases(own, loader)?;
        for setting in &options.set {
            set_var(&mut draft, setting)?;
        }
        for (role, count) in &options.roles {
            set_role(&mut draft, role, count)?;
        }
        apply_one_liners(&mut draft, &options.one_liners)?;
        let tables = load_tables(&mut draft, options, loader)?;
        let merged = print_draft(&draft);
        compile(name, &draft, tables, merged, &start_of(file))
    }
}

/// Name of a file without folders and ending.
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.strip_suffix(".toml").unwrap_or(name)
}

fn preset_draft(name: &str) -> Result<Draft, ScenarioError> {
    match preset_text(name) {
        Some(text) => read_draft(&preset_file(name), text),
        None => Err(ScenarioError::NotShipped {
            name: name.to_owned(),
            suggestion: nearest_preset(name),
        }),
    }
}

fn preset_file(name: &str) -> String {
    format!("{name}.toml")
}

fn unknown_base(name: &str) -> Fault {
    Fault::UnknownBase {
        name: name.to_owned(),
        suggestion: nearest_preset(name),
    }
}

/// The shipped scenario whose name is nearest.
fn nearest_preset(name: &str) -> Suggestion {
    Suggestion::nearest(name, PRESETS.iter().map(|(name, _)| *name))
}

/// Merges a file with everything that it builds on. A base is a shipped scenario, or a file when its name
/// ends in `.toml`.
fn with_bases(own: Draft, loader: &dyn FileLoader) -> Result<Draft, ScenarioError> {
    let mut chain = vec![own];
    while let Some(base) = chain.last().and_then(|draft| draft.base.clone()) {
        let name = base.value.as_str();
        let beside = base.spot.source.name.clone();
        let draft = match preset_text(name) {
            Some(text) => read_draft(&preset_file(name), text)?,
            None if name.ends_with(".toml") => {
                let text =
                    loader
                        .load(name, Some(&beside))
                        .map_err(|reason| ScenarioError::Load {
                            place: base.place(),
                            name: name.to_owned(),
                            reason,
                        })?;
                read_draft(&loader.resolve(name, Some(&beside)), &text)?
            }
            None => return Err(unknown_base(name).at(base.place())),
        };
        if chain.len() >= MAX_BASES {
            return Err(Fault::BaseLoop(name.to_owned()).at(base.place()));
        }
        chain.push(draft);
    }
    let mut merged = Draft::default();
    while let Some(draft) = chain.pop() {
        merged = draft.onto(merged);
    }
    Ok(merged)
}

/// Longest chain of files that build on each other.
const MAX_BASES: usize = 16;

fn set_var(draft: &mut Draft, setting: &VarSetting) -> Result<(), ScenarioError> {
    let Some((_, var)) = draft
        .vars
        .iter_mut()
        .find(|(name, _)| *name == setting.name)
    else {
        let known = draft.vars.iter().map(|(name, _)| name.as_str());
        let suggestion = Suggestion::nearest(&setting.name, known);
        return Err(ScenarioError::NoSuchVar {
            name: setting.name.clone(),
            suggestion,
        });
    };
    var.value = Some(SpottedText::whole(&setting.label, &setting.text));
    Ok(())
}

fn set_role(draft: &mut Draft, name: &str, count: &str) -> Result<(), ScenarioError> {
    let Some(parsed) = parse_role_count(count) else {
        let wanted = "a number, a share such as 5%, or rest";
        return Err(Fault::HoleArgument {
            text: count.to_owned(),
            wanted,
        }
        .at(start_of(name)));
    };
    if draft.roles.is_empty() && name == "client" {
        draft.roles.push(RoleDraft {
            name: name.to_owned(),
            ..RoleDraft::default()
        });
    }
    let Some(role) = draft.roles.iter_mut().find(|role| role.name == name) else {
        let known = draft.roles.iter().map(|role| role.name.as_str());
        let suggestion = Suggestion::nearest(name, known);
        return Err(ScenarioError::NoSuchRole {
            name: name.to_owned(),
            suggestion,
        });
    };
    role.count = parsed;
    Ok(())
}

fn load_tables(
    draft: &mut Draft,
    options: &ScenarioOptions,
    loader: &dyn FileLoader,
) -> Result<Tables, ScenarioError> {
    let mut tables = Tables::new(options.data_wrap);
    draft
        .data
        .retain(|(name, _)| options.data.iter().all(|(given, _)| given != name));
    for (name, file) in &draft.data {
        let load = loader.load(&file.value, Some(&file.spot.source.name));
        let text = load.map_err(|reason| ScenarioError::Load {
            place: file.place(),
            name: file.value.clone(),
            reason,
        })?;
        tables.add(name, &text)?;
    }
    for (name, file) in &options.data {
        let load = loader.load(file, None);
        let fault = |reason: String| ScenarioError::Table {
            table: name.clone(),
            reason: format!("{file} was not read: {reason}"),
        };
        tables.add(name, &load.map_err(fault)?)?;
        draft
            .data
            .push((name.clone(), SpottedText::whole(name, file)));
    }
    Ok(tables)
}

fn pattern(text: &SpottedText) -> PatternsDraft {
    PatternsDraft {
        any_of: vec![PatternDraft::Text(text.clone())],
        spot: text.spot.clone(),
    }
}

fn apply_one_liners(draft: &mut Draft, lines: &[OneLiner]) -> Result<(), ScenarioError> {
    let (mut rules, mut steps) = (Vec::new(), Vec::<SetupDraft>::new());
    for line in lines {
        let text = SpottedText::whole(&line.label, &line.text);
        match line.kind {
            OneLinerKind::Send => draft.messages = vec![message(text)],
            OneLinerKind::Reply | OneLinerKind::Deliver => {}
            OneLinerKind::Ignore => rules.push(rule(pattern(&text), None)),
            OneLinerKind::On => {
                let Some(arrow) = line.text.find(" => ") else {
                    let wanted = "a pattern and a text with ` => ` between them";
                    let fault = Fault::HoleArgument {
                        text: line.text.clone(),
                        wanted,
                    };
                    return Err(fault.at(text.place()));
                };
                let (matched, send) = (text.part(0..arrow), text.part(arrow + 4..line.text.len()));
                rules.push(rule(pattern(&matched), Some(send)));
            }
            OneLinerKind::First => steps.push(step(Some(text), None)),
            OneLinerKind::WaitFor => match steps.last_mut() {
                Some(last) if last.expect.is_none() => last.expect = Some(pattern(&text)),
                _ => steps.push(step(None, Some(&text))),
            },
        }
    }
    for line in lines {
        let text = SpottedText::whole(&line.label, &line.text);
        let patterns = Some(pattern(&text));
        for message in &mut draft.messages {
            match line.kind {
                OneLinerKind::Reply => message.reply.clone_from(&patterns),
                OneLinerKind::Deliver => message.deliver.clone_from(&patterns),
                _ => {}
            }
        }
    }
    draft.on.splice(0..0, rules);
    draft.setup.extend(steps);
    Ok(())
}

fn message(send: SpottedText) -> MessageDraft {
    MessageDraft {
        name: None,
        weight: None,
        send,
        reply: None,
        error: None,
        part: None,
        deliver: None,
        to: None,
        to_sender: None,
        answer: None,
    }
}

fn rule(matched: PatternsDraft, send: Option<SpottedText>) -> OnDraft {
    OnDraft {
        name: None,
        role: Vec::new(),
        matched,
        send,
        error: false,
    }
}

fn step(send: Option<SpottedText>, expect: Option<&SpottedText>) -> SetupDraft {
    let spot = send.as_ref().or(expect).map(|text| text.spot.clone());
    SetupDraft {
        role: Vec::new(),
        spot: spot.unwrap_or_else(|| SpottedText::whole("", "").spot),
        send,
        expect: expect.map(pattern),
        refuse: None,
        wait: None,
        within: None,
    }
}
