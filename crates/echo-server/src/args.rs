//! The flags of both servers.

use std::{
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Command};
use units::{ByteSize, UnitError, parse_duration, parse_positive};

use crate::{
    config::{Config, EchoPath, connections_allowed},
    error::ServerError,
    tls::TlsIdentity,
    workers,
};

/// The identity of a server program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// The name, as in `axum-ws`.
    pub name: &'static str,
    /// The version, as in `0.2.0`.
    pub version: &'static str,
    /// The description in one line.
    pub about: &'static str,
    /// The default address.
    pub bind: &'static str,
}

const SERVER: &str = "Server";
const LIMITS: &str = "Limits";
const TIMES: &str = "Time limits";
const TLS: &str = "TLS";

/// The parsed flags.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ServerArgs {
    /// Address to listen on: HOST:PORT, where port 0 picks a free port, or unix:PATH. A socket from systemd takes
    /// precedence. Example: --bind 0.0.0.0:8000
    // The default is the program's, which `ServerArgs::command` adds.
    #[arg(long, value_name = "ADDR", required = false, help_heading = SERVER)]
    pub bind: String,

    /// Path of the echo; any other path answers 404. Example: --path /echo
    #[arg(long, value_name = "PATH", default_value = "/ws", help_heading = SERVER)]
    pub path: EchoPath,

    /// Serve rooms too: a message to /room/NAME goes to all of this room, its sender included, in one order. A member
    /// whose queue exceeds 1 MiB or 1,000 messages is closed with 1013 [default: off]. Example: --broadcast
    #[arg(long, help_heading = SERVER)]
    pub broadcast: bool,

    /// Worker threads [default: number of CPUs]. Example: --threads 1
    #[arg(long, value_name = "N", value_parser = count, help_heading = SERVER)]
    pub threads: Option<NonZeroUsize>,

    /// Maximum message size; a larger message closes its connection with 1009. Example: --max-message-size 64KiB
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = size, help_heading = LIMITS)]
    pub max_message_size: NonZeroUsize,

    /// Maximum open connections; further ones are answered with 503 [default: the open-file limit minus a reserve].
    /// Example: --max-connections 10_000
    #[arg(long, value_name = "N", value_parser = count, help_heading = LIMITS)]
    pub max_connections: Option<NonZeroUsize>,

    /// Length of the accept queue, which the system may limit (net.core.somaxconn). Example: --backlog 128
    #[arg(long, value_name = "N", default_value = "4096", value_parser = backlog, help_heading = LIMITS)]
    pub backlog: u32,

    /// Time limit for the handshake; 0 for none. Example: --handshake-timeout 2s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration, help_heading = TIMES)]
    pub handshake_timeout: Duration,

    /// Time limit for a silent client: it gets a ping after half of it and close code 1001 at the end; 0 for none. Example: --idle-timeout 5m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration, help_heading = TIMES)]
    pub idle_timeout: Duration,

    /// Time limit for connections to close after SIGINT or SIGTERM; a second signal ends the wait. Example:
    /// --drain-timeout 500ms
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration, help_heading = TIMES)]
    pub drain_timeout: Duration,

    /// Allowed Origin header, repeatable; others are answered with 403 [default: any]. Example:
    /// `--allow-origin https://example.org`
    #[arg(long, value_name = "ORIGIN", value_parser = origin, help_heading = LIMITS)]
    pub allow_origin: Vec<String>,

    /// Certificate chain in PEM, the server's own first; serves wss:// [default: none]. Example: --tls-cert
    /// cert.pem --tls-key key.pem
    #[arg(long, value_name = "PEM", requires = "tls_key", help_heading = TLS)]
    pub tls_cert: Option<PathBuf>,

    /// Private key of that certificate in PEM [default: none]. Example: --tls-cert cert.pem --tls-key key.pem
    #[arg(long, value_name = "PEM", requires = "tls_cert", help_heading = TLS)]
    pub tls_key: Option<PathBuf>,

    /// Authorities in PEM whose client certificates are accepted (mutual TLS); a client without one is refused
    /// [default: no client certificates]. Example: --tls-client-ca ca.pem
    #[arg(long, value_name = "PEM", requires = "tls_cert", help_heading = TLS)]
    pub tls_client_ca: Option<PathBuf>,
}

