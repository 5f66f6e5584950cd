//! The commands of every README and of the chapters on rooms, connections and capacity, run with debug builds and shorter loads.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

/// Wrapper that shortens the load of a command. The exit codes for an invalid measurement and for a condition of
/// `--fail-if` depend on the machine, so they count as success.
const WRAPPER: &str = r#"#!/usr/bin/env bash
set -euo pipefail
program="$(basename "$0")"
# A server that another program started.
[ -z "${STARTED_BY_PROGRAM:-}" ] || exec "$PROGRAMS/$program" "$@"
case " $* " in *" --help "* | *" --completions "* | *" --man-page "*) exec "$PROGRAMS/$program" "$@" ;; esac
arguments=()
for argument in "$@"; do
    # The budget of the tests is shorter.
    if [ "$argument" = --budget ] || [ "${before:-}" = --budget ]; then
        before="$argument"
        continue
    fi
    case "$argument" in
        10s | 1m) arguments+=(500ms) ;;
        5s) arguments+=(200ms) ;;
        3s) arguments+=(100ms) ;;
        3s:*) arguments+=("100ms:${argument#3s:}") ;;
        1_000) arguments+=(2) ;;
        *) arguments+=("$argument") ;;
    esac
done
more=()
case "$program" in
    axum-ws | tungstenite-ws)
        case " $* " in *" --bind "*) ;; *) more=(--bind "127.0.0.1:$(default_port "$program")") ;; esac
        mkfifo "ready.$$"
        "$PROGRAMS/$program" "${arguments[@]}" "${more[@]}" >"ready.$$" &
        echo $! >>"$SERVERS"
        read -r ready <"ready.$$"
        echo "$program: $ready"
        exit
        ;;
    ws-compare)
        case " $* " in *.json\ *) ;; *) more=(--rounds 1 --warmup 50ms) ;; esac
        # A search takes at least this time.
        time=100ms
        case " $* " in *" --capacity "*) time=10s ;; esac
        case " $* " in *.json\ * | *" -d "*) ;; *) more+=(-d "$time") ;; esac
        case " $* " in *.json\ * | *" -c "*) ;; *) more+=(-c 2) ;; esac
        ;;
    ws-bench) case " $* " in *" --find-capacity "*) more=(--budget 10s) ;; esac ;;
    ws-truth) more=(greeting) ;;
esac
code=0
export STARTED_BY_PROGRAM=1
"$PROGRAMS/$program" "${arguments[@]}" ${more[@]+"${more[@]}"} || code=$?
case "$program $code $*" in
    "ws-bench 5 "* | "ws-compare 5 "* | "ws-bench 4 "*--fail-if* | "ws-compare 4 "*--capacity*) code=0 ;;
esac
exit "$code"
"#;

const CARGO: &str = r#"#!/usr/bin/env bash
set -euo pipefail
case "$*" in
    "build --release" | "test --workspace" | "install cargo-fuzz") ;;
    "+nightly fuzz run "* | "+nightly fuzz cmin "*) [ -f "fuzz/fuzz_targets/$4.rs" ] ;;
    "run --release --bin "*)
        program="$4"
        shift 4
        [ "${1:-}" != -- ] || shift
        exec "target/release/$program" "$@"
        ;;
    "run --release -p "*" --example "*) [ -f "$REPOSITORY/crates/$4/examples/$6.rs" ] ;;
    "bench -p "*) [ -f "$REPOSITORY/crates/$3/benches/$5.rs" ] ;;
    *)
        echo "unknown command of a README: cargo $*" >&2
        exit 1
        ;;
esac
"#;

#[test]
fn every_command_of_every_readme_succeeds() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let repository = repository.canonicalize().unwrap();
    let programs = build_programs(&repository);
    let readmes = Mutex::new(readmes(&repository));
    let run_all = || {
        let mut commands = 0;
        while let Some(readme) = next(&readmes) {
            commands += run_commands(&readme, &repository, &programs);
        }
        commands
    };
    // Most commands wait for a load to end.
    let commands: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(run_all)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    assert!(
        commands > 40,
        "only {commands} lines of commands were found"
    );
}

/// Files whose commands run at the same time, each in a folder of its own.
const WORKERS: usize = 3;

fn next(readmes: &Mutex<Vec<PathBuf>>) -> Option<PathBuf> {
    readmes.lock().unwrap().pop()
}

/// Runs the commands of a file. Returns the number of their lines.
fn run_commands(readme: &Path, repository: &Path, programs: &Path) -> usize {
    let text = fs::read_to_string(readme).unwrap();
    let blocks = shell_blocks(&text);
    if blocks.is_empty() {
        return 0;
    }
    let place = Place::new(repository, programs);
    for block in &blocks {
        place.run(block, readme);
    }
    blocks.iter().map(|block| block.lines().count()).sum()
}

/// Builds all programs and returns their folder.
fn build_programs(repository: &Path) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--bins", "--locked", "--quiet"])
        .current_dir(repository)
        .status()
        .unwrap();
    assert!(built.success());
    // The test's path is …/debug/deps/readme_commands-HASH.
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// Names of the files whose commands are run.
const MANUALS: [&str; 4] = ["README.md", "ROOMS.md", "CONNECTIONS.md", "CAPACITY.md"];

