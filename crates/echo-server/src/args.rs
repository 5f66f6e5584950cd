//! The flags of both servers.

use std::{ffi::OsString, num::NonZeroUsize, time::Duration};

use clap::{Args as _, Command, FromArgMatches};

use crate::{Config, config::EchoPath, open_files, units};

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

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Args {
    /// Address to listen on: an IP address or a host name, and a port; port 0
    /// picks a free one. Example: --bind 0.0.0.0:8000
    // Its default is the program's, which `Args::command` adds.
    #[arg(long, value_name = "ADDR", required = false)]
    pub bind: String,

    /// Path of the echo; any other path answers 404. Example: --path /echo
    #[arg(long, value_name = "PATH", default_value = "/ws")]
    pub path: EchoPath,

    /// Worker threads [default: one for each CPU]. Example: --threads 1
    #[arg(long, value_name = "N", value_parser = units::count)]
    pub threads: Option<NonZeroUsize>,

    /// Longest message; a longer one closes its connection with 1009.
    /// Example: --max-message-size 64KiB
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = units::size)]
    pub max_message_size: NonZeroUsize,

    /// Most connections at once; one more is answered 503 [default: the
    /// open-file limit less a reserve]. Example: --max-connections 10_000
    #[arg(long, value_name = "N", value_parser = units::count)]
    pub max_connections: Option<NonZeroUsize>,

    /// How long SIGINT or SIGTERM waits for connections to close; a second
    /// signal does not wait. Example: --drain-timeout 500ms
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::duration)]
    pub drain_timeout: Duration,
}

impl Args {
    /// Parses the command line of this process. As clap does, this ends the
    /// process with exit code 2 on a usage error, and with 0 after `--help` or
    /// `--version`.
    #[must_use]
    pub fn parse(program: &Program) -> Self {
        Self::try_parse_from(program, std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

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

    fn command(program: &Program) -> Command {
        // Named after the flags are there, whose own description clap takes
        // for the program's.
        Self::augment_args(Command::new(program.name))
            .version(program.version)
            .about(program.about)
            .mut_arg("bind", |bind| bind.default_value(program.bind))
    }

    /// What this means to the server. Reads the open-file limit, which a
    /// program raises first (see [`raise_limit`](crate::raise_limit)).
    #[must_use]
    pub fn config(&self) -> Config {
        let allowed = open_files::connections_allowed();
        let max_connections = self.max_connections.map_or(allowed, NonZeroUsize::get);
        if max_connections > allowed {
            tracing::warn!(
                "--max-connections {max_connections} is more than the open-file limit allows, \
                 which is {allowed}: raise it with `ulimit -n`"
            );
        }
        Config {
            path: self.path.clone(),
            max_message_size: self.max_message_size.get(),
            max_connections,
            drain_timeout: self.drain_timeout,
        }
    }
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
        assert_eq!(args.config(), Config::default());
    }

    #[test]
    fn every_flag_arrives() {
        let args = parse(&[
            "--bind=[::1]:0",
            "--path=/echo",
            "--threads=3",
            "--max-message-size=4KiB",
            "--max-connections=1_0",
            "--drain-timeout=500ms",
        ])
        .unwrap();
        assert_eq!(args.bind, "[::1]:0");
        assert_eq!(args.threads, NonZeroUsize::new(3));
        let config = Config {
            path: "/echo".parse().unwrap(),
            max_message_size: 4096,
            max_connections: 10,
            drain_timeout: Duration::from_millis(500),
        };
        assert_eq!(args.config(), config);
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
            "--idle-timeout=1s",
            "--handshake-timeout=1s",
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
