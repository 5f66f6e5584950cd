//! Outputs of the program compared with golden files, see `test_support::golden`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use test_support::golden::{
    self, Mask, masked_csv, masked_hlog, masked_numbers, masked_ports, masked_workbook,
};
use tokio_tungstenite::tungstenite::{Message, accept};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// The values that vary between runs.
fn mask() -> Mask {
    Mask::new(&[
        ("command_line.0", "text"),
        ("plan.url", "text"),
        ("host.cores", "integer"),
        ("host.allowed_cores", "integer…"),
        ("host.open_file_limit", "integer"),
        ("host.*", "text"),
        ("started_at", "text"),
        ("elapsed_s", "decimal"),
        ("connections.opening_s", "decimal"),
        ("connections.failures", "texts"),
        ("connections.early_ends", "texts"),
        ("connections.addresses", "texts"),
        ("connections.listen_overflows", "integer"),
        ("throughput.*", "decimal"),
        ("service_time_ns.count", "exact"),
        ("service_time_ns.mean", "decimal"),
        ("service_time_ns.stdev", "decimal"),
        ("service_time_ns.*", "integer"),
        ("response_time_ns.count", "exact"),
        ("response_time_ns.mean", "decimal"),
        ("response_time_ns.stdev", "decimal"),
        ("response_time_ns.*", "integer"),
        ("connect_response_ns.count", "exact"),
        ("connect_response_ns.mean", "decimal"),
        ("connect_response_ns.stdev", "decimal"),
        ("connect_response_ns.*", "integer"),
        ("connect_lateness_ns.*", "number?"),
        ("connect_ns.*.count", "exact"),
        ("connect_ns.*.mean", "decimal"),
        ("connect_ns.*.stdev", "decimal"),
        ("connect_ns.*.*", "integer"),
        ("client.cpu_s", "decimal"),
        ("client.user_cpu_s", "decimal"),
        ("client.cpu_per_core", "decimal"),
        ("client.cpu_per_thread.*", "decimal"),
        ("client.blocked_writes", "integer"),
        ("client.max_rss_bytes", "integer"),
        ("client.stops.*", "integer"),
        ("client.throttled_s", "number?"),
        ("client.steal_s", "number?"),
        ("client.cpu_pressure_s", "number?"),
        ("client.suspended_s", "number?"),
        ("send_lateness_ns.*", "number"),
        ("server.pids.*", "integer"),
        ("client.run_queue_wait_s", "decimal?"),
        ("client.run_queue_wait_share", "decimal?"),
        ("client.context_switches.*", "integer"),
        ("client.messages_per_cpu_s", "decimal?"),
        ("server.pid", "integer"),
        ("server.cpu_s", "decimal"),
        ("server.messages_per_cpu_s", "decimal?"),
        ("validity.verdict", "valid|suspect|invalid"),
        ("validity.reasons", "text…"),
        ("percentiles.*.service_time_ns", "integer"),
        ("percentiles.*.response_time_ns", "integer"),
        ("timeline", "rows"),
        ("timeline.*.*", "integer?"),
        ("histograms.*", "text"),
        ("sheets.latencies", "sorted"),
        ("sheets.latencies.sent_s", "number"),
        ("sheets.latencies.service_time_ms", "number"),
        ("sheets.latencies.response_time_ms", "number"),
        ("sheets.latencies.generator_stopped", "integer"),
        ("sheets.percentiles.service_time_ms", "number"),
        ("sheets.percentiles.response_time_ms", "number"),
        ("sheets.timeline", "rows"),
        ("sheets.timeline.*", "number?"),
        ("sheets.connections.connect_ms", "number"),
        ("sheets.moving_average.message", "integer"),
        ("sheets.moving_average.*", "number"),
    ])
}

/// The program in a temporary folder.
struct Run(TempDir);

impl Run {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Runs the program. Returns its exit code and its output.
    fn output(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(golden::program(env!("CARGO_BIN_EXE_ws-bench")))
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs the program with `--json` and one file of every format. Returns its exit code and the contents, prepared as
    /// golden files.
    fn files(&self, arguments: &[&str], mask: &Mask) -> (Option<i32>, [String; 4]) {
        const FILES: [&str; 10] = [
            "--json", "-q", "-o", "a.json", "-o", "a.csv", "-o", "a.xlsx", "-o", "a.hlog",
        ];
        let (code, printed) = self.output(&[arguments, &FILES].concat());
        assert_eq!(printed, self.text("a.json"), "--json and the file");
        test_support::assert_valid_json(results::write::RUN_SCHEMA, &printed);
        let files = [
            mask.json(&printed),
            masked_csv(&self.text("a.csv"), "latencies", mask),
            masked_workbook(&self.path("a.xlsx"), mask),
            masked_hlog(&self.text("a.hlog")),
        ];
        (code, files)
    }
}

/// The text summary with its numbers masked, except for those of the plan and the counts. All reasons of a verdict are
/// combined into one.
fn masked_summary(text: &str) -> String {
    const REASON: &str = "             – <reason>";
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let is_among_reasons = lines.last().is_some_and(|last| last == REASON);
        let verdicts = ["valid ", "suspect ", "invalid "];
        let masked = if line.starts_with("             – ") {
            REASON.to_owned()
        } else if line.starts_with("ws-bench") || line.starts_with("messages") {
            masked_ports(line)
        } else if let Some(rest) = verdicts.iter().find_map(|word| line.strip_prefix(word)) {
            format!("<verdict>{}", masked_numbers(rest))
        } else {
            masked_numbers(line)
        };
        let is_reason = masked == REASON || line.starts_with("               ");
        if !(is_among_reasons && is_reason) {
            lines.push(masked);
        }
    }
    lines.join("\n")
}

