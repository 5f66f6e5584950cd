//! Records of real servers, as they were recorded: every shipped scenario takes each of them for what it is.
//!
//! `<id N>` and `<uid N>` stand for those of the N-th message of the load; nothing else differs from the
//! records.

#![allow(clippy::unwrap_used)]

mod common;

use common::Client;
use scenario::{ScenarioOptions, ScenarioSource, SetupClass, VarSetting};

/// A client of a shipped scenario, whose setup is still to come.
fn client(preset: &str) -> Client {
    let set = ["kernel", "token"].map(|name| VarSetting {
        name: name.to_owned(),
        label: format!("--set {name}"),
        text: "t1".to_owned(),
    });
    let names = common::parse_source(ScenarioSource::Preset(preset), &ScenarioOptions::default());
    let is_var = |setting: &VarSetting| names.vars().iter().any(|var| var.name == setting.name);
    let options = ScenarioOptions {
        set: set.into_iter().filter(is_var).collect(),
        ..ScenarioOptions::default()
    };
    Client::new(
        common::parse_source(ScenarioSource::Preset(preset), &options),
        3,
        None,
    )
}

/// A client of a shipped scenario with these vars.
fn client_with(preset: &str, vars: &[(&str, &str)]) -> Client {
    let set = |(name, text): &(&str, &str)| VarSetting {
        name: (*name).to_owned(),
        label: format!("--set {name}"),
        text: (*text).to_owned(),
    };
    let options = ScenarioOptions {
        set: vars.iter().map(set).collect(),
        ..ScenarioOptions::default()
    };
    let scenario = common::parse_source(ScenarioSource::Preset(preset), &options);
    Client::new(scenario, 3, None)
}

/// A receiver of a shipped scenario with roles: client 3, the third subscriber, in room 0.
fn subscriber(preset: &str) -> Client {
    let mut client = client(preset);
    client.state = client.scenario.client(3, 1, 2, 1);
    client
}

/// A client of a scenario of the design.
fn designed(name: &str) -> Client {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/scenarios/");
    let text = std::fs::read_to_string(format!("{folder}{name}.toml")).unwrap();
    let name = format!("{name}.toml");
    let source = ScenarioSource::File {
        name: &name,
        text: &text,
    };
    Client::new(
        common::parse_source(source, &ScenarioOptions::default()),
        3,
        None,
    )
}

impl Client {
    /// Does the step's sending, then gets records, of which the last completes the step.
    fn step(&mut self, step: usize, records: &[(&str, SetupClass)]) {
        if self.scenario.setup[step]
            .send
            .as_ref()
            .is_some_and(scenario::Template::holds_id)
        {
            self.state.take_id();
        }
        for (record, expected) in records {
            assert_eq!(self.setup(step, record), *expected, "{record}");
        }
    }

    /// The bytes that a step sends.
    fn sent_by_step(&self, step: usize) -> Vec<u8> {
        let send = self.scenario.setup[step].send.clone().unwrap();
        self.render(&send, 0, 0)
    }

    fn expect(&mut self, step: usize, record: &str) {
        self.step(step, &[(record, SetupClass::Expected)]);
    }

    /// Meaning of a record whose placeholders are filled.
    fn replay(&mut self, record: &str) -> String {
        let mut text = record.to_owned();
        for message in self.sent.all.clone() {
            let uid = format!("~{:06x}{:010x}", self.state.client(), message.number);
            text = text.replace(&format!("<uid {}>", message.number), &uid);
            text = text.replace(&format!("<id {}>", message.number), &message.id.to_string());
        }
        assert!(!text.contains("<id ") && !text.contains("<uid "), "{text}");
        self.meaning(text)
    }

    fn replay_all(&mut self, records: &[(&str, &str)]) {
        for (record, expected) in records {
            assert_eq!(self.replay(record), *expected, "{record}");
        }
    }
}

use SetupClass::{Expected, On, Refused, Skipped};