impl ServerArgs {
    /// The command of this program, whose flags parse to [`ServerArgs`].
    pub fn command(program: &Program) -> Command {
        // The description is set after the flags, because clap takes theirs for the program's.
        Self::augment_args(Command::new(program.name))
            .version(program.version)
            .about(program.about)
            .max_term_width(100)
            .mut_arg("bind", |bind| bind.default_value(program.bind))
            .after_help(after_help(program))
    }

    /// The configuration from these flags. Reads the certificate and the open-file limit, which a program raises
    /// first.
    ///
    /// # Errors
    /// [`ServerError::Tls`] when the certificate or its key cannot be used.
    pub fn config(&self) -> Result<Config, ServerError> {
        let threads = workers::thread_count(self.threads).get();
        let allowed = connections_allowed(threads);
        let max_connections = self.max_connections.map_or(allowed, NonZeroUsize::get);
        if max_connections > allowed {
            tracing::warn!(
                "--max-connections {max_connections} is more than the open-file limit allows, \
                 which is {allowed}: raise it with `ulimit -n`"
            );
        }
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(match &self.tls_client_ca {
                Some(ca) => TlsIdentity::with_client_ca(certificate, key, ca)?,
                None => TlsIdentity::from_pem(certificate, key)?,
            }),
            // clap requires both or none.
            _ => None,
        };
        Ok(Config {
            path: self.path.clone(),
            broadcast: self.broadcast,
            max_message_size: self.max_message_size.get(),
            max_connections,
            handshake_timeout: self.handshake_timeout,
            idle_timeout: self.idle_timeout,
            drain_timeout: self.drain_timeout,
            allowed_origins: self.allow_origin.clone(),
            tls,
        })
    }
}

/// Parses a count of at least one, which does not start with a separator.
fn count(text: &str) -> Result<NonZeroUsize, UnitError> {
    if text.starts_with('_') {
        return Err(UnitError::Count(text.to_owned()));
    }
    parse_positive(text, u64::MAX)
}

/// Parses the length of a queue. The system takes a signed number.
fn backlog(text: &str) -> Result<u32, UnitError> {
    parse_positive(text, u64::from(i32::MAX.unsigned_abs())).map(NonZeroU32::get)
}

/// Parses a size of at least one byte that fits in memory.
fn size(text: &str) -> Result<NonZeroUsize, UnitError> {
    let ByteSize(bytes) = text.parse()?;
    let bytes = NonZeroU64::new(bytes).ok_or_else(|| UnitError::Zero(text.to_owned()))?;
    bytes
        .try_into()
        .map_err(|_| UnitError::TooLarge(text.to_owned(), usize::MAX as u64))
}

/// Checks an origin: a scheme and a host, perhaps a port, without a path.
fn origin(text: &str) -> Result<String, String> {
    let is_origin = text.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty() && !host.is_empty() && !host.contains('/')
    });
    (is_origin && text.is_ascii())
        .then(|| text.to_owned())
        .ok_or_else(|| "must be a scheme and a host, such as https://example.org".to_owned())
}

