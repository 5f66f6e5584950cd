//! TOML documents read into drafts: keys, types and values are checked here, names are not.

use std::sync::Arc;

use toml_edit::{Document, Item};
use units::parse_count;

use crate::draft::{
    CloseDraft, DeliverTo, Draft, EveryDraft, HeaderDraft, MessageDraft, OnDraft, PushDraft,
    RecordFormat, RoleCount, RoleDraft, SetupDraft, VarDraft,
};
use crate::error::{Fault, ScenarioError};
use crate::holes::{RESERVED, is_name};
use crate::source::SourceText;
use crate::table_reader::TableReader;

const TOP: [&str; 14] = [
    "about",
    "base",
    "url",
    "records",
    "binary",
    "handshake",
    "vars",
    "data",
    "roles",
    "setup",
    "on",
    "every",
    "message",
    "push",
];

/// Reads a file with this name and text.
pub(crate) fn read_draft(name: &str, text: &str) -> Result<Draft, ScenarioError> {
    let source = Arc::new(SourceText {
        name: name.to_owned(),
        text: text.to_owned(),
    });
    let document = Document::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Fault::Syntax(syntax_fault(&error, text, offset)).at(source.place(offset))
    })?;
    let keys: Vec<&str> = TOP.into_iter().chain(["close"]).collect();
    let top = TableReader::new(&source, document.as_table(), "", 0..text.len(), &keys)?;
    let mut draft = Draft {
        about: top.text("about")?,
        base: top.text("base")?,
        url: top.text("url")?,
        records: read_records(&top)?,
        binary: top.boolean("binary")?,
        ..Draft::default()
    };
    read_handshake(&top, &mut draft)?;
    if let Some(vars) = top.any_table("vars")? {
        draft.vars = read_vars(&vars)?;
    }
    if let Some(data) = top.any_table("data")? {
        draft.data = data.all_texts()?;
    }
    if let Some(roles) = top.any_table("roles")? {
        draft.roles = read_roles(&roles)?;
        draft.role_names = draft.roles.iter().map(|role| role.name.clone()).collect();
    }
    read_entries(&top, &mut draft)?;
    if let Some(push) = top.table("push", &["match", "interval"])? {
        draft.push = Some(PushDraft {
            matched: push.patterns("match")?,
            interval: push.duration("interval")?,
            spot: push.spot.clone(),
        });
    }
    if let Some(close) = top.table("close", &["send", "expect", "code"])? {
        draft.close = read_close(&close)?;
    }
    Ok(draft)
}

fn read_handshake(top: &TableReader, draft: &mut Draft) -> Result<(), ScenarioError> {
    if let Some(table) = top.table("handshake", &["headers", "subprotocols", "origin"])? {
        if let Some(headers) = table.any_table("headers")? {
            for (key, _) in headers.entries() {
                if let Some(value) = headers.text(key.get())? {
                    let spot = headers.spot(key.span());
                    let header = HeaderDraft { value, spot };
                    draft.headers.push((key.get().to_owned(), header));
                }
            }
        }
        draft.subprotocols = table.texts("subprotocols")?;
        draft.origin = table.text("origin")?;
    }
    Ok(())
}

/// Reads the lists of steps, rules, heartbeats and messages.
fn read_entries(top: &TableReader, draft: &mut Draft) -> Result<(), ScenarioError> {
    let setup = top.tables(
        "setup",
        &["role", "send", "expect", "refuse", "wait", "within"],
    )?;
    draft.setup = setup.iter().map(read_setup).collect::<Result<_, _>>()?;
    let on = top.tables("on", &["name", "role", "match", "send", "error"])?;
    draft.on = on.iter().map(read_on).collect::<Result<_, _>>()?;
    let every = top.tables("every", &["interval", "send", "role"])?;
    draft.every = every.iter().map(read_every).collect::<Result<_, _>>()?;
    let keys = [
        "name",
        "weight",
        "send",
        "reply",
        "error",
        "part",
        "deliver",
        "to",
        "to_sender",
        "answer",
    ];
    let messages = top.tables("message", &keys)?;
    draft.messages = messages
        .iter()
        .map(read_message)
        .collect::<Result<_, _>>()?;
    Ok(())
}

/// The parser's report in one line. A line break within a string is named as such.
fn syntax_fault(error: &toml_edit::TomlError, text: &str, offset: usize) -> String {
    match text[offset..].chars().next() {
        Some('\n') if error.message().contains("string") => "Illegal character '\\n'".to_owned(),
        _ => error.message().replace('\n', ", "),
    }
}

fn read_records(top: &TableReader) -> Result<Option<RecordFormat>, ScenarioError> {
    let Some(item) = top.item("records") else {
        return Ok(None);
    };
    let wanted = "\"message\", \"nats\", \"mqtt\" or { until = \"…\" }";
    if item.is_table_like() {
        let Some(table) = top.table("records", &["until"])? else {
            return Ok(None);
        };
        let until = table.text("until")?.filter(|text| !text.value.is_empty());
        let until = until.ok_or_else(|| top.type_fault("records", wanted))?;
        return Ok(Some(RecordFormat::Until(until.value.into_bytes())));
    }
    match item.as_str() {
        Some("message") => Ok(Some(RecordFormat::Message)),
        Some("nats") => Ok(Some(RecordFormat::Nats)),
        Some("mqtt") => Ok(Some(RecordFormat::Mqtt)),
        _ => Err(top.type_fault("records", wanted)),
    }
}

