//! Meaning of records: by content, by id, by order; corrupted, repeated, foreign and hostile ones.

#![allow(clippy::unwrap_used)]

mod common;

use common::Client;
use scenario::{RecordClass, SetupClass};

const ECHO: &str = "[[message]]\nsend = '${uid}${pad}'\nreply = '${message}'\n";
const RPC: &str = r#"
[[message]]
send = '{"id":${id},"params":"${pad}"}'
reply = { json = { "/id" = "${id}", "/result" = "${pad}" } }
error = { json = { "/id" = "${id}", "/error" = "${*}" } }
"#;
const SOCKET: &str = r#"
[[on]]
match = '2'
send = '3'
[[message]]
send = '42${id}["echo",{"id":"${uid}","pad":"${pad}"}]'
reply = '43${id}[${*}]'
"#;

#[test]
fn an_echo_is_recognised_by_content_wherever_it_is_altered() {
    let mut client = Client::of(ECHO);
    let first = client.send();
    let second = client.send();
    assert_eq!(first.len(), 60);
    assert_eq!(client.meaning(&first), "reply 0");
    assert_eq!(client.meaning(&second), "reply 1");
    for at in 17..60 {
        let mut altered = second.clone().into_bytes();
        altered[at] = b'!';
        assert_eq!(client.meaning(&altered), "corrupted reply 1", "{at}");
    }
    assert_eq!(client.meaning(&second[..59]), "corrupted reply 1");
    assert_eq!(client.meaning(format!("{second}x")), "corrupted reply 1");
    assert_eq!(client.meaning(format!("x{second}")), "corrupted reply 1");
    let binary = client.receive_as(&second, true);
    assert_eq!(
        common::word(binary),
        "corrupted reply 1",
        "the type of the frame counts"
    );
    let message = client.sent.waiting[1];
    client.sent.end(message);
    assert_eq!(client.meaning(&second), "duplicate reply");
    let foreign = second.replacen("~000003", "~000004", 1);
    assert_eq!(client.meaning(&foreign), "unexpected");
    assert_eq!(
        client.meaning("~0000030000000009"),
        "unexpected",
        "never sent"
    );
    assert_eq!(client.meaning(""), "unexpected");
}

