//! Properties: what is rendered is found again, and bytes of any kind neither panic nor take long.

#![allow(clippy::unwrap_used)]

mod common;

use common::Client;
use proptest::prelude::*;
use scenario::{
    Captures, MessageValues, OneLiner, OneLinerKind, RecordClass, ReplyRole, Scenario,
    ScenarioOptions, ScenarioSource, SentMessage,
};

/// A part of a pattern and the bytes that a server puts there.
#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Anything(String),
    Id,
    Uid,
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let separated = (
        prop::collection::vec(("[a-z{\",:]{1,4}", "[A-Z ]{0,5}"), 0..4),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    separated.prop_map(|(pairs, has_id, id_behind_anything, has_uid)| {
        let mut parts = Vec::new();
        for (literal, filler) in pairs {
            parts.push(Part::Literal(literal));
            parts.push(Part::Anything(filler));
        }
        if has_id || !has_uid {
            if !id_behind_anything {
                parts.push(Part::Literal("#".to_owned()));
            }
            parts.push(Part::Id);
            parts.push(Part::Literal(".".to_owned()));
        }
        if has_uid {
            parts.push(Part::Uid);
        }
        parts
    })
}

fn options(send: &str, reply: &str) -> ScenarioOptions {
    let line = |kind, label: &str, text: &str| OneLiner {
        kind,
        label: label.to_owned(),
        text: text.to_owned(),
    };
    ScenarioOptions {
        one_liners: vec![
            line(OneLinerKind::Send, "send", send),
            line(OneLinerKind::Reply, "reply", reply),
        ],
        ..ScenarioOptions::default()
    }
}

fn reply(parts: &[Part], id: u64, uid: &str) -> (String, String) {
    let (mut pattern, mut record) = (String::new(), String::new());
    for part in parts {
        match part {
            Part::Literal(text) => {
                pattern += text;
                record += text;
            }
            Part::Anything(text) => {
                pattern += "${*}";
                record += text;
            }
            Part::Id => {
                pattern += "${id}";
                record += &id.to_string();
            }
            Part::Uid => {
                pattern += "${uid}";
                record += uid;
            }
        }
    }
    (pattern, record)
}

/// Replies to `${id} ${uid} ${pad}`.
const PATTERNS: [&str; 8] = [
    r#"reply = { json = { "/id" = "${id}", "/p" = "${pad}" } }
       error = { json = { "/id" = "${id}", "/error" = "${*}" } }"#,
    r#"reply = [{ json = { "/none" = "${id}" } }, { json = { "/id" = "${id}", "/p" = "${pad}", "/d" = '{"a":"${uid}-${pad}","n":${id}}' } }]"#,
    r#"reply = { json = { "/id" = "${id}", "/p" = "${pad}" } }
       error = { json = { "/id" = "${id}", "/p" = "${*}a${*}" } }"#,
    r#"reply = { json = { "/id" = "${*}${id}", "/p" = "${pad}" } }"#,
    r#"reply = { json = { "/d/a" = "${uid}-${pad}", "/d" = "${*}" } }"#,
    r#"reply = { json = { "/d" = "${*}${pad}${*}", "/id" = "${id}" } }"#,
    r#"reply = { json = { "/d" = '{"a":"${uid}-${pad}","n":${id}}', "/d/n" = "${id}", "/id" = "${*}" } }"#,
    r#"reply = { json = { "/p" = "${pad}" } }"#,
];

/// A way in which a server writes its replies.
#[derive(Debug, Clone)]
struct Layout {
    /// Members, in which `I`, `U` and `P` in angle brackets stand for values.
    members: Vec<String>,
    /// Patterns that leave nothing open in it, and take it for a reply.
    known_to: Option<usize>,
}

impl Layout {
    fn fill(&self, message: &str) -> String {
        let mut values = message.split(' ');
        let mut next = || values.next().unwrap();
        let text = format!("{{{}}}", self.members.join(","));
        let text = text.replace("<I>", next());
        let text = text.replace("<U>", next());
        text.replace("<P>", next())
    }
}

