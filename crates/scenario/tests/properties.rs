//! Properties: what is rendered is found again, and bytes of any kind neither panic nor take long.

#![allow(clippy::unwrap_used)]

mod common;

use common::Client;
use proptest::prelude::*;
use scenario::{
    Captures, MessageValues, OneLiner, OneLinerKind, ReceivedRecord, RecordClass, Scenario,
    ScenarioOptions, ScenarioSource,
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
        let received = ReceivedRecord { bytes: &record, is_binary: binary };
        let values = MessageValues {
            client: &client.state,
            sender: client.state.client(),
            number: 0,
            id: 1,
            wall_ns: 0,
            captures: Captures::none(),
            padding: &client.padding,
        };
        let exact = client.scenario.is_exact_reply(received, 0, &values);
        let class = client.receive_as(&record, binary);
        prop_assert_eq!(exact, matches!(class, RecordClass::Own { agrees: true, .. }), "{:?}", class);
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