#[test]
fn socket_io() {
    let open = r#"0{"sid":"KSQruDHPCMV5MOltAAAA","upgrades":[],"pingInterval":1000,"pingTimeout":20000,"maxPayload":1000000}"#;
    let mut client = client("socket.io");
    client.expect(0, open);
    client.step(
        1,
        &[
            (r#"44{"message":"unauthorized"}"#, Refused),
            ("2", On(0)),
            (r#"40{"sid":"4yrVOwi1HvDoewk-AAAA"}"#, Expected),
        ],
    );
    client.send();
    client.send();
    client.replay_all(&[
        (
            r#"42["hello",{"sid":"4yrVOwi1HvDoewk-AAAA"}]"#,
            "unexpected",
        ),
        (r#"43<id 0>[{"id":7,"text":"hi"}]"#, "reply 0"),
        (r#"43<id 1>["second"]"#, "reply 1"),
        (r#"42["echo",{"id":8}]"#, "unexpected"),
        ("2", "on 0"),
    ]);
    let mut rooms = subscriber("socket.io-rooms");
    assert_eq!(rooms.sent_by_step(2), br#"420["join","r0"]"#);
    rooms.expect(2, r#"430["ok"]"#);
    rooms.replay_all(&[
        (r#"42["hello",{"sid":"4yrVOwi1HvDoewk-AAAA"}]"#, "on 0"),
        (
            r#"42["shout",{"id":"~0000090000000007","pad":""}]"#,
            "delivery 9.7",
        ),
        (r#"42["shout",{"id":"~000009000000007","pad":""}]"#, "on 0"),
    ]);
}

#[test]
fn graphql_transport_ws() {
    let mut client = client("graphql-transport-ws");
    client.step(
        0,
        &[
            (r#"{"type":"ping"}"#, On(0)),
            (r#"{"type":"connection_ack"}"#, Expected),
        ],
    );
    client.send();
    client.send();
    client.replay_all(&[
        (r#"{"id":"<id 0>","type":"next","payload":{"data":{"echo":"hi"}}}"#, "reply 0"),
        (r#"{"id":"<id 0>","type":"complete"}"#, "on 1"),
        (
            r#"{"id":"<id 1>","type":"error","payload":[{"message":"Cannot query field \"nothing\" on type \"Query\".","locations":[{"line":1,"column":2}]}]}"#,
            "error 1",
        ),
        (r#"{"id":"<id 1>","type":"next","payload":{"data":null,"errors":[{"message":"x"}]}}"#, "error 1"),
        (r#"{"type":"pong"}"#, "unexpected"),
        (r#"{"id":"s1","type":"next","payload":{"data":{"room":"m-1"}}}"#, "unexpected"),
    ]);
    let mut rooms = subscriber("graphql-rooms");
    let subscription = rooms.sent_by_step(1);
    assert_eq!(
        String::from_utf8(subscription).unwrap(),
        r#"{"id":"s","type":"subscribe","payload":{"query":"subscription{room(name:\"r0\")}"}}"#
    );
    rooms.replay_all(&[
        (
            r#"{"id":"s","type":"next","payload":{"data":{"room":"~0000000000000005"}}}"#,
            "delivery 0.5",
        ),
        (
            r#"{"id":"s","type":"next","payload":{"data":{"room":"~0000000000000005x"}}}"#,
            "corrupted delivery 0.5",
        ),
    ]);
    let mut publisher = self::client("graphql-rooms");
    publisher.send();
    publisher.replay_all(&[
        (
            r#"{"id":"<id 0>","type":"next","payload":{"data":{"post":1}}}"#,
            "reply 0",
        ),
        (r#"{"id":"<id 0>","type":"complete"}"#, "on 1"),
    ]);
    let mut ticks = designed("graphql-ticks");
    ticks.replay_all(&[(
        r#"{"id":"s","type":"next","payload":{"data":{"ticks":"1795852663673000000"}}}"#,
        "push None Some(1795852663673000000)",
    )]);
}

#[test]
fn rpc_websockets() {
    let mut client = client("rpc-websockets");
    client.step(
        0,
        &[
            (r#"{"jsonrpc":"2.0","result":false,"id":"login"}"#, Refused),
            (r#"{"notification":"news","params":{"n":1}}"#, Skipped),
            (r#"{"jsonrpc":"2.0","result":true,"id":"login"}"#, Expected),
        ],
    );
    client.send();
    client.send();
    client.replay_all(&[
        (r#"{"jsonrpc":"2.0","result":{"text":"hi"},"id":<id 0>}"#, "reply 0"),
        (r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":<id 1>}"#, "error 1"),
        (r#"{"jsonrpc":"2.0","result":3,"id":"x-3"}"#, "unexpected"),
        (
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error","data":"SyntaxError: Unexpected end of JSON input"},"id":null}"#,
            "unexpected",
        ),
        (r#"[{"jsonrpc":"2.0","result":2,"id":<id 0>},{"jsonrpc":"2.0","result":4,"id":6}]"#, "unexpected"),
    ]);
}

#[test]
fn stomp() {
    let mut client = client("stomp");
    client.step(
        0,
        &[
            ("ERROR\nmessage:Bad CONNECT\ncontent-type:text/plain\nversion:1.0,1.1,1.2\ncontent-length:32\n\nAccess refused for user 'guest'\n\0\n", Refused),
            ("\n", On(0)),
            ("CONNECTED\nserver:RabbitMQ/3.10.8\nsession:session-cRwsuK414pKbsIbmdSv3dQ\nheart-beat:1000,1000\nversion:1.2\n\n\0\n", Expected),
        ],
    );
    client.send();
    client.replay_all(&[
        ("RECEIPT\nreceipt-id:m-<id 0>\n\n\0\n", "reply 0"),
        ("RECEIPT\nreceipt-id:m-12\n\n\0\n", "unexpected"),
        ("\n", "on 0"),
        ("ERROR\nmessage:x\n\n\0\n", "on 1"),
    ]);
    let mut topic = subscriber("stomp");
    topic.expect(1, "RECEIPT\nreceipt-id:sub\n\n\0\n");
    let delivery = "MESSAGE\nsubscription:0\ndestination:/topic/r1\nmessage-id:T_0@@session-jFxa8TJ28Pmo0MScsOgbGA@@1\nredelivered:false\nreceipt:m-1\ncontent-type:text/plain\ncontent-length:9\n\n~0000010000000005\0\n";
    topic.replay_all(&[(delivery, "delivery 1.5")]);
}

#[test]
fn mqtt() {
    let mut client = client("mqtt-qos1");
    for (record, expected) in [
        (&b"\x20\x02\x00\x05"[..], Refused),
        (b"\x20\x02\x00\x00", Expected),
    ] {
        assert_eq!(client.setup(0, record), expected);
    }
    client.send_kind(0);
    client.send_kind(0);
    assert_eq!(client.meaning(b"\x40\x02\x00\x02"), "reply 1");
    assert_eq!(client.meaning(b"\x40\x02\x00\x01"), "reply 0");
    assert_eq!(client.meaning(b"\x40\x02\x00\x0a"), "unexpected");
    assert_eq!(client.meaning(b"\xd0\x00"), "on 0");
    let message = client.sent.waiting[0];
    client.sent.end(message);
    assert_eq!(client.meaning(b"\x40\x02\x00\x01"), "duplicate reply");
    let mut topic = subscriber("mqtt");
    assert_eq!(
        topic.sent_by_step(1),
        b"\x82\x0c\x00\x01\x00\x07bench/0\x00"
    );
    assert_eq!(topic.setup(1, b"\x90\x03\x00\x01\x80"), Refused);
    assert_eq!(topic.setup(1, b"\x90\x03\x00\x01\x00"), Expected);
    let delivery = b"\x30\x1a\x00\x07bench/0~0000000000000005";
    assert_eq!(topic.meaning(delivery), "delivery 0.5");
    let mut both = subscriber("mqtt-qos1");
    assert_eq!(both.sent_by_step(1), b"\x82\x0c\x00\x01\x00\x07bench/0\x01");
    let delivery = b"\x32\x22\x00\x07bench/0\x00\x0a~0000010000000005";
    assert_eq!(both.meaning(delivery), "delivery 1.5");
    let answer = both.scenario.messages[0].answer.clone().unwrap();
    assert_eq!(both.render(&answer, 0, 0), b"\x40\x02\x00\x0a");
}

#[test]
fn nats() {
    let info = "INFO {\"server_id\":\"ND4XN4XL4VC5VQL5NZSM7CSXNMLNQZFIZX4BT4BOJG7HPGJWCJGMEQPP\",\"server_name\":\"ND4XN4XL4VC5VQL5NZSM7CSXNMLN\"}\r\n";
    let mut client = client("nats-echo");
    client.expect(0, info);
    client.step(
        1,
        &[
            ("PING\r\n", On(0)),
            ("-ERR 'Unknown Protocol Operation'\r\n", Refused),
            ("PONG\r\n", Expected),
        ],
    );
    client.expect(2, "PONG\r\n");
    client.send();
    client.replay_all(&[
        ("MSG ws-bench.3 1 17\r\n<uid 0>\r\n", "reply 0"),
        ("MSG ws-bench.3 1 18\r\n<uid 0>x\r\n", "corrupted reply 0"),
        ("MSG ws-bench.4 1 17\r\n<uid 0>\r\n", "unexpected"),
        ("-ERR 'Unknown Protocol Operation'\r\n", "on 2"),
        ("PING\r\n", "on 0"),
    ]);
    let mut subject = subscriber("nats");
    assert_eq!(subject.sent_by_step(2), b"SUB ws-bench.0 1\r\nPING\r\n");
    subject.expect(2, "PONG\r\n");
    subject.replay_all(&[
        (
            "MSG ws-bench.0 1 17\r\n~0000000000000005\r\n",
            "delivery 0.5",
        ),
        ("MSG ws-bench.1 1 17\r\n~0000000000000005\r\n", "unexpected"),
    ]);
    let mut request = designed("nats-request");
    request.send();
    request.replay_all(&[
        ("MSG _INBOX.3.<id 0> 2 17\r\n<uid 0>\r\n", "reply 0"),
        (
            "HMSG _INBOX.3.<id 0> 2 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
            "error 0",
        ),
    ]);
}

#[test]
fn phoenix() {
    let mut client = client("phoenix");
    client.step(
        0,
        &[
            (r#"["1","1","room:r2","phx_reply",{"response":{"reason":"unauthorized"},"status":"error"}]"#, Refused),
            (r#"["1","1","room:r1","phx_reply",{"response":{},"status":"ok"}]"#, Expected),
        ],
    );
    for _ in 0..3 {
        client.send();
    }
    client.replay_all(&[
        (
            r#"["1","<id 0>","room:r1","phx_reply",{"response":{"text":"hi"},"status":"ok"}]"#,
            "reply 0",
        ),
        (
            r#"["1","<id 1>","room:r1","phx_reply",{"response":{},"status":"error"}]"#,
            "error 1",
        ),
        (
            r#"[null,"0","phoenix","phx_reply",{"response":{},"status":"ok"}]"#,
            "on 0",
        ),
        (r#"["1","1","room:r1","phx_error",{}]"#, "on 1"),
        (r#"[null,null,"room:r1","shout",{"n":1}]"#, "unexpected"),
        (r#"["1","1","room:r1","phx_close",{}]"#, "unexpected"),
    ]);
    let mut rooms = self::client("phoenix-rooms");
    rooms.replay_all(&[(
        r#"[null,null,"room:r0","shout",{"text":"~0000010000000005"}]"#,
        "delivery 1.5",
    )]);
}

#[test]
fn signalr() {
    let mut client = client("signalr");
    client.expect(0, "{}\u{1e}");
    client.send();
    client.send();
    client.replay_all(&[
        ("{\"type\":3,\"invocationId\":\"<id 0>\",\"result\":\"hi\"}\u{1e}", "reply 0"),
        ("{\"type\":3,\"invocationId\":\"<id 1>\",\"error\":\"Unknown hub method 'nope'\"}\u{1e}", "error 1"),
        ("{\"type\":6}\u{1e}", "on 0"),
        ("{\"type\":1,\"target\":\"shout\",\"arguments\":[\"m1\"]}\u{1e}", "unexpected"),
    ]);
    let mut all = self::client("signalr-all");
    all.replay_all(&[(
        "{\"type\":1,\"target\":\"shout\",\"arguments\":[\"~0000010000000005\"]}\u{1e}",
        "delivery 1.5",
    )]);
}

#[test]
fn wamp() {
    let welcome = r#"[2,531263878766183,{"x_cb_node":"node","realm":"realm1","authid":"XQ6L-NXEY-7SLA-H7R4-AGR6-MYUV"}]"#;
    let mut client = client("wamp");
    client.expect(0, welcome);
    assert_eq!(client.sent_by_step(1), br#"[32,0,{},"bench.room0"]"#);
    client.expect(1, "[33,1,2577146898794158]");
    client.send();
    client.send();
    assert_eq!(
        client.sent.all[0].id, 2,
        "the ids of a session follow each other"
    );
    client.replay_all(&[
        ("[17,<id 0>,90913361486763]", "reply 0"),
        (
            r#"[8,16,<id 1>,{},"wamp.error.no_such_procedure",["no callee registered for procedure <nope>"]]"#,
            "error 1",
        ),
        (r#"[36,2577146898794158,90913361486763,{},["m-1"],{"n":1}]"#, "unexpected"),
        (r#"[6,{},"wamp.close.normal"]"#, "unexpected"),
        (
            r#"[36,2577146898794158,90913361486763,{},["~0000010000000005"]]"#,
            "delivery 1.5",
        ),
        (
            r#"[36,2577146898794159,90913361486763,{},["~0000010000000005"]]"#,
            "unexpected",
        ),
    ]);
}

#[test]
fn bayeux() {
    let mut client = client("bayeux");
    client.expect(0, r#"[{"id":"1","channel":"/meta/handshake","successful":true,"version":"1.0","supportedConnectionTypes":["long-polling","websocket"],"clientId":"xw7eamz65u839s4u2issqsxcdok07e9","advice":{"reconnect":"retry","interval":0,"timeout":45000}}]"#);
    let sent = client.send();
    assert!(
        sent.contains(r#""clientId":"xw7eamz65u839s4u2issqsxcdok07e9""#),
        "{sent}"
    );
    client.replay_all(&[
        (r#"[{"id":"<id 0>","clientId":"xw7e","channel":"/room/3","successful":true}]"#, "unexpected"),
        (r#"[{"id":"<id 0>","clientId":"xw7e","channel":"/room/0","successful":true}]"#, "reply 0"),
        (
            r#"[{"id":"<id 0>","clientId":"nope","channel":"/room/0","successful":false,"error":"401:nope:Unknown client"}]"#,
            "error 0",
        ),
        // A delivery carries the publisher's id, but no `successful`.
        (r#"[{"channel":"/room/0","data":{"n":1},"id":"<id 0>"}]"#, "unexpected"),
        (r#"[{"id":"2","channel":"/meta/connect","successful":true}]"#, "on 0"),
    ]);
    let mut channel = subscriber("bayeux");
    channel.expect(2, r#"[{"id":"s","clientId":"xw7e","channel":"/meta/subscribe","successful":true,"subscription":"/room/0"}]"#);
    channel.replay_all(&[(
        r#"[{"channel":"/room/0","data":{"text":"~0000000000000005"},"id":"2"}]"#,
        "delivery 0.5",
    )]);
    let answer = client.scenario.on[0].send.clone().unwrap();
    client.meaning(r#"[{"channel":"/meta/connect"}]"#);
    let answer = String::from_utf8(client.render(&answer, 0, 0)).unwrap();
    assert!(
        answer.contains("xw7eamz65u839s4u2issqsxcdok07e9"),
        "{answer}"
    );
}

#[test]
fn xmpp() {
    let features = "<stream:features xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>";
    let open = "<open version='1.0' from='localhost' xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-framing' id='b0b7fdd8-b169-46ec-aa20-f3723d15e487'/>";
    let mut client = client("xmpp");
    client.step(0, &[(open, Skipped), (features, Expected)]);
    client.expect(1, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    client.expect(2, "<stream:features xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind></stream:features>");
    client.expect(3, "<iq id='b1' type='result' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>lixyjycyvseainrj1h_ytcx5@localhost/ylkI2r_PE3AT</jid></bind></iq>");
    client.send();
    client.replay_all(&[
        ("<iq to='lixyjycyvseainrj1h_ytcx5@localhost/ylkI2r_PE3AT' type='result' from='localhost' xmlns='jabber:client' id='p<id 0>'/>", "reply 0"),
        ("<iq id='p<id 0>' type='result' from='localhost'/>", "reply 0"),
        ("<iq type='error' id='p<id 0>'><error/></iq>", "error 0"),
        ("<iq id='p<id 0>' type='error'><error/></iq>", "error 0"),
    ]);
    let mut rooms = self::client("xmpp-muc");
    let message = "<message to='l@localhost/y' type='groupchat' id='m1' xml:lang='en' xmlns='jabber:client' from='r1@rooms.localhost/nick1'><body>~0000010000000005</body><occupant-id xmlns='urn:xmpp:occupant-id:0' id='tPYWp74ptH2G940fbAGjsTwyGLN7vRD1Txem3PzOVe4='/></message>";
    rooms.replay_all(&[
        (message, "delivery 1.5"),
        ("<presence from='r1@rooms.localhost/nick1'/>", "on 0"),
    ]);
}

#[test]
fn actioncable() {
    let mut client = client("actioncable");
    client.step(
        0,
        &[
            (
                r#"{"type":"disconnect","reason":"unauthorized","reconnect":false}"#,
                Refused,
            ),
            (r#"{"type":"welcome"}"#, Expected),
        ],
    );
    client.step(
        1,
        &[
            (r#"{"type":"ping","message":1795852677}"#, On(0)),
            (r#"{"identifier":"{\"channel\": \"RoomChannel\", \"room\": \"r1\"}","type":"confirm_subscription"}"#, Expected),
        ],
    );
    assert_eq!(
        String::from_utf8(client.sent_by_step(1)).unwrap(),
        r#"{"command":"subscribe","identifier":"{\"channel\":\"RoomChannel\",\"room\":\"r0\"}"}"#
    );
    let sent = client.send();
    assert!(
        sent.contains(r#""data":"{\"action\":\"speak\",\"text\":\"~"#),
        "{sent}"
    );
    client.replay_all(&[
        (
            r#"{"identifier":"{\"channel\":\"RoomChannel\",\"room\":\"r0\"}","message":{"text":"<uid 0>"}}"#,
            "delivery 3.0",
        ),
        (r#"{"type":"ping","message":1795852680}"#, "on 0"),
    ]);
}

#[test]
fn channels_and_rooms_of_our_own_servers() {
    let mut client = client("channels");
    assert_eq!(client.send(), r#"{"message":"~0000030000000000"}"#);
    client.replay_all(&[
        (r#"{"message": "<uid 0>"}"#, "delivery 3.0"),
        (r#"{"message": "hi 1"}"#, "unexpected"),
    ]);
    let mut room = self::client("room");
    assert_eq!(room.send(), "~0000030000000000");
    room.replay_all(&[
        ("<uid 0>", "delivery 3.0"),
        ("<uid 0>x", "corrupted delivery 3.0"),
    ]);
}

#[test]
fn servers_that_want_a_login_get_one() {
    let anonymous = client("mqtt");
    assert_eq!(
        anonymous.sent_by_step(0),
        b"\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0aws-bench-3"
    );
    let login = "${x:00 05}bench${x:00 04}good";
    let mqtt = client_with("mqtt", &[("flags", "${x:c2}"), ("login", login)]);
    assert_eq!(
        mqtt.sent_by_step(0),
        b"\x10\x23\x00\x04MQTT\x04\xc2\x00\x3c\x00\x0aws-bench-3\x00\x05bench\x00\x04good"
    );
    let text = |client: &Client, step| String::from_utf8(client.sent_by_step(step)).unwrap();
    let nats = client_with("nats", &[("login", r#","user":"bench","pass":"good""#)]);
    let connect = text(&nats, 1);
    assert!(
        connect
            .ends_with("\"no_responders\":true,\"user\":\"bench\",\"pass\":\"good\"}\r\nPING\r\n"),
        "{connect}"
    );
    let bayeux = client_with("bayeux", &[("ext", r#","ext":{"token":"t1"}"#)]);
    let handshake = text(&bayeux, 0);
    assert!(
        handshake.ends_with(r#""id":"h","ext":{"token":"t1"}}]"#),
        "{handshake}"
    );
    let account = [("mechanism", "PLAIN"), ("response", "AGJlbmNoAGdvb2Q=")];
    let mut xmpp = client_with("xmpp", &account);
    let features = "<stream:features xmlns='jabber:client'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism><mechanism>SCRAM-SHA-1</mechanism></mechanisms></stream:features>";
    xmpp.expect(0, features);
    assert!(text(&xmpp, 1).ends_with(r#" mechanism="PLAIN">AGJlbmNoAGdvb2Q=</auth>"#));
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
    xmpp.step(1, &[(failure, Refused)]);
    client("xmpp").step(0, &[(features, Skipped)]);
}

#[test]
fn ocpp() {
    let mut client = client("ocpp1.6");
    client.step(
        0,
        &[
            (r#"[2,"c-1","Reset",{"type":"Soft"}]"#, On(0)),
            (r#"[3,"boot",{"currentTime":"2026-11-28T07:58:07.625738+00:00","interval":10,"status":"Accepted"}]"#, Expected),
        ],
    );
    client.send_kind(1);
    client.send_kind(0);
    client.replay_all(&[
        (r#"[3,"<id 0>",{"currentTime":"2026-11-28T07:58:07.627435+00:00"}]"#, "reply 0"),
        (r#"[3,"<id 1>",{}]"#, "reply 1"),
        (
            r#"[4,"<id 1>","NotSupported","Requested Action is not known by receiver",{"cause":"Nope not supported by OCPP1.6."}]"#,
            "error 1",
        ),
        (r#"[2,"c-2","Reset",{"type":"Soft"}]"#, "on 0"),
    ]);
    let answer = client.scenario.on[0].send.clone().unwrap();
    assert_eq!(
        client.render(&answer, 0, 0),
        br#"[4,"c-2","NotImplemented","",{}]"#
    );
}

#[test]
fn jupyter() {
    let mut client = client("jupyter");
    let status = |parent: &str, state: &str| {
        format!(
            r#"{{"header": {{"msg_id": "c5fbeee5_17605_15", "msg_type": "status"}}, "msg_id": "c5fbeee5_17605_15", "msg_type": "status", "parent_header": {{"msg_id": "{parent}", "msg_type": "execute_request"}}, "metadata": {{}}, "content": {{"execution_state": "{state}"}}, "buffers": [], "channel": "iopub"}}"#
        )
    };
    let reply = |parent: &str, kind: &str| {
        format!(
            r#"{{"header": {{"msg_id": "x", "msg_type": "{kind}"}}, "msg_id": "x", "msg_type": "{kind}", "parent_header": {{"msg_id": "{parent}"}}, "metadata": {{"status": "ok"}}, "content": {{"status": "ok", "execution_count": 0}}, "buffers": [], "channel": "shell"}}"#
        )
    };
    client.step(
        0,
        &[
            (&status("s1_17602_1", "busy"), On(0)),
            (&reply("k3", "kernel_info_reply"), Expected),
        ],
    );
    client.send();
    client.replay_all(&[
        (&status("<uid 0>", "busy"), "part 0"),
        (&status("s1_17602_1", "idle"), "on 0"),
        (&reply("<uid 0>", "execute_reply"), "reply 0"),
        (&reply("s1_17602_1", "kernel_info_reply"), "on 1"),
    ]);
}

#[test]
fn chats_and_feeds_of_frameworks() {
    let mut cable = designed("actioncable");
    cable.step(
        0,
        &[
            (
                r#"{"type":"disconnect","reason":"unauthorized","reconnect":false}"#,
                Refused,
            ),
            (r#"{"type":"welcome"}"#, Expected),
        ],
    );
    cable.expect(1, r#"{"identifier":"{\"channel\": \"RoomChannel\", \"room\": \"r1\"}","type":"confirm_subscription"}"#);
    cable.replay_all(&[
        (r#"{"identifier":"{\"channel\": \"RoomChannel\", \"room\": \"r1\"}","message":{"text":"~0000010000000005"}}"#, "delivery 1.5"),
        (r#"{"type":"ping","message":1795852677}"#, "on 0"),
    ]);
    let mut channels = designed("channels");
    channels.replay_all(&[(r#"{"message": "~0000010000000005"}"#, "delivery 1.5")]);
    let mut chat = designed("chat");
    chat.expect(0, r#"{"type": "welcome", "room": "r1"}"#);
    chat.replay_all(&[
        (
            r#"{"type": "said", "from": "a", "n": 1, "text": "~0000010000000005"}"#,
            "delivery 1.5",
        ),
        (r#"{"type":"ping"}"#, "on 0"),
    ]);
    let mut ticker = designed("ticker");
    ticker.replay_all(&[(
        r#"{"seq": 0, "price": 100, "ts": 1795852669560180836}"#,
        "push Some(0) Some(1795852669560180836)",
    )]);
}
