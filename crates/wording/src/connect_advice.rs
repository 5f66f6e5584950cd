//! Advice for a connection that did not open, and for a refused URL.

use std::io::ErrorKind;

use measurement::plan::{PlanError, ServerUrl};
use measurement::record::{
    AnswerDefect, CertificateDefect, ClientCertificateDefect, ConnectFailure, ForeignAnswer,
    UpgradeRefusal,
};
use scenario::Scenario;

/// Advice when every connection to this URL failed, those of a scenario or of echoes; `None` where the failure's text is
/// sufficient.
#[must_use]
pub fn connect_advice(
    failure: &ConnectFailure,
    url: &str,
    scenario: Option<&Scenario>,
) -> Option<String> {
    let tls = url
        .get(..3)
        .is_some_and(|it| it.eq_ignore_ascii_case("wss"));
    let advice = match failure {
        ConnectFailure::Refused(refusal) => return refusal_advice(refusal, url, scenario),
        ConnectFailure::NoAddress => "is the host name right?",
        ConnectFailure::Connect(failure) => socket_advice(failure.kind),
        ConnectFailure::Timeout => {
            "is the server running, and does a firewall block it? --connect-timeout waits longer"
        }
        ConnectFailure::NotOpenAtStart => "let the shards start later: opening takes longer",
        ConnectFailure::NoAnswer | ConnectFailure::NotHttp(ForeignAnswer::Tls) if !tls => {
            "does the server speak TLS? try wss://"
        }
        ConnectFailure::NoAnswer => "is this the port of a WebSocket server? see its log",
        ConnectFailure::NotHttp(ForeignAnswer::Tls) => {
            "the port expects TLS within TLS: try another port"
        }
        ConnectFailure::NotHttp(ForeignAnswer::Http2) | ConnectFailure::TlsNoHttp1 => {
            "a WebSocket needs HTTP/1.1: enable it in the server, or use a port that serves it"
        }
        ConnectFailure::NotHttp(ForeignAnswer::Other(_)) => {
            "is this the port of a WebSocket server?"
        }
        ConnectFailure::NotTls => "this port may be without TLS: try ws://",
        ConnectFailure::TlsClosed => {
            "does the server use TLS on this port, and for this host name? If not, try ws://"
        }
        ConnectFailure::TlsVersion => "enable TLS 1.2 or 1.3 in the server",
        ConnectFailure::Tls(_) => "see the server's log of the handshake",
        ConnectFailure::Certificate(defect) => certificate_advice(defect),
        ConnectFailure::CertificateHost(_) => {
            "use a host name of the certificate in the URL (--header Host does not change the check), or --insecure to skip the check"
        }
        ConnectFailure::ClientCertificate(ClientCertificateDefect::Missing) => CLIENT_CERTIFICATE,
        ConnectFailure::ClientCertificate(ClientCertificateDefect::Refused(_)) => {
            "does the server trust the authority that signed --client-cert (--tls-client-ca of our servers)?"
        }
        ConnectFailure::Subprotocol => {
            "does the server support one of them? Omit --subprotocol, or offer another one"
        }
        ConnectFailure::SubprotocolNotOffered(protocol) => {
            return Some(format!("--subprotocol {protocol} offers it"));
        }
        ConnectFailure::Extension(_) => {
            "disable it in the server: the client supports no extension"
        }
        ConnectFailure::Answer(defect) => answer_advice(defect),
        ConnectFailure::Setup(_) => {
            "does the scenario fit this server? `--try` shows the whole conversation"
        }
        ConnectFailure::Handshake(_) => "see the server's log",
    };
    Some(advice.to_owned())
}

fn socket_advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ConnectionRefused => "is the server running?",
        ErrorKind::NotFound => "is the path of the socket right, and the server running?",
        ErrorKind::PermissionDenied => "does this user have access to the socket?",
        _ => "can this machine reach the server?",
    }
}