#[test]
fn replies_by_id_come_in_any_order() {
    let mut client = Client::of(RPC);
    let pads: Vec<String> = (0..12)
        .map(|_| client.send().split('"').nth(5).unwrap().to_owned())
        .collect();
    let reply = |id: usize| format!("{{\"result\": \"{}\",\n \"id\": {id}}}", pads[id - 1]);
    assert_eq!(client.meaning(reply(12)), "reply 11");
    assert_eq!(client.meaning(reply(1)), "reply 0");
    assert_eq!(client.meaning(reply(2)), "reply 1");
    assert_eq!(
        client.meaning(r#"{"id":"3","error":{"code":1}}"#),
        "error 2"
    );
    let altered = reply(4).replacen(&pads[3], &pads[3].replace(|_: char| true, "!"), 1);
    assert_eq!(client.meaning(altered), "corrupted reply 3");
    assert_eq!(client.meaning(r#"{"id":13,"result":""}"#), "unexpected");
    assert_eq!(client.meaning(r#"{"id":0,"result":""}"#), "unexpected");
    assert_eq!(client.meaning(r#"{"id":null,"error":""}"#), "unexpected");
    assert_eq!(client.meaning(r#"{"id":4}"#), "unexpected");
    let message = client.sent.waiting[4];
    client.sent.end(message);
    assert_eq!(client.meaning(reply(5)), "duplicate reply");
}

#[test]
fn ids_inside_text_are_not_taken_for_ids() {
    let mut client = Client::of(RPC);
    let pad = client.send().split('"').nth(5).unwrap().to_owned();
    client.send();
    // The id within a string, within another member, and in a nested object.
    for record in [
        r#"{"result":"\"id\":1","idd":1}"#,
        r#"{"x":{"id":1},"result":"a"}"#,
        r#"[{"id":1,"result":"a"}]"#,
        r#"{"id":"1 ","result":"a"}"#,
        r#"{"id":1.0,"result":"a"}"#,
        r#"{"id":01,"result":"a"}"#,
    ] {
        assert_eq!(client.meaning(record), "unexpected", "{record}");
    }
    let nested = format!(r#"{{"x":"\\\",\"id\":2,","result":"{pad}","id":1}}"#);
    assert_eq!(client.meaning(nested), "reply 0");
    // Patterns of bytes: the id stands where the pattern says, not where digits are.
    let mut client = Client::of(SOCKET);
    client.send();
    client.send();
    assert_eq!(client.meaning(r#"431[{"id":"432["}]"#), "reply 0");
    assert_eq!(client.meaning(r#"42["x","431[]"]"#), "unexpected");
    assert_eq!(client.meaning("43[1]"), "unexpected");
    assert_eq!(client.meaning("43001[1]"), "unexpected");
    assert_eq!(client.meaning("4399999999999999999999[1]"), "unexpected");
}

#[test]
fn replies_without_a_key_belong_to_the_oldest_of_their_kind() {
    let text = r#"
[[on]]
match = 'ping${*}'
[[message]]
name = "a"
send = 'a${pad}'
reply = 'ok ${pad}'
error = 'no ${*}'
[[message]]
name = "b"
send = 'b'
reply = 'done'
"#;
    let mut client = Client::of(text);
    let a = String::from_utf8(client.send_kind(0)).unwrap();
    client.send_kind(1);
    client.send_kind(0);
    assert_eq!(client.meaning("done"), "reply 1");
    assert_eq!(client.meaning(format!("ok {}", &a[1..])), "reply 0");
    assert_eq!(client.meaning("ok x"), "corrupted reply 0");
    assert_eq!(client.meaning("no, sorry"), "unexpected");
    assert_eq!(client.meaning("no sorry"), "error 0");
    assert_eq!(client.meaning("ping 1"), "on 0");
    let oldest = client.sent.waiting[0];
    client.sent.end(oldest);
    assert_eq!(
        client.meaning(format!("ok {}", &a[1..])),
        "corrupted reply 2"
    );
    client.sent.waiting.clear();
    assert_eq!(client.meaning("done"), "unexpected");
}

#[test]
fn a_kind_takes_only_replies_to_its_own_messages() {
    let text = r#"
[[message]]
send = '[2,"${id}","M"]'
reply = '[3,"${id}",${*}]'
[[message]]
send = '[2,"${id}","H"]'
reply = '[3,"${id}",{"time":${*}]'
error = '[4,"${id}",${*}]'
"#;
    let mut client = Client::of(text);
    client.send_kind(1);
    client.send_kind(0);
    assert_eq!(
        client.meaning(r#"[3,"1",{}]"#),
        "unexpected",
        "a heartbeat has a time"
    );
    assert_eq!(client.meaning(r#"[3,"1",{"time":1}]"#), "reply 0");
    assert_eq!(client.meaning(r#"[3,"2",{}]"#), "reply 1");
    assert_eq!(client.meaning(r#"[4,"1",{}]"#), "error 0");
    assert_eq!(client.meaning(r#"[4,"2",{}]"#), "unexpected");
}

#[test]
fn error_reply_and_part_are_tried_in_this_order() {
    let text = r#"
[[message]]
send = '${uid}'
part = '${*}${uid}${*}'
reply = 'end ${uid}'
error = 'end ${uid}!'
"#;
    let mut client = Client::of(text);
    let uid = client.send();
    assert_eq!(client.meaning(format!("progress {uid} 50 %")), "part 0");
    assert_eq!(client.meaning(format!("end {uid}")), "reply 0");
    assert_eq!(client.meaning(format!("end {uid}!")), "error 0");
}

#[test]
fn a_delivery_is_known_on_any_connection() {
    let text = r#"
[[message]]
send = '{"from":"c${client}","n":${id},"text":"${uid}${pad}"}'
deliver = { json = { "/type" = "said", "/text" = "${uid}${pad}" } }
"#;
    let mut publisher = Client::new(common::parse(text), 12, Some(90));
    let mut receiver = Client::new(common::parse(text), 3, Some(90));
    let sent = publisher.send();
    assert_eq!(sent.len(), 90);
    let (_, text) = sent.rsplit_once(':').unwrap();
    let delivery = format!(r#"{{"type": "said", "text": {text}"#);
    assert_eq!(receiver.meaning(&delivery), "delivery 12.0");
    assert_eq!(publisher.meaning(&delivery), "delivery 12.0");
    assert_eq!(
        receiver.meaning(delivery.replacen("\"}", "!\"}", 1)),
        "corrupted delivery 12.0"
    );
    assert_eq!(
        receiver.meaning(delivery.replacen("said", "say", 1)),
        "unexpected"
    );
    // A length that is the same for all senders is verified, too.
    let fixed = "[[message]]\nsend = '${uid}${pad}'\ndeliver = '${uid}${pad}'\nanswer = '${*}'\n";
    let mut client = Client::of(&fixed.replace("answer = '${*}'\n", ""));
    let sent = client.send();
    assert_eq!(client.meaning(&sent), "delivery 3.0");
    assert_eq!(client.meaning(&sent[..59]), "corrupted delivery 3.0");
}

#[test]
fn an_answer_uses_what_a_delivery_has_given() {
    let text = "binary = true\n[vars]\ntopic = 'bench/${room}'\n[[message]]\n\
        send = '${uid}${pad}'\ndeliver = '${x:32}${*}${topic}${pid:u16}${uid}${pad}'\n\
        answer = '${x:40 02}${pid}'\n";
    let mut client = Client::of(text);
    let body = client.send();
    let delivery = [b"\x32\x50\x00\x07bench/0\x00\x0a", body.as_bytes()].concat();
    assert_eq!(client.meaning(&delivery), "delivery 3.0");
    let answer = client.scenario.messages[0].answer.clone().unwrap();
    assert_eq!(client.render(&answer, 0, 0), b"\x40\x02\x00\x0a");
}

#[test]
fn a_damaged_delivery_is_answered_with_what_it_has_read() {
    let text = "[[message]]\nsend = '${uid}${pad}'\n\
        deliver = ['got ${tag} ${uid}${pad}', 'old ${tag} ${uid}${pad}']\nanswer = 'ack ${tag}'\n";
    let mut client = Client::of(text);
    let body = client.send();
    let answer = client.scenario.messages[0].answer.clone().unwrap();
    for (damaged, tag) in [
        (format!("got 17 {body}x"), "17"),
        (format!("old 4 {body}x"), "4"),
    ] {
        let meaning = client.meaning(&damaged);
        assert!(
            meaning.ends_with("delivery 3.0") && meaning != "delivery 3.0",
            "{meaning}"
        );
        let answered = client.render(&answer, 0, 0);
        assert_eq!(answered, format!("ack {tag}").as_bytes());
    }
}

#[test]
fn a_rule_answers_with_what_it_has_read() {
    let text = "[[on]]\nmatch = \"MSG svc 3 ${inbox} ${*}\\r\\n${what}\\r\\n\"\n\
        send = \"PUB ${inbox} ${len.what}\\r\\n${what}\\r\\n\"\n[[message]]\nsend = '${uid}'\nreply = '${message}'\n";
    let mut client = Client::of(text);
    assert_eq!(
        client.meaning("MSG svc 3 _INBOX.a.77 12\r\nq\r\n1 and more\r\n"),
        "on 0"
    );
    let send = client.scenario.on[0].send.clone().unwrap();
    assert_eq!(
        client.render(&send, 0, 0),
        b"PUB _INBOX.a.77 13\r\nq\r\n1 and more\r\n"
    );
    assert_eq!(client.meaning("MSG svc 3 a 0\r\n\r\n"), "on 0");
    assert_eq!(client.render(&send, 0, 0), b"PUB a 0\r\n\r\n");
    assert_eq!(client.meaning("MSG svc 4 a 0\r\n\r\n"), "unexpected");
}

#[test]
fn setup_expects_refuses_answers_and_skips() {
    let text = r#"
[[setup]]
send = '{"id":${id}}'
expect = [{ json = { "/id" = "${id}", "/sid" = "${sid}" } }, 'ok ${sid}']
refuse = 'no${*}'
[[setup]]
send = 'use ${sid}'
expect = 'used ${sid}'
[[on]]
match = '2'
[[message]]
send = '${sid}${uid}'
reply = '${message}'
"#;
    let mut client = Client::of(text);
    client.state.take_id();
    assert_eq!(client.setup(0, "hello"), SetupClass::Skipped);
    assert_eq!(client.setup(0, "2"), SetupClass::On(0));
    assert_eq!(
        client.setup(0, r#"{"id":2,"sid":"x"}"#),
        SetupClass::Skipped,
        "of another step"
    );
    assert_eq!(client.setup(0, "nope"), SetupClass::Refused);
    assert_eq!(
        client.setup(0, r#"{"id":1,"sid":"a\"b"}"#),
        SetupClass::Expected
    );
    assert_eq!(client.setup(1, r#"used a"b"#), SetupClass::Skipped);
    assert_eq!(
        client.setup(1, r#"used a\"b"#),
        SetupClass::Expected,
        "captures are as they came"
    );
    assert_eq!(client.setup(0, "ok s-1"), SetupClass::Expected);
    assert_eq!(client.setup(1, "used s-1"), SetupClass::Expected);
    let sent = client.send();
    assert!(sent.starts_with("s-1~000003"), "{sent}");
    assert_eq!(client.meaning(&sent), "reply 0");
    assert_eq!(client.setup(7, "x"), SetupClass::Skipped);
}

#[test]
fn pushes_carry_number_and_time() {
    let text = "[push]\nmatch = { json = { '/seq' = '${seq}', '/ts' = '${stamp:us}' } }\ninterval = '10ms'\n";
    let mut client = Client::of(text);
    assert_eq!(
        client.meaning(r#"{"seq": 0, "ts": 5}"#),
        "push Some(0) Some(5000)"
    );
    assert_eq!(client.meaning(r#"{"seq": -1, "ts": 5}"#), "unexpected");
    let mut any = Client::of("[push]\nmatch = '${*}'\n");
    assert_eq!(any.meaning(b"\0\xff"), "push None None");
}

#[test]
fn hostile_records_are_classified_in_bounded_work() {
    let megabyte = 1 << 20;
    for (text, record) in [
        (ECHO, vec![b'~'; megabyte]),
        (ECHO, b"~0000030000000000".repeat(megabyte / 17)),
        (
            RPC,
            [
                &b"{\"id\":1,\"result\":\""[..],
                &vec![b'x'; megabyte],
                b"\"}",
            ]
            .concat(),
        ),
        (RPC, vec![b'['; megabyte]),
        (RPC, b"{\"id\":".repeat(megabyte / 6)),
        (RPC, vec![b'"'; megabyte]),
        (RPC, vec![0; megabyte]),
        (SOCKET, vec![b'1'; megabyte]),
        (
            SOCKET,
            [&b"431["[..], &vec![b'\0'; megabyte], b"]"].concat(),
        ),
        (
            "[[message]]\nsend = '${id}'\nreply = '${*}${id}x${*}'\n",
            b"1 ".repeat(megabyte / 2),
        ),
        (
            "[[message]]\nsend = '${uid}'\nreply = '${*}a${*}a${*}${uid}${*}'\n",
            vec![b'a'; megabyte],
        ),
    ] {
        let mut client = Client::of(text);
        client.send_kind(0);
        let class = client.meaning(&record);
        assert!(
            class.contains("corrupted") || class == "unexpected" || class == "reply 0",
            "{class}"
        );
        let tries = client.scratch.tries();
        assert!(
            tries <= 4 * (record.len() as u64 + 1),
            "{text}: {tries} places"
        );
    }
}

#[test]
fn a_pattern_that_matches_everything_takes_one_message_at_a_time() {
    let mut client = Client::of("[[message]]\nsend = '${uid}'\nreply = '${*}'\n");
    client.send();
    client.send();
    for number in 0..2 {
        assert_eq!(client.meaning(b"\0anything"), format!("reply {number}"));
        let oldest = client.sent.waiting[0];
        client.sent.end(oldest);
    }
    assert_eq!(client.meaning("anything"), "unexpected");
}

#[test]
fn ten_thousand_unknown_records_change_nothing() {
    let mut client = Client::of(RPC);
    let pad = client.send().split('"').nth(5).unwrap().to_owned();
    for n in 2..10_002 {
        assert_eq!(
            client.meaning(format!(r#"{{"id":{n},"result":"x"}}"#)),
            "unexpected"
        );
    }
    assert_eq!(
        client.meaning(format!(r#"{{"id":1,"result":"{pad}"}}"#)),
        "reply 0"
    );
}

#[test]
fn a_reply_before_its_request_is_unexpected() {
    let mut client = Client::of(RPC);
    assert_eq!(client.meaning(r#"{"id":1,"result":""}"#), "unexpected");
    client.send();
    assert!(
        client
            .meaning(r#"{"id":1,"result":""}"#)
            .ends_with("reply 0")
    );
}

#[test]
fn a_mix_follows_its_weights() {
    let text = "[[message]]\nsend = 'a'\nweight = 9\n[[message]]\nsend = 'b'\n";
    let client = Client::of(text);
    let kind = |number| client.scenario.message_type(&client.padding, 3, number);
    let second = (0..10_000).filter(|number| kind(*number) == 1).count();
    assert!((900..1100).contains(&second), "{second}");
}

#[test]
fn the_end_of_a_record_belongs_to_no_json() {
    let mut client = Client::of(
        "records = { until = \"\\u001e\" }\n[[message]]\nsend = '{\"id\":${id}}'\nreply = { json = { \"/id\" = \"${id}\" } }\n",
    );
    client.send();
    let class = client.receive("{\"id\":1}\u{1e}");
    assert!(
        matches!(class, RecordClass::Own { agrees: true, .. }),
        "{class:?}"
    );
}