fn layouts() -> impl Strategy<Value = Layout> {
    let extra = prop::sample::subsequence(
        vec![
            r#""jsonrpc":"2.0""#,
            r#""id":7"#,
            r#""x":[1,{"id":"<I>"}]"#,
            r#""t":"\u00e9 <P>""#,
            r#""error":null"#,
        ],
        0..=4,
    );
    let id = prop::sample::select(vec![
        r#""id":<I>"#,
        r#""id":"<I>""#,
        r#""id": <I>"#,
        r#""i\u0064":<I>"#,
    ]);
    let pad = prop::sample::select(vec![
        r#""p":"<P>""#,
        r#""p":"\u003c<P>""#,
        r#""p":"<P>\u0020""#,
    ]);
    let data = prop::sample::select(vec![
        r#""d":{"a":"<U>-<P>","n":<I>}"#,
        r#""d":{"a":"<U>-<P>", "n":<I>}"#,
        r#""d":{"n":<I>,"a":"<U>-<P>"}"#,
        r#""d":null"#,
    ]);
    (id, pad, data, extra, any::<u64>()).prop_map(|(id, pad, data, extra, order)| {
        let mut members: Vec<String> = extra.iter().map(|member| (*member).to_owned()).collect();

        let place = usize::try_from(order).unwrap_or(0) % (members.len() + 1);
        members.insert(place, data.to_owned());
        members.insert(0, pad.to_owned());
        // Of repeated members the last one counts.
        members.push(id.to_owned());
        let is_known = pad == r#""p":"<P>""#
            && extra
                .iter()
                .all(|member| !member.contains('<') && !member.contains("error"));
        let known_to = match data {
            r#""d":null"# => Some(0),
            r#""d":{"a":"<U>-<P>","n":<I>}"# => Some(1),
            _ => None,
        };
        Layout {
            members,
            known_to: known_to.filter(|_| is_known),
        }
    })
}

fn is_agreeing_reply(class: RecordClass, sent: SentMessage) -> bool {
    matches!(
        class,
        RecordClass::Own { message, role: ReplyRole::Reply, agrees: true, .. } if message == sent
    )
}