/// Advice where connections ended before their client was done with them.
#[must_use]
pub fn early_end_advice() -> &'static str {
    "see what the server logs; if it limits the time or the messages of a connection, use a shorter `--warmup` and a smaller `-d` or `-m`"
}

/// Advice where the system trusts no certificate at all.
pub const NO_ROOTS_ADVICE: &str = "--ca-cert FILE trusts a certificate, --insecure trusts any";

const CLIENT_CERTIFICATE: &str = "--client-cert PEM --client-key PEM sends one (mutual TLS)";

fn certificate_advice(defect: &CertificateDefect) -> &'static str {
    match defect {
        CertificateDefect::UnknownIssuer | CertificateDefect::BadSignature => {
            "--ca-cert FILE trusts its certificate, --insecure trusts any"
        }
        CertificateDefect::CaUsedAsEndEntity => {
            "--ca-cert FILE with this certificate trusts it, --insecure trusts any"
        }
        CertificateDefect::Expired => {
            "renew the certificate, or check the clock of this machine; --insecure accepts it"
        }
        CertificateDefect::NotValidYet => {
            "check the clock of this machine; --insecure accepts the certificate"
        }
        CertificateDefect::Other(_) => "--insecure accepts the certificate",
    }
}

fn answer_advice(defect: &AnswerDefect) -> &'static str {
    match defect {
        AnswerDefect::Missing { .. } | AnswerDefect::Wrong { .. } | AnswerDefect::Version(_) => {
            "is there a proxy in between? It must forward Upgrade and Connection (RFC 6455, 4.2.2)"
        }
        AnswerDefect::Accept(_) => "does a cache or a proxy answer for the server?",
        AnswerDefect::Cut(_) | AnswerDefect::Unfinished(_) => "see the server's log",
        _ => "fix it in the server (RFC 9112)",
    }
}

fn refusal_advice(
    refusal: &UpgradeRefusal,
    url: &str,
    scenario: Option<&Scenario>,
) -> Option<String> {
    if refusal.wants_client_certificate && matches!(refusal.status, 400 | 401 | 403 | 495 | 496) {
        return Some(CLIENT_CERTIFICATE.to_owned());
    }
    if let Some(advice) = version_advice(refusal) {
        return Some(advice);
    }
    let advice = match refusal.status {
        300..=303 | 307 | 308 => return redirect_advice(refusal, url),
        400 | 426 => {
            "does a proxy drop the upgrade? It must forward Upgrade and Connection in HTTP/1.1"
        }
        401 => "--header 'Authorization: …' or 'Cookie: …' logs in",
        403 => {
            "--header 'Authorization: …' or 'Cookie: …' logs in; --origin names an allowed origin"
        }
        407 => "--header 'Proxy-Authorization: …' logs in at the proxy",
        200..=299 | 404 | 405 | 410 => return Some(path_advice(scenario)),
        429 | 503 => "--connect-rate N opens N connections per second; or use fewer clients (-c)",
        502 | 504 => "a proxy answers for the server: is the server behind it running?",
        505 => "the upgrade needs HTTP/1.1",
        500..=599 => "see the server's log",
        _ => "see the server's log of the request",
    };
    Some(advice.to_owned())
}

/// Advice when the server has no WebSocket at this path.
fn path_advice(scenario: Option<&Scenario>) -> String {
    let Some(scenario) = scenario else {
        return "is the path right? axum-ws and tungstenite-ws use /ws".to_owned();
    };
    match scenario.usual_path() {
        Some(path) => format!(
            "is the path right? Usual for {} is {path}; a path in the URL replaces it{}",
            scenario.name,
            if scenario.name == "room" {
                ". axum-ws and tungstenite-ws have rooms with --broadcast only"
            } else {
                ""
            }
        ),
        None => "is the path right? See at which one the server accepts WebSockets".to_owned(),
    }
}