fn readmes(repository: &Path) -> Vec<PathBuf> {
    let mut found = vec![repository.join("README.md")];
    let mut folders = vec![repository.join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                folders.push(path);
            } else if MANUALS.iter().any(|name| path.ends_with(name)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Address of a feed. The tests of ws-bench run its commands, because no program of ours serves one.
const FEED: &str = "127.0.0.1:9004";

/// The blocks of a Markdown text that are marked as `sh`.
fn shell_blocks(text: &str) -> Vec<String> {
    let blocks = text.split("\n```sh\n").skip(1);
    blocks
        .map(|block| block.split("\n```").next().unwrap().to_owned())
        .filter(|block| !block.contains(FEED))
        .collect()
}

/// A folder in which the commands of one README run, with the files that they read and the servers that they expect.
struct Place {
    folder: tempfile::TempDir,
    repository: PathBuf,
    programs: PathBuf,
    /// Free ports that replace those of `axum-ws`, `tungstenite-ws`, a TLS server and `--metrics-bind`.
    ports: [(u16, u16); 4],
}

impl Place {
    fn new(repository: &Path, programs: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let release = folder.path().join("target/release");
        fs::create_dir_all(&release).unwrap();
        for program in [
            "axum-ws",
            "tungstenite-ws",
            "ws-bench",
            "draw-plot",
            "ws-compare",
            "ws-report",
            "ws-truth",
            "ws-soak",
        ] {
            write_script(&release.join(program), WRAPPER);
        }
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        write_script(&bin.join("cargo"), CARGO);
        write_script(&bin.join("pgrep"), "#!/bin/sh\ntail -n 1 \"$SERVERS\"\n");
        fs::write(
            folder.path().join("costs.csv"),
            "connections,user_cpu_us\n1,0.4\n10,0.5\n100,0.3\n",
        )
        .unwrap();
        std::os::unix::fs::symlink(repository.join("crates"), folder.path().join("crates"))
            .unwrap();
        let place = Self {
            folder,
            repository: repository.to_owned(),
            programs: programs.to_owned(),
            ports: [8000, 8888, 8443, 9100].map(|port| (port, free_port())),
        };
        let inputs = "target/release/ws-bench -c 2 -m 500 --warmup 0s -o latencies.xlsx -o axum.xlsx \
                      -o tungstenite.xlsx -o run.json -o before.json -o after.json";
        place.run(inputs, Path::new("the inputs"));
        place
    }

    /// Runs a block. Starts the servers at the block's addresses first, unless the block does this itself.
    fn run(&self, block: &str, readme: &Path) {
        let mut script = String::from(
            "set -euo pipefail\n\
             default_port() { case \"$1\" in axum-ws) echo 8000 ;; *) echo 8888 ;; esac; }\n\
             export -f default_port\n\
             rm -f \"$SERVERS\"; touch \"$SERVERS\"\n\
             trap 'while read -r pid; do kill \"$pid\" 2>/dev/null || true; done <\"$SERVERS\"' EXIT\n",
        );
        for (server, address) in [
            ("axum-ws", "127.0.0.1:8000"),
            ("tungstenite-ws", "127.0.0.1:8888"),
        ] {
            if block.contains(address) && !starts_server(block, server) {
                script += &format!("target/release/{server} --broadcast >/dev/null\n");
            }
        }
        if block.contains(">ready &") {
            // The block starts its server in the background itself.
            script += "export STARTED_BY_PROGRAM=1\n";
        }
        script += block;
        for (typed, free) in self.ports {
            for before in ["127.0.0.1:", "localhost:", "echo "] {
                script = script.replace(&format!("{before}{typed}"), &format!("{before}{free}"));
            }
        }
        let path = std::env::join_paths(
            std::iter::once(self.folder.path().join("bin"))
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let run = Command::new("bash")
            .args(["-c", &script])
            .current_dir(self.folder.path())
            .env("PATH", path.unwrap())
            .env("PROGRAMS", &self.programs)
            .env("SERVERS", self.folder.path().join("servers"))
            .env("REPOSITORY", &self.repository)
            .env("SSL_CERT_FILE", self.folder.path().join("cert.pem"))
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{}: {}\n{block}\n{}{}",
            readme.display(),
            run.status,
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr)
        );
    }
}

/// Returns true when a line of the block starts this server.
fn starts_server(block: &str, server: &str) -> bool {
    block.lines().any(|line| {
        ["", "target/release/", "cargo run --release --bin "]
            .iter()
            .any(|before| {
                let rest = line.strip_prefix(&format!("{before}{server}"));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            })
    })
}

fn write_script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A free port that no other call returns, below those that the system gives to connections.
fn free_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Tests of another process begin elsewhere.
    let begin = std::process::id() % 10_000;
    loop {
        let tried = u32::from(TRIED.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + (begin + tried) % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