/// Four clients with two messages in flight each, of random sizes from the seed.
#[test]
fn closed_loop() {
    const ARGUMENTS: &str = "-c 4 -m 50 -w 2 -s 64..256 --seed 7 --threads 2 --warmup 0s \
                             --timeout 60s";
    let arguments: Vec<_> = ARGUMENTS.split_whitespace().collect();
    let mask = mask().with(&[
        ("send_lag_ns.*", "integer"),
        ("sheets.latencies.intended_s", "number"),
        ("sheets.latencies.message", "integer"),
    ]);
    let run = Run::new();
    let (code, [json, csv, xlsx, hlog]) = run.files(&arguments, &mask);
    assert!(matches!(code, Some(0 | 5)), "{code:?}");
    let saved: Value = serde_json::from_str(&run.text("a.json")).unwrap();
    let bytes_per_s = saved["throughput"]["payload_bytes_per_s"].as_f64().unwrap();
    let bytes = bytes_per_s * saved["elapsed_s"].as_f64().unwrap();
    assert_eq!(bytes.round(), 34_533.0, "the sizes that the seed draws");
    let (code, printed) = run.output(&arguments);
    assert!(matches!(code, Some(0 | 5)), "{code:?}");
    golden::check(
        FOLDER,
        &[
            ("closed.txt", masked_summary(&printed)),
            ("closed.json", json),
            ("closed.csv", csv),
            ("closed.xlsx.txt", xlsx),
            ("closed.hlog", hlog),
        ],
    );
}

/// Two rates in succession. The due times of all messages depend on the seed.
#[test]
fn open_loop() {
    const ARGUMENTS: &str = "-c 4 --stages 200ms:200,300ms:400 --arrivals poisson --seed 7 \
                             --threads 2 --warmup 100ms --timeout 60s --text";
    let arguments: Vec<_> = ARGUMENTS.split_whitespace().collect();
    let mask = mask().with(&[
        ("achieved_rate_per_s", "decimal"),
        ("sent_in_time_share", "decimal"),
        ("coordinated_omission_p99_ns", "integer"),
        ("send_lag_ns.*", "integer"),
    ]);
    let (code, [json, csv, xlsx, hlog]) = Run::new().files(&arguments, &mask);
    assert!(matches!(code, Some(0 | 5)), "{code:?}");
    golden::check(
        FOLDER,
        &[
            ("open.json", json),
            ("open.csv", csv),
            ("open.xlsx.txt", xlsx),
            ("open.hlog", hlog),
        ],
    );
}

/// A wrong echo, a lost one and an early end on each of three connections, and a fourth connection that does not open.
#[test]
fn failures() {
    const ARGUMENTS: &str = "-c 4 -m 10 --connect-rate 20 --seed 7 --threads 1 --warmup 0s \
                             --timeout 1500ms --fail-if lost>2 --fail-if service.p99>60s";
    let mask = mask().with(&[
        ("command_line.1", "text"),
        ("send_lag_ns.*", "integer"),
        ("conditions.1.value", "decimal"),
        ("conditions.1.value_text", "text"),
        ("sheets.latencies.client", "integer"),
        ("sheets.latencies.intended_s", "number"),
        ("sheets.connections", "sorted"),
        ("sheets.connections.client", "integer"),
    ]);
    let url = serve_badly();
    let arguments: Vec<_> = std::iter::once(url.as_str())
        .chain(ARGUMENTS.split_whitespace())
        .collect();
    let run = Run::new();
    let (code, [json, csv, xlsx, hlog]) = run.files(&arguments, &mask);
    assert!(matches!(code, Some(3 | 5)), "{code:?}");
    let url = serve_badly();
    let arguments: Vec<_> = std::iter::once(url.as_str())
        .chain(ARGUMENTS.split_whitespace())
        .collect();
    let (code, printed) = run.output(&arguments);
    assert!(matches!(code, Some(3 | 5)), "{code:?}");
    golden::check(
        FOLDER,
        &[
            ("failures.txt", masked_summary(&printed)),
            ("failures.json", json),
            ("failures.csv", csv),
            ("failures.xlsx.txt", xlsx),
            ("failures.hlog", hlog),
        ],
    );
}

/// Starts a server that refuses the fourth connection and treats all others alike. Returns its URL.
fn serve_badly() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            std::thread::spawn(move || {
                if number == 3 {
                    refuse(stream);
                } else {
                    answer_badly(stream);
                }
            });
        }
    });
    url
}

fn refuse(mut stream: TcpStream) {
    // Reads the whole request, because unread bytes would cause a reset.
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
}

fn answer_badly(stream: TcpStream) {
    let mut socket = accept(stream).unwrap();
    let mut messages = 0;
    while let Ok(message) = socket.read() {
        if !message.is_text() {
            continue;
        }
        let answer = match messages {
            2 => Some(Message::text("x".repeat(message.len()))),
            5 => None,
            8 => Some(Message::Close(None)),
            _ => Some(message),
        };
        if let Some(answer) = answer {
            let _ = socket.send(answer);
        }
        messages += 1;
    }
}