/// Advice when the server lists protocol versions without the client's.
fn version_advice(refusal: &UpgradeRefusal) -> Option<String> {
    const OWN: &str = "13";
    let lists: Vec<_> = refusal.values(UpgradeRefusal::VERSIONS).collect();
    let versions: Vec<_> = lists
        .iter()
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|version| !version.is_empty())
        .collect();
    let is_whole = !lists.iter().any(|list| list.ends_with('…'));
    (is_whole && !versions.is_empty() && !versions.contains(&OWN)).then(|| {
        let (word, list) = match versions[..] {
            [one] => ("version", one.to_owned()),
            _ => ("versions", versions.join(", ")),
        };
        format!(
            "the server speaks {word} {list} of the WebSocket protocol, not {OWN} (RFC 6455): update the server"
        )
    })
}

fn redirect_advice(refusal: &UpgradeRefusal, url: &str) -> Option<String> {
    let mut locations = refusal.values("Location");
    let target = locations.next().and_then(|location| {
        let is_whole = !location.ends_with('…');
        ServerUrl::parse(url)
            .ok()?
            .redirected(location)
            .filter(|_| is_whole)
    });
    Some(match target {
        _ if locations.next().is_some() => {
            "redirects are not followed, and the server names more than one target: see its log"
                .to_owned()
        }
        Some(target) => format!(
            "redirects are not followed: try {target}, or --header 'Cookie: …' if it leads to a login"
        ),
        None => "redirects are not followed: use the URL that the redirect leads to".to_owned(),
    })
}

/// The refusal of a plan, with advice if there is any.
#[must_use]
pub fn with_url_advice(error: &PlanError) -> String {
    match error {
        PlanError::UserInfo { .. } => {
            format!("{error} --header 'Authorization: Basic …'")
        }
        other => other.to_string(),
    }
}

