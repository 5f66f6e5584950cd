//! Drafts printed as scenario files.

use std::fmt::Write;

use units::typed_duration;

use crate::draft::{
    DeliverTo, Draft, HeaderDraft, MessageDraft, PatternDraft, PatternsDraft, RecordFormat,
    RoleCount, RoleNames,
};
use crate::source::SpottedText;

/// Prints a merged draft as a file of its own. Values of secret vars are left out unless empty, so that these must be
/// set. Entries for roles that another file replaced are left out, too.
pub(crate) fn print_draft(draft: &Draft) -> String {
    let role_names = match &draft.roles[..] {
        [] => vec!["client".to_owned()],
        roles => roles.iter().map(|role| role.name.clone()).collect(),
    };
    let mut file = FilePrinter {
        text: String::new(),
        role_names,
    };
    file.text("about", draft.about.as_ref());
    file.text("url", draft.url.as_ref());
    match &draft.records {
        None => {}
        Some(RecordFormat::Message) => file.line("records", "\"message\""),
        Some(RecordFormat::Nats) => file.line("records", "\"nats\""),
        Some(RecordFormat::Mqtt) => file.line("records", "\"mqtt\""),
        Some(RecordFormat::Until(end)) => {
            let end = quoted(&String::from_utf8_lossy(end));
            file.line("records", &format!("{{ until = {end} }}"));
        }
    }
    file.flag("binary", draft.binary);
    print_handshake(draft, &mut file);
    print_vars(draft, &mut file);
    if !draft.data.is_empty() {
        file.section("[data]");
        for (name, path) in &draft.data {
            file.text(&key(name), Some(path));
        }
    }
    print_roles(draft, &mut file);
    print_conversation(draft, &mut file);
    for message in &draft.messages {
        print_message(message, &mut file);
    }
    if let Some(push) = &draft.push {
        file.section("[push]");
        file.patterns("match", push.matched.as_ref());
        file.duration("interval", push.interval);
    }
    let close = &draft.close;
    if close.send.is_some() || close.expect.is_some() || close.code.is_some() {
        file.section("[close]");
        file.text("send", close.send.as_ref());
        file.patterns("expect", close.expect.as_ref());
        if let Some(code) = close.code {
            file.line("code", &code.to_string());
        }
    }
    file.text
}

/// Prints what is said besides the load.
fn print_conversation(draft: &Draft, file: &mut FilePrinter) {
    for step in &draft.setup {
        if !file.has_roles(&step.role) {
            continue;
        }
        file.section("[[setup]]");
        file.roles(&step.role);
        file.text("send", step.send.as_ref());
        file.patterns("expect", step.expect.as_ref());
        file.patterns("refuse", step.refuse.as_ref());
        file.duration("wait", step.wait);
        file.duration("within", step.within);
    }
    for rule in &draft.on {
        if !file.has_roles(&rule.role) {
            continue;
        }
        file.section("[[on]]");
        file.text("name", rule.name.as_ref());
        file.roles(&rule.role);
        file.patterns("match", Some(&rule.matched));
        file.text("send", rule.send.as_ref());
        file.flag("error", rule.error.then_some(true));
    }
    for beat in &draft.every {
        if !file.has_roles(&beat.role) {
            continue;
        }
        file.section("[[every]]");
        file.roles(&beat.role);
        file.duration("interval", Some(beat.interval));
        file.text("send", Some(&beat.send));
    }
}

fn print_handshake(draft: &Draft, file: &mut FilePrinter) {
    if draft.headers.is_empty() && draft.subprotocols.is_none() && draft.origin.is_none() {
        return;
    }
    file.section("[handshake]");
    if let Some(subprotocols) = &draft.subprotocols {
        let texts: Vec<_> = subprotocols
            .iter()
            .map(|text| quoted(&text.value))
            .collect();
        file.line("subprotocols", &format!("[{}]", texts.join(", ")));
    }
    file.text("origin", draft.origin.as_ref());
    if !draft.headers.is_empty() {
        let header = |(name, header): &(String, HeaderDraft)| {
            format!("{} = {}", key(name), quoted(&header.value.value))
        };
        let headers: Vec<_> = draft.headers.iter().map(header).collect();
        file.line("headers", &format!("{{ {} }}", headers.join(", ")));
    }
}