fn after_help(program: &Program) -> String {
    let Program { name, bind, .. } = program;
    let port = bind.rsplit(':').next().unwrap_or_default();
    let bind_all = format!("{name} --bind 0.0.0.0:{port} --threads 2");
    let width = bind_all.len();
    let row = |line: &str, effect: &str| format!("  {line:<width$}  {effect}");
    let examples = [
        row(name, "until Ctrl-C"),
        row(&bind_all, "other machines too, 2 threads"),
        row(&format!("{name} --bind unix:echo.sock"), "on a Unix socket"),
        format!("  {name} --tls-cert cert.pem --tls-key key.pem"),
        row(
            &format!("RUST_LOG=debug {name}"),
            "debug messages on stderr",
        ),
    ];
    format!(
        "\
Examples:
{}

Prints `listening on ws://{bind}/ws` when it accepts connections. Also answers GET /healthz and
GET /metrics (Prometheus).

Exit codes:
    0  stopped by SIGINT or SIGTERM
    1  could not start or serve
    2  wrong usage
  130  ended at once by a second SIGINT (143: SIGTERM)",
        examples.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    const PROGRAM: Program = Program {
        name: "test-ws",
        version: "1.2.3",
        about: "Tests",
        bind: "127.0.0.1:8000",
    };

    fn parse(arguments: &[&str]) -> Result<ServerArgs, clap::Error> {
        let arguments = [&["test-ws"], arguments].concat();
        let matches = ServerArgs::command(&PROGRAM).try_get_matches_from(arguments)?;
        ServerArgs::from_arg_matches(&matches)
    }

    #[test]
    fn the_command_is_sound() {
        ServerArgs::command(&PROGRAM).debug_assert();
    }

    #[test]
    fn without_flags_the_config_is_the_default() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.bind, PROGRAM.bind);
        assert_eq!(args.threads, None);
        assert_eq!(args.backlog, 4096);
        let config = args.config().unwrap();
        let max_connections = config.max_connections;
        assert!(
            max_connections < Config::default().max_connections,
            "threads need files"
        );
        let expected = Config {
            max_connections,
            ..Config::default()
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn every_flag_arrives() {
        let args = parse(&[
            "--bind=[::1]:0",
            "--path=/echo",
            "--broadcast",
            "--threads=3",
            "--max-message-size=4KiB",
            "--max-connections=1_0",
            "--backlog=128",
            "--handshake-timeout=2s",
            "--idle-timeout=0",
            "--drain-timeout=500ms",
            "--allow-origin=https://a.example",
            "--allow-origin=http://localhost:3000",
        ])
        .unwrap();
        assert_eq!(args.bind, "[::1]:0");
        assert_eq!(args.threads, NonZeroUsize::new(3));
        let config = Config {
            path: "/echo".parse().unwrap(),
            broadcast: true,
            max_message_size: 4096,
            max_connections: 10,
            handshake_timeout: Duration::from_secs(2),
            idle_timeout: Duration::ZERO,
            drain_timeout: Duration::from_millis(500),
            allowed_origins: vec![
                "https://a.example".to_owned(),
                "http://localhost:3000".to_owned(),
            ],
            tls: None,
        };
        assert_eq!(args.backlog, 128);
        assert_eq!(args.config().unwrap(), config);
    }

    #[test]
    fn what_has_no_meaning_is_a_usage_error() {
        for argument in [
            "--threads=0",
            "--threads=",
            "--threads=_",
            "--threads=_1",
            "--threads=+1",
            "--threads=-1",
            "--threads=1.5",
            "--threads=ten",
            "--max-connections=0",
            "--max-message-size=0",
            "--max-message-size=",
            "--max-message-size=-1",
            "--max-message-size=big",
            "--max-message-size=4XiB",
            "--drain-timeout=",
            "--drain-timeout=5",
            "--drain-timeout=-1s",
            "--path=ws",
            "--broadcast=yes",
            "--backlog=0",
            "--backlog=2_147_483_648",
            "--idle-timeout=soon",
            "--handshake-timeout=1",
            "--allow-origin=example.org",
            "--allow-origin=https://example.org/page",
            "--tls-cert=a",
            "--tls-key=a",
            "--tls-client-ca=a",
            "more",
        ] {
            let error = parse(&[argument]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{argument}");
        }
    }

    #[test]
    fn help_gives_every_flag_a_default_and_an_example() {
        let command = ServerArgs::command(&PROGRAM);
        for argument in command.get_arguments() {
            let help = argument.get_help().unwrap().to_string();
            let has_default =
                !argument.get_default_values().is_empty() || help.contains("[default: ");
            assert!(help.contains("Example: "), "{help}");
            assert!(has_default, "{help}");
        }
    }

    #[test]
    fn sizes_durations_and_counts_are_read() {
        for (text, bytes) in [
            ("125", 125),
            ("4KiB", 4096),
            ("16MiB", 16 << 20),
            ("1kB", 1000),
        ] {
            let args = parse(&["--max-message-size", text]).unwrap();
            assert_eq!(args.max_message_size.get(), bytes, "{text}");
        }
        for (text, milliseconds) in [("500ms", 500), ("2m", 120_000), ("0s", 0), ("0", 0)] {
            let args = parse(&["--drain-timeout", text]).unwrap();
            assert_eq!(args.drain_timeout, Duration::from_millis(milliseconds));
        }
        for (text, count) in [("10_000", 10_000), ("7", 7)] {
            let args = parse(&["--max-connections", text]).unwrap();
            assert_eq!(args.max_connections, NonZeroUsize::new(count));
        }
    }
}