/// Notice of a URL whose host differs from the typed one ([`ServerUrl::other_host`]).
#[must_use]
pub fn host_notice(url: &ServerUrl) -> Option<String> {
    let host = url.other_host()?;
    Some(format!("{} leads to the host {host}", url.masked()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConnectFailure as F;
    use measurement::record::RefusalField;
    use scenario::{ScenarioOptions, ScenarioSource};

    fn advice(failure: &ConnectFailure, url: &str) -> String {
        connect_advice(failure, url, None).unwrap()
    }

    fn refused(status: u16) -> UpgradeRefusal {
        UpgradeRefusal::new(status)
    }

    #[test]
    fn tls_is_tried_only_where_it_may_be_spoken() {
        for failure in [F::NoAnswer, F::NotHttp(ForeignAnswer::Tls)] {
            assert!(advice(&failure, "ws://a/").contains("try wss://"));
            assert!(!advice(&failure, "wss://a/").contains("try wss://"));
        }
        let ssh = F::NotHttp(ForeignAnswer::Other("SSH-2.0".to_owned()));
        for failure in [ssh, F::Answer(AnswerDefect::BareLf), F::Timeout] {
            assert!(!advice(&failure, "ws://a/").contains("wss"), "{failure}");
        }
        for failure in [F::NotTls, F::TlsClosed] {
            assert!(advice(&failure, "wss://a/").ends_with("try ws://"));
        }
    }

    #[test]
    fn certificates_are_advised_by_their_defect() {
        let advice = |defect| advice(&F::Certificate(defect), "wss://a/");
        let unknown = advice(CertificateDefect::UnknownIssuer);
        assert_eq!(
            unknown,
            "--ca-cert FILE trusts its certificate, --insecure trusts any"
        );
        assert!(advice(CertificateDefect::CaUsedAsEndEntity).contains("--ca-cert"));
        for defect in [CertificateDefect::Expired, CertificateDefect::NotValidYet] {
            assert!(advice(defect).contains("--insecure"));
        }
        let host = F::CertificateHost("x".to_owned());
        assert!(
            super::connect_advice(&host, "wss://a/", None)
                .unwrap()
                .contains("--insecure")
        );
        let missing = F::ClientCertificate(ClientCertificateDefect::Missing);
        assert!(
            super::connect_advice(&missing, "wss://a/", None)
                .unwrap()
                .contains("--client-cert")
        );
    }

    #[test]
    fn every_status_has_a_way_on() {
        let of = |refusal: UpgradeRefusal| advice(&F::Refused(Box::new(refusal)), "ws://a:1/ws");
        for (status, hint) in [
            (200, "/ws"),
            (400, "proxy"),
            (401, "--header"),
            (403, "--origin"),
            (404, "/ws"),
            (426, "proxy"),
            (429, "--connect-rate"),
            (500, "log"),
            (502, "running?"),
            (503, "--connect-rate"),
        ] {
            let text = of(refused(status));
            assert!(text.contains(hint), "{status}: {text}");
        }
        let redirected = |location: &str| {
            let fields = location
                .split(' ')
                .map(|it| RefusalField::new("Location", it));
            of(UpgradeRefusal {
                fields: fields.collect(),
                ..refused(302)
            })
        };
        let two = redirected("/a /b");
        assert!(
            two.contains("more than one target") && !two.contains("try"),
            "{two}"
        );
        assert!(redirected("https://b/login").contains("try wss://b/login,"));
        assert!(redirected("/ws/").contains("try ws://a:1/ws/,"));
        assert!(redirected("mailto:x").ends_with("that the redirect leads to"));
        let mutual = UpgradeRefusal {
            wants_client_certificate: true,
            ..refused(400)
        };
        assert!(of(mutual).contains("--client-key"));
    }

    #[test]
    fn a_missing_path_of_a_scenario_is_not_advised_with_that_of_our_servers() {
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let advised = |name, status| {
            let options = ScenarioOptions::default();
            let scenario = Scenario::parse(ScenarioSource::Preset(name), &options, &no_files);
            let refusal = F::Refused(Box::new(refused(status)));
            connect_advice(&refusal, "ws://a/", Some(&scenario.unwrap())).unwrap()
        };
        for status in [200, 404, 405, 410] {
            assert_eq!(
                advised("socket.io", status),
                "is the path right? Usual for socket.io is /socket.io/; a path in the URL replaces it"
            );
        }
        assert!(advised("room", 404).ends_with("have rooms with --broadcast only"));
        assert!(advised("ocpp1.6", 404).contains(" is /CP${client:05};"));
        assert_eq!(
            advised("mqtt", 404),
            "is the path right? See at which one the server accepts WebSockets"
        );
    }

    #[test]
    fn versions_of_the_protocol_are_named_where_ours_is_missing() {
        let of = |lists: &[&str]| {
            let fields = lists
                .iter()
                .map(|list| RefusalField::new(UpgradeRefusal::VERSIONS, *list));
            let refusal = UpgradeRefusal {
                fields: fields.collect(),
                ..refused(426)
            };
            advice(&F::Refused(Box::new(refusal)), "ws://a:1/ws")
        };
        assert!(of(&["7, 8", "0"]).contains("the server speaks versions 7, 8, 0 of"));
        assert!(of(&["8"]).contains("the server speaks version 8 of"));
        for with_ours in [&["8, 13"][..], &["8", "13"], &[], &["7, 8…"]] {
            assert!(of(with_ours).contains("proxy"), "{with_ours:?}");
        }
    }

    #[test]
    fn advice_on_a_socket_depends_on_the_error() {
        let of = |kind: ErrorKind| {
            let failure = F::Connect((&std::io::Error::from(kind)).into());
            advice(&failure, "ws://a/")
        };
        assert_eq!(of(ErrorKind::ConnectionRefused), "is the server running?");
        assert!(of(ErrorKind::NotFound).contains("socket"));
    }

    #[test]
    fn a_password_moves_into_a_header() {
        let error = ServerUrl::parse("ws://me:secret@a/ws").unwrap_err();
        let text = with_url_advice(&error);
        assert!(
            text.ends_with("write ws://a/ws --header 'Authorization: Basic …'"),
            "{text}"
        );
    }
}