fn read_vars(vars: &TableReader) -> Result<Vec<(String, VarDraft)>, ScenarioError> {
    let mut read = Vec::new();
    for (key, item) in vars.entries() {
        let name = key.get();
        let spot = vars.spot(key.span());
        if !is_name(name) {
            return Err(Fault::NoName(name.to_owned()).at(spot.place()));
        }
        if RESERVED.contains(&name) {
            return Err(Fault::Reserved(name.to_owned()).at(spot.place()));
        }
        let var = if item.is_table_like() {
            let table = vars.table(name, &["value", "about", "secret"])?;
            let table = table.ok_or_else(|| vars.type_fault(name, "a text or a table"))?;
            VarDraft {
                value: table.text("value")?,
                about: table.text("about")?.map(|text| text.value),
                secret: table.boolean("secret")?.unwrap_or(false),
            }
        } else {
            let value = vars.text(name)?;
            VarDraft {
                value,
                about: None,
                secret: false,
            }
        };
        read.push((name.to_owned(), var));
    }
    Ok(read)
}

fn read_roles(roles: &TableReader) -> Result<Vec<RoleDraft>, ScenarioError> {
    let mut read = Vec::new();
    for (key, _) in roles.entries() {
        let name = key.get();
        let table = roles.table(name, &["count", "sends", "receives", "read", "buffer"])?;
        let table = table.ok_or_else(|| roles.type_fault(name, "a table"))?;
        read.push(RoleDraft {
            name: name.to_owned(),
            count: match table.item("count") {
                Some(item) => read_count(&table, item)?,
                None => RoleCount::Rest,
            },
            sends: table.boolean("sends")?,
            receives: table.boolean("receives")?,
            read: table.size("read", "/s", "bytes per second such as \"4KiB/s\"")?,
            buffer: table.size("buffer", "", "a size such as \"4KiB\"")?,
            sends_spot: table.item_spot("sends"),
            read_spot: table.item_spot("read"),
        });
    }
    Ok(read)
}

fn read_count(table: &TableReader, item: &Item) -> Result<RoleCount, ScenarioError> {
    let count = match (item.as_integer(), item.as_str()) {
        (Some(count), _) => u64::try_from(count).ok().map(RoleCount::Clients),
        (None, Some(text)) => parse_role_count(text),
        _ => None,
    };
    count.ok_or_else(|| table.type_fault("count", "a number, a share such as \"5%\", or \"rest\""))
}

/// Reads a number of clients, a percentage, or `rest`.
pub(crate) fn parse_role_count(text: &str) -> Option<RoleCount> {
    if text == "rest" {
        return Some(RoleCount::Rest);
    }
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f64 = percent.parse().ok()?;
        return (0.0..=100.0)
            .contains(&percent)
            .then_some(RoleCount::Percent(percent));
    }
    parse_count(text).ok().map(RoleCount::Clients)
}

fn read_setup(table: &TableReader) -> Result<SetupDraft, ScenarioError> {
    let step = SetupDraft {
        role: table.roles()?,
        send: table.text("send")?,
        expect: table.patterns("expect")?,
        refuse: table.patterns("refuse")?,
        wait: table.duration("wait")?,
        within: table.duration("within")?,
        spot: table.spot.clone(),
    };
    if step.send.is_none() && step.expect.is_none() && step.wait.is_none() {
        return Err(table.missing("send`, `expect` or `wait"));
    }
    Ok(step)
}

fn read_on(table: &TableReader) -> Result<OnDraft, ScenarioError> {
    Ok(OnDraft {
        name: table.text("name")?,
        role: table.roles()?,
        matched: table
            .patterns("match")?
            .ok_or_else(|| table.missing("match"))?,
        send: table.text("send")?,
        error: table.boolean("error")?.unwrap_or(false),
    })
}

fn read_every(table: &TableReader) -> Result<EveryDraft, ScenarioError> {
    let interval = table
        .duration("interval")?
        .ok_or_else(|| table.missing("interval"))?;
    if interval.is_zero() {
        return Err(table.type_fault("interval", "above zero"));
    }
    Ok(EveryDraft {
        role: table.roles()?,
        interval,
        send: table.text("send")?.ok_or_else(|| table.missing("send"))?,
    })
}

fn read_message(table: &TableReader) -> Result<MessageDraft, ScenarioError> {
    let weight = match table.item("weight") {
        None => None,
        Some(item) => match item.as_integer().map(u64::try_from) {
            Some(Ok(weight @ 1..=1_000_000)) => Some(weight),
            _ => return Err(table.type_fault("weight", "a number from 1 to 1,000,000")),
        },
    };
    let to = match table.text("to")? {
        None => None,
        Some(text) => Some(match text.value.as_str() {
            "room" => DeliverTo::Room,
            "all" => DeliverTo::All,
            "one" => DeliverTo::One,
            _ => return Err(table.type_fault("to", "\"room\", \"all\" or \"one\"")),
        }),
    };
    Ok(MessageDraft {
        name: table.text("name")?,
        weight,
        send: table.text("send")?.ok_or_else(|| table.missing("send"))?,
        reply: table.patterns("reply")?,
        error: table.patterns("error")?,
        part: table.patterns("part")?,
        deliver: table.patterns("deliver")?,
        to,
        to_sender: table.boolean("to_sender")?,
        answer: table.text("answer")?,
    })
}

fn read_close(table: &TableReader) -> Result<CloseDraft, ScenarioError> {
    let code = match table.item("code") {
        None => None,
        Some(item) => match item.as_integer().map(u16::try_from) {
            Some(Ok(code @ (1000..=1003 | 1007..=1014 | 3000..=4999))) => Some(code),
            _ => {
                return Err(table.type_fault("code", "a close code that may be sent, such as 1000"));
            }
        },
    };
    Ok(CloseDraft {
        send: table.text("send")?,
        expect: table.patterns("expect")?,
        code,
    })
}