proptest! {
    #[test]
    fn a_rendered_reply_is_found_by_its_holes(parts in parts(), before in 0_usize..40) {
        let (pattern, _) = reply(&parts, 0, "");
        let options = options("${id} ${uid} ${pad}", &pattern);
        let scenario = common::parse_source(ScenarioSource::Nothing, &options);
        let mut client = Client::new(scenario, 3, Some(100));
        for _ in 0..=before {
            client.send();
        }
        client.send();
        let message = client.sent.all[before];
        let uid = format!("~{:06x}{:010x}", 3, message.number);
        let (_, record) = reply(&parts, message.id, &uid);
        match client.receive(&record) {
            RecordClass::Own { message: found, agrees: true, .. } => prop_assert_eq!(found, message),
            other => prop_assert!(false, "{:?}: {} in {}", other, pattern, record),
        }
    }

    #[test]
    fn captures_are_what_stood_between_the_literals(
        first in "[A-Z \\x00\\n]{0,9}",
        second in "[A-Z~\\x00]{0,9}",
    ) {
        let text = "[[on]]\nmatch = 'x${a}yz${b}'\nsend = '${len.a} ${b}|${a}'\n[[message]]\nsend = '${uid}'\nreply = '${message}'\n";
        let mut client = Client::of(text);
        let record = format!("x{first}yz{second}");
        prop_assert_eq!(client.receive(&record), RecordClass::On(0));
        let answer = client.scenario.on[0].send.clone().unwrap();
        let expected = format!("{} {second}|{first}", first.len());
        prop_assert_eq!(client.render(&answer, 0, 0), expected.as_bytes());
    }

    #[test]
    fn an_exact_reply_is_the_one_that_the_classification_finds(kind in 0_usize..3, damage in prop::option::of((0_usize..60, 1_u8..)), cut in 0_usize..3, binary: bool) {
        let reply = ["${message}", "<${uid}|${pad}>", "${id} ${uid}"][kind];
        let text = format!("[[message]]\nsend = '${{id}} ${{uid}}${{pad}}'\nreply = '{reply}'\n");
        let mut client = Client::of(&text);
        let message = client.send();
        let (id, rest) = message.split_once(' ').unwrap();
        let (uid, pad) = rest.split_at(17);
        let mut record = [message.clone(), format!("<{uid}|{pad}>"), format!("{id} {uid}")][kind].clone().into_bytes();
        if let Some((at, bits)) = damage && let Some(byte) = record.get_mut(at) {
            *byte ^= bits;
        }
        record.truncate(record.len() - cut);
        let sent = client.sent.all[0];
        let exact = client.is_exact(sent, &record, binary);
        let class = client.receive_as(&record, binary);
        prop_assert_eq!(exact, matches!(class, RecordClass::Own { agrees: true, .. }), "{:?}", class);
    }

    #[test]
    fn a_learned_reply_is_the_one_that_the_classification_finds(
        kind in 0..PATTERNS.len(),
        layout in layouts(),
        before in 1_usize..5,
        damage in prop::option::of((0_usize..150, 1_u8..)),
        size in 0_u64..60,
    ) {
        let text = format!("[[message]]\nsend = '${{id}} ${{uid}} ${{pad}}'\n{}", PATTERNS[kind]);
        let mut client = Client::new(common::parse(&text), 3, Some(size));
        let mut last = RecordClass::Unexpected;
        for _ in 0..before {
            let message = client.send();
            let sent = *client.sent.all.last().unwrap();
            let record = layout.fill(&message);
            let exact = client.is_exact(sent, record.as_bytes(), false);
            let class = client.receive(&record);
            prop_assert!(!exact || is_agreeing_reply(class, sent), "{class:?}: {record}");
            client.sent.end(sent);
            last = class;
        }
        let message = client.send();
        let sent = *client.sent.all.last().unwrap();
        let mut record = layout.fill(&message).into_bytes();
        if let Some((at, bits)) = damage && let Some(byte) = record.get_mut(at) {
            *byte ^= bits;
        }
        let exact = client.is_exact(sent, &record, false);
        let class = client.receive(&record);
        let agrees = is_agreeing_reply(class, sent);
        prop_assert!(!exact || agrees, "{class:?}: {}", String::from_utf8_lossy(&record));
        let is_learned = damage.is_none() && layout.known_to == Some(kind);
        prop_assert!(exact || !is_learned, "{last:?} {class:?}: {}", String::from_utf8_lossy(&record));
    }

    #[test]
    fn a_message_can_be_written_in_parts(size in 30_u64..200, cut in 0_u64..220, number in 0_u64..1000) {
        let client = Client::new(common::parse("[vars]\nb = '${uid}${pad}'\n[[message]]\nsend = '${len.b:varint}${id} ${b} ${int:1..9999}${pick:a|bcd}'\nreply = '${*}'\n".replacen("[vars]", "binary = true\n[vars]", 1).as_str()), 3, Some(size));
        let template = &client.scenario.messages[0].send;
        let whole = client.render(template, number, number);
        let values = MessageValues {
            client: &client.state,
            sender: client.state.client(),
            number,
            id: number,
            wall_ns: 0,
            captures: Captures::none(),
            padding: &client.padding,
        };
        let filled = template.fill(&values);
        let mut parts = Vec::new();
        filled.write_range(0..cut, &mut parts);
        filled.write_range(cut..u64::MAX, &mut parts);
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn any_bytes_are_classified_without_panic(record: Vec<u8>, pattern in r"(\$\{(\*|id|uid|pad|message|id:u16)\}|[a~0 ]){0,8}") {
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let options = options("${id}${uid}${pad}", &pattern);
        let scenario = Scenario::parse(ScenarioSource::Nothing, &options, &no_files);
        if let Ok(scenario) = scenario {
            let mut client = Client::new(scenario, 3, Some(40));
            client.send();
            client.receive(&record);
            let groups = pattern.len() as u64 + 1;
            prop_assert!(client.scratch.tries() <= 2 * groups * (record.len() as u64 + 1));
        }
    }

    #[test]
    fn any_text_is_refused_or_accepted_without_panic(text in r#"(\[\[(setup|on|message|every)\]\]|\[vars\]|(send|reply|match|expect|deliver|interval|a) = ('[^'\n]{0,12}'|"[^"\n]{0,12}"|\{ json = \{ "/a" = "[a-z${}*]{0,8}" \} \}|"1s"|[0-9])|\n){0,12}"#) {
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let source = ScenarioSource::File { name: "f.toml", text: &text };
        if let Err(error) = Scenario::parse(source, &ScenarioOptions::default(), &no_files) {
            prop_assert!(error.to_string().starts_with("f.toml:"), "{}", error);
        }
    }
}