fn print_vars(draft: &Draft, file: &mut FilePrinter) {
    if draft.vars.is_empty() {
        return;
    }
    file.section("[vars]");
    for (name, var) in &draft.vars {
        let value = var
            .value
            .as_ref()
            // An empty value is not a secret, and without it the var must be set.
            .filter(|text| !var.secret || text.value.is_empty())
            .map(|text| quoted(&text.value));
        if let (Some(value), None, false) = (&value, &var.about, var.secret) {
            file.line(&key(name), value);
            continue;
        }
        let about = var
            .about
            .as_ref()
            .map(|about| format!("about = {}", quoted(about)));
        let value = value.map(|value| format!("value = {value}"));
        let secret = var.secret.then(|| "secret = true".to_owned());
        let members: Vec<_> = [about, value, secret].into_iter().flatten().collect();
        file.line(&key(name), &format!("{{ {} }}", members.join(", ")));
    }
}

fn print_roles(draft: &Draft, file: &mut FilePrinter) {
    for role in &draft.roles {
        file.section(&format!("[roles.{}]", key(&role.name)));
        match role.count {
            RoleCount::Clients(count) => file.line("count", &count.to_string()),
            RoleCount::Percent(percent) => file.line("count", &format!("\"{percent}%\"")),
            RoleCount::Rest => file.line("count", "\"rest\""),
        }
        file.flag("sends", role.sends);
        file.flag("receives", role.receives);
        if let Some(bytes) = role.read {
            file.line("read", &format!("\"{bytes}/s\""));
        }
        if let Some(bytes) = role.buffer {
            file.line("buffer", &format!("\"{bytes}\""));
        }
    }
}

fn print_message(message: &MessageDraft, file: &mut FilePrinter) {
    file.section("[[message]]");
    file.text("name", message.name.as_ref());
    if let Some(weight) = message.weight {
        file.line("weight", &weight.to_string());
    }
    file.text("send", Some(&message.send));
    file.patterns("error", message.error.as_ref());
    file.patterns("reply", message.reply.as_ref());
    file.patterns("part", message.part.as_ref());
    file.patterns("deliver", message.deliver.as_ref());
    file.text("answer", message.answer.as_ref());
    match message.to {
        None => {}
        Some(DeliverTo::Room) => file.line("to", "\"room\""),
        Some(DeliverTo::All) => file.line("to", "\"all\""),
        Some(DeliverTo::One) => file.line("to", "\"one\""),
    }
    file.flag("to_sender", message.to_sender);
}

struct FilePrinter {
    text: String,
    /// Roles that exist.
    role_names: Vec<String>,
}

impl FilePrinter {
    fn section(&mut self, header: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(header);
        self.text.push('\n');
    }

    fn line(&mut self, key: &str, value: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "{key} = {value}");
    }

    fn text(&mut self, key: &str, text: Option<&SpottedText>) {
        if let Some(text) = text {
            self.line(key, &quoted(&text.value));
        }
    }

    fn flag(&mut self, key: &str, flag: Option<bool>) {
        if let Some(flag) = flag {
            self.line(key, if flag { "true" } else { "false" });
        }
    }

    fn duration(&mut self, key: &str, time: Option<std::time::Duration>) {
        if let Some(time) = time {
            self.line(key, &quoted(&typed_duration(time)));
        }
    }

    /// Returns true for an entry for all roles, or for one that exists.
    fn has_roles(&self, names: &RoleNames) -> bool {
        names.is_empty()
            || names
                .iter()
                .any(|name| self.role_names.contains(&name.value))
    }

    fn roles(&mut self, names: &RoleNames) {
        let known = names
            .iter()
            .filter(|name| self.role_names.contains(&name.value));
        let texts: Vec<_> = known.map(|text| quoted(&text.value)).collect();
        match &texts[..] {
            [] => {}
            [one] => self.line("role", one),
            all => self.line("role", &format!("[{}]", all.join(", "))),
        }
    }

    fn patterns(&mut self, key: &str, patterns: Option<&PatternsDraft>) {
        let Some(patterns) = patterns else {
            return;
        };
        let texts: Vec<_> = patterns.any_of.iter().map(pattern).collect();
        match &texts[..] {
            [one] => self.line(key, one),
            all => self.line(key, &format!("[{}]", all.join(", "))),
        }
    }
}

fn pattern(pattern: &PatternDraft) -> String {
    match pattern {
        PatternDraft::Text(text) => quoted(&text.value),
        PatternDraft::Json { members, .. } => {
            let member = |(pointer, text): &(String, SpottedText)| {
                format!("{} = {}", quoted(pointer), quoted(&text.value))
            };
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{{ json = {{ {} }} }}", members.join(", "))
        }
    }
}

/// A key, quoted where it must be.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A string of TOML: literal where that is possible, so that JSON stays readable.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c != '\'' && (c == '\t' || !c.is_control());
    if text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
