//! The flags of both servers.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args as _, Command, FromArgMatches};

use crate::{Config, Error, Tls, config::EchoPath, open_files, units, workers};

/// Which server a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// Its name, as in `axum-ws`.
    pub name: &'static str,
    /// Its version, as in `0.1.0`.
    pub version: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Where it listens unless told otherwise.
    pub bind: &'static str,
}

const SERVER: &str = "Server";
const LIMITS: &str = "Limits";
const TIMES: &str = "Time limits";
const TLS: &str = "TLS";

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Args {
    /// Address to listen on: an IP address or a host name, and a port, of which
    /// 0 picks a free one; or unix:PATH. A socket that systemd passes on goes
    /// before it. Example: --bind 0.0.0.0:8000
    // Its default is the program's, which `Args::command` adds.
    #[arg(long, value_name = "ADDR", required = false, help_heading = SERVER)]
    pub bind: String,

    /// Path of the echo; any other path answers 404. Example: --path /echo
    #[arg(long, value_name = "PATH", default_value = "/ws", help_heading = SERVER)]
    pub path: EchoPath,

    /// Worker threads [default: one for each CPU]. Example: --threads 1
    #[arg(long, value_name = "N", value_parser = units::count, help_heading = SERVER)]
    pub threads: Option<NonZeroUsize>,

    /// Longest message; a longer one closes its connection with 1009.
    /// Example: --max-message-size 64KiB
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = units::size, help_heading = LIMITS)]
    pub max_message_size: NonZeroUsize,

    /// Most connections at once; one more is answered 503 [default: the
    /// open-file limit less a reserve]. Example: --max-connections 10_000
    #[arg(long, value_name = "N", value_parser = units::count, help_heading = LIMITS)]
    pub max_connections: Option<NonZeroUsize>,

    /// Connections that wait in the system until they are accepted; it may cap
    /// this (net.core.somaxconn). Example: --backlog 128
    #[arg(long, value_name = "N", default_value = "4096", value_parser = units::backlog, help_heading = LIMITS)]
    pub backlog: u32,

    /// How long a peer may take for its handshake before it is dropped; 0 is
    /// for ever. Example: --handshake-timeout 2s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration, help_heading = TIMES)]
    pub handshake_timeout: Duration,

    /// How long a peer may be silent: it is pinged at half of it and closed
    /// with 1001 at the end; 0 is for ever. Example: --idle-timeout 5m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = units::duration, help_heading = TIMES)]
    pub idle_timeout: Duration,

    /// How long SIGINT or SIGTERM waits for connections to close; a second
    /// signal does not wait. Example: --drain-timeout 500ms
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::duration, help_heading = TIMES)]
    pub drain_timeout: Duration,

    /// Origin that a browser's page may come from, may be repeated; others are
    /// answered 403 [default: any]. Example: `--allow-origin https://example.org`
    #[arg(long, value_name = "ORIGIN", value_parser = units::origin, help_heading = LIMITS)]
    pub allow_origin: Vec<String>,

    /// Certificate chain in PEM, the server's own first: serves wss://
    /// [default: none]. Example: --tls-cert cert.pem --tls-key key.pem
    #[arg(long, value_name = "PEM", requires = "tls_key", help_heading = TLS)]
    pub tls_cert: Option<PathBuf>,

    /// Private key of that certificate in PEM [default: none]. Example:
    /// --tls-cert cert.pem --tls-key key.pem
    #[arg(long, value_name = "PEM", requires = "tls_cert", help_heading = TLS)]
    pub tls_key: Option<PathBuf>,
}

impl Args {
    /// Parses `arguments`, the first of which is the program's name.
    ///
    /// # Errors
    /// A usage error, or the text of `--help` or `--version`.
    pub fn try_parse_from(
        program: &Program,
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command(program).try_get_matches_from(arguments)?;
        Self::from_arg_matches(&matches)
    }

    /// The flags of this program; [`Args`] is what they parse to.
    #[must_use]
    pub fn command(program: &Program) -> Command {
        // Named after the flags are there, whose own description clap takes
        // for the program's.
        Self::augment_args(Command::new(program.name))
            .version(program.version)
            .about(program.about)
            .max_term_width(100)
            .mut_arg("bind", |bind| bind.default_value(program.bind))
            .after_help(after_help(program))
    }

    /// What this means to the server. Reads the open-file limit, which a
    /// program raises first (see [`raise_limit`](crate::raise_limit)), and the
    /// certificate.
    ///
    /// # Errors
    /// [`Error::Tls`] when the certificate or its key cannot be used.
    pub fn config(&self) -> Result<Config, Error> {
        let threads = workers::count(self.threads).get();
        let allowed = open_files::connections_allowed(threads);
        let max_connections = self.max_connections.map_or(allowed, NonZeroUsize::get);
        if max_connections > allowed {
            tracing::warn!(
                "--max-connections {max_connections} is more than the open-file limit allows, \
                 which is {allowed}: raise it with `ulimit -n`"
            );
        }
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::from_pem(certificate, key)?),
            // clap asks for both or none.
            _ => None,
        };
        Ok(Config {
            path: self.path.clone(),
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

fn after_help(program: &Program) -> String {
    let Program { name, bind, .. } = program;
    let port = bind.rsplit(':').next().unwrap_or_default();
    let bind_all = format!("{name} --bind 0.0.0.0:{port} --threads 2");
    let width = bind_all.len();
    let row = |line: &str, what: &str| format!("  {line:<width$}  {what}");
    let examples = [
        row(name, "until Ctrl-C"),
        row(&bind_all, "other machines too, 2 cores"),
        row(&format!("{name} --bind unix:echo.sock"), "on a Unix socket"),
        format!("  {name} --tls-cert cert.pem --tls-key key.pem"),
        row(&format!("RUST_LOG=debug {name}"), "says more on stderr"),
    ];
    format!(
        "\
Examples:
{}

When it is ready it says so on stdout: listening on ws://{bind}/ws. Beside the echo it answers
GET /healthz and GET /metrics (Prometheus).

Exit codes:
    0  stopped by SIGINT or SIGTERM
    1  it could not start or serve
    2  usage
  130  a second SIGINT, which waits for nothing (143: SIGTERM)",
        examples.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Program = Program {
        name: "test-ws",
        version: "1.2.3",
        about: "Tests",
        bind: "127.0.0.1:8000",
    };

    fn parse(arguments: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(&PROGRAM, [&["test-ws"], arguments].concat())
    }

    #[test]
    fn the_command_is_sound() {
        Args::command(&PROGRAM).debug_assert();
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
            "--max-connections=0",
            "--max-message-size=0",
            "--max-message-size=big",
            "--drain-timeout=5",
            "--path=ws",
            "--backlog=0",
            "--idle-timeout=soon",
            "--handshake-timeout=1",
            "--allow-origin=example.org",
            "--allow-origin=https://example.org/page",
            "--tls-cert=a",
            "--tls-key=a",
            "more",
        ] {
            let error = parse(&[argument]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{argument}");
        }
    }

    #[test]
    fn help_gives_every_flag_a_default_and_an_example() {
        let command = Args::command(&PROGRAM);
        for argument in command.get_arguments() {
            let help = argument.get_help().unwrap().to_string();
            let has_default =
                !argument.get_default_values().is_empty() || help.contains("[default: ");
            assert!(help.contains("Example: "), "{help}");
            assert!(has_default, "{help}");
        }
    }
}
