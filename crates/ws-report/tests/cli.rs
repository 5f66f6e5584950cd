//! The program as a user runs it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use measurement::run::comparison::KIND;
use measurement::run::{Run, Tool};
use measurement::verdict::Verdict;
use results::write;
use tempfile::TempDir;
use test_support::fixtures::{closed_loop_run, logged_seconds, open_loop_run};
use units::grouped;

/// Saves a run as ws-bench does.
fn save(run: &Run, path: &Path) {
    write::Output::create(path).unwrap().write(run).unwrap();
}

/// A folder of files, and the program run in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ws-report"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// Writes a report, and returns its text.
    fn written(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert_eq!(said, format!("wrote {name}\n"));
        assert!(output.stdout.is_empty());
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Fails to write a report with this exit code, and returns the message.
    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let before = self.files();
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(self.files(), before, "something was written");
        said
    }

    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }
}

/// Positions of these parts in a text, in their order.
fn in_order(text: &str, parts: &[&str]) {
    let mut from = 0;
    for part in parts {
        let at = text[from..].find(part);
        from += at.unwrap_or_else(|| panic!("no `{part}` behind the ones before"));
    }
}

/// The command line of an open loop.
fn typed() -> Option<Vec<String>> {
    let typed = "ws-bench --clients 1 --duration 3s --rate 1000 --seed 5 ws://127.0.0.1:8000/ws";
    Some(typed.split(' ').map(ToOwned::to_owned).collect())
}

#[test]
fn a_run_becomes_a_page_with_the_verdict_first() {
    let folder = Folder::new();
    let run = open_loop_run(|s| {
        s.validity.verdict = Verdict::Suspect;
        s.validity.reasons = vec!["the tail is not firm; send more (`-m`)".into()];
        s.command_line = typed();
    });
    save(&run, &folder.path("run.xlsx"));
    let html = folder.written("report.html", &["run.xlsx"]);
    in_order(
        &html,
        &[
            "ws-bench 0.1.0 · 2026-01-31 12:00:00 UTC",
            "<h1>ws://127.0.0.1:8000/ws</h1>",
            "open loop, 1,000 msg/s",
            "<h2 id=\"s1\">Verdict</h2>",
            "<strong>suspect</strong>",
            "the tail is not firm; send more (<code>-m</code>)",
            "<h2 id=\"s2\">Figures</h2>",
            "service time",
            "<h2 id=\"s3\">Pictures</h2>",
            "<svg viewBox=",
            "<h2 id=\"s4\">Plan and host</h2>",
            "<h2 id=\"s5\">How to repeat it</h2>",
            "ws-bench --clients 1 --duration 3s --rate 1000",
        ],
    );
}

#[test]
fn markdown_has_the_figures_and_no_pictures() {
    let folder = Folder::new();
    let run = open_loop_run(|s| s.command_line = typed());
    save(&run, &folder.path("run.xlsx"));
    let markdown = folder.written("report.md", &["run.xlsx", "-o", "report.md"]);
    in_order(
        &markdown,
        &[
            "# ws://127.0.0.1:8000/ws\n",
            "## Verdict\n",
            "| p50 |",
            "**<br>response time |",
            "### Times\n",
            "|  | service time | response time |\n| --- | ---: | ---: |\n| min | 1.00 ms | 1.50 ms |\n",
            "## How to repeat it\n\n```sh\nws-bench ",
        ],
    );
    assert!(!markdown.contains("<svg"));
    // As the terminal says it: what was sent late, but sent, counts as well.
    assert!(
        markdown.contains("| sent of what was due | 100.00 % |"),
        "{markdown}"
    );
    assert!(!markdown.contains("in time"));
}

#[test]
fn runs_stand_beside_each_other_and_what_differs_is_said() {
    let folder = Folder::new();
    save(&closed_loop_run(|_| {}), &folder.path("a.xlsx"));
    let other = closed_loop_run(|s| {
        s.plan.clients = 7;
        s.started_at = "2026-01-31T13:00:00Z".into();
    });
    save(&other, &folder.path("b.xlsx"));
    let html = folder.written("both.html", &["a.xlsx", "b.xlsx", "-o", "both.html"]);
    in_order(
        &html,
        &[
            "<h1>2 runs of ws-bench</h1>",
            "<strong>not comparable</strong>",
            "clients: 1 / 7",
            "<span class=\"about\">a.xlsx</span>",
            "<span class=\"about\">b.xlsx</span>",
            "<th scope=\"col\">a.xlsx</th><th scope=\"col\">b.xlsx</th>",
            "What differs",
            "What is the same",
        ],
    );
    // The same load is no reason for a warning.
    let again = closed_loop_run(|s| s.started_at = "2026-01-31T14:00:00Z".into());
    save(&again, &folder.path("c.xlsx"));
    let html = folder.written("both.html", &["a.xlsx", "c.xlsx", "-o", "both.html"]);
    assert!(!html.contains("comparable"));
}

#[test]
fn files_of_one_run_are_one_run() {
    let folder = Folder::new();
    let run = closed_loop_run(|_| {});
    save(&run, &folder.path("run.json"));
    save(&run, &folder.path("run.xlsx"));
    let html = folder.written("report.html", &["run.json", "run.xlsx"]);
    assert!(html.contains("<h1>ws://127.0.0.1:8000/ws</h1>"));
    // The .json has no messages; the .xlsx does.
    assert!(html.contains("of each message</h3>"));
    save(&run, &folder.path("run.csv"));
    let html = folder.written("report.html", &["run.csv", "run.json"]);
    assert!(html.contains("of each message</h3>") && !html.contains("no verdict"));
    let html = folder.written("report.html", &["run.json"]);
    assert!(!html.contains("of each message</h3>"));
    assert!(
        html.contains("run.json holds no single messages"),
        "says which file would"
    );
    assert!(html.contains("give the .xlsx or .csv of the run"));
}

#[test]
fn a_run_that_cannot_be_drawn_takes_no_other_runs_picture_away() {
    let folder = Folder::new();
    save(&closed_loop_run(|_| {}), &folder.path("good.csv"));
    save(&closed_loop_run(|_| {}), &folder.path("lost.csv"));
    let text = std::fs::read_to_string(folder.path("lost.csv")).unwrap();
    let lost = text.lines().enumerate().map(|(at, line)| {
        let fields: Vec<_> = line.split(',').collect();
        match at {
            0 => line.to_owned(),
            _ => [&fields[..4], &["", "", "lost", "0"]].concat().join(","),
        }
    });
    let lost: Vec<_> = lost.collect();
    std::fs::write(folder.path("lost.csv"), lost.join("\n") + "\n").unwrap();
    let html = folder.written("report.html", &["lost.csv", "good.csv"]);
    for title in [
        "of each message</h3>",
        ">Percentiles</h3>",
        "over the run</h3>",
    ] {
        assert!(html.contains(title), "{title}");
    }
    assert!(html.contains("Not in the picture of the messages: "));
    assert!(!html.contains("No picture of each message"));
}

#[test]
fn each_of_many_runs_has_its_heatmap() {
    let folder = Folder::new();
    let names: Vec<String> = (1..=7).map(|n| format!("run{n}.xlsx")).collect();
    for name in &names {
        save(&open_loop_run(|_| {}), &folder.path(name));
    }
    let mut arguments: Vec<&str> = names.iter().map(String::as_str).collect();
    arguments.extend(["-o", "all.html"]);
    let html = folder.written("all.html", &arguments);
    assert!(html.contains("over the run"));
    assert!(!html.contains("have no room"), "a heatmap is missing");
}

#[test]
fn the_legends_of_several_runs_are_whole() {
    let folder = Folder::new();
    for (name, hour) in [
        ("before the change.xlsx", 13),
        ("after the change.xlsx", 14),
    ] {
        let run = open_loop_run(|s| s.started_at = format!("2026-01-31T{hour}:00:00Z"));
        save(&run, &folder.path(name));
    }
    let files = ["before the change.xlsx", "after the change.xlsx"];
    let html = folder.written("report.html", &files);
    // What a picture says in its rows of text; of the page around it, ellipses are no matter.
    let pictures: Vec<_> = html.split("<svg ").skip(1).collect();
    let mut texts = pictures
        .iter()
        .filter_map(|picture| picture.split_once("</svg>"))
        .flat_map(|(picture, _)| picture.split("<text ").skip(1))
        .filter_map(|text| Some(text.split_once('>')?.1.split_once('<')?.0.trim()));
    // Below the axis of a narrow heatmap all is not there either.
    let is_cut = |text: &&str| text.ends_with('…') && !text.starts_with("when messages");
    let cut = texts.clone().find(is_cut);
    assert_eq!(cut, None);
    assert!(texts.any(|text| text.contains("max ")));
}

#[test]
fn each_further_nine_is_as_wide_is_true_of_all_marks() {
    let folder = Folder::new();
    save(&closed_loop_run(|_| {}), &folder.path("run.xlsx"));
    let html = folder.written("report.html", &["run.xlsx"]);
    assert!(html.contains("90 %, 99 %, 99.9 % … are equally spaced"));
    assert!(!html.contains("only a tenth"), "not from 75 % to 90 %");
}

#[test]
fn a_file_without_a_summary_has_no_verdict() {
    let folder = Folder::new();
    save(&closed_loop_run(|_| {}), &folder.path("run.csv"));
    let html = folder.written("report.html", &["run.csv"]);
    assert!(html.contains("<strong>no verdict</strong>"));
    assert!(html.contains("of each message</h3>"));
    save(&closed_loop_run(|_| {}), &folder.path("run.hlog"));
    let html = folder.written("report.html", &["run.hlog"]);
    assert!(html.contains("<strong>no verdict</strong>"));
    assert!(html.contains(">Percentiles</h3>"));
    // A log knows what came back, not what was sent.
    let markdown = folder.written("report.md", &["run.hlog", "-o", "report.md"]);
    assert!(markdown.contains("| echoed | 3,000 |"), "{markdown}");
    assert!(!markdown.contains("| sent |") && !markdown.contains("| failed |"));
    let markdown = folder.written("report.md", &["run.csv", "-o", "report.md"]);
    assert!(markdown.contains("| sent | 3,000 |") && markdown.contains("| failed | 0 |"));
    assert!(html.contains("run.hlog holds no single messages"));
}

#[cfg(unix)]
#[test]
fn what_files_and_servers_say_stays_text() {
    const HOSTILE: &str = "<script>alert(1)<&script>.xlsx";
    let folder = Folder::new();
    let hostile = |started_at: &str| {
        closed_loop_run(|s| {
            s.plan.url = "ws://h/<script>alert(2)</script>?|`x`".into();
            s.host.cpu = "<img src=x onerror=alert(3)>".into();
            s.validity.reasons = vec!["<script>alert(4)</script>".into()];
            s.connections
                .failures
                .insert("</script><script>alert(5)</script>".into(), 1);
            s.started_at = started_at.into();
        })
    };
    save(&hostile("1"), &folder.path(HOSTILE));
    save(&hostile("2"), &folder.path("b.xlsx"));
    for files in [&["b.xlsx"][..], &[HOSTILE, "b.xlsx"]] {
        let html = folder.written("report.html", files);
        assert!(!html.contains("<script>alert"));
        assert!(!html.contains("<img"));
        assert!(html.contains("alert(2)"));
        let arguments = [files, &["-o", "report.md"]].concat();
        let markdown = folder.written("report.md", &arguments);
        let outside_code = markdown.split("```").step_by(2);
        for part in outside_code {
            assert!(
                !part.contains("<script") && !part.contains("<img"),
                "{part}"
            );
        }
    }
}

#[test]
fn a_title_can_be_given() {
    let folder = Folder::new();
    save(&closed_loop_run(|_| {}), &folder.path("run.xlsx"));
    let html = folder.written("report.html", &["run.xlsx", "--title", "Before & after"]);
    assert!(html.contains("<h1>Before &#38; after</h1>"));
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_is_written() {
    let folder = Folder::new();
    save(&closed_loop_run(|_| {}), &folder.path("run.xlsx"));
    let said = folder.refused(2, &["run.xlsx", "-o", "report.pdf"]);
    assert_eq!(
        said,
        "error: cannot tell the kind of report from the name report.pdf: use .html or .md\n"
    );
    assert!(folder.refused(2, &[]).contains("Usage: ws-report"));
    let said = folder.refused(1, &["none.json"]);
    assert!(said.starts_with("error: cannot read none.json: "), "{said}");
    assert_eq!(said.lines().count(), 1);
    fs::write(folder.path("text.json"), "{}").unwrap();
    assert!(folder.refused(1, &["text.json"]).contains("text.json"));
    let said = folder.refused(1, &["run.xlsx", "-o", "none/report.html"]);
    assert!(
        said.starts_with("error: cannot write none/report.html"),
        "{said}"
    );
    let names: Vec<_> = (0..8).map(|n| format!("{n}.xlsx")).collect();
    for name in &names {
        let run = closed_loop_run(|s| s.started_at.clone_from(name));
        save(&run, &folder.path(name));
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert!(
        folder
            .refused(2, &names)
            .contains("8 runs given: at most 7")
    );
}

/// The first missing key of a summary was named.
#[test]
fn a_comparison_of_servers_is_called_what_it_is() {
    let folder = Folder::new();
    let document = format!("{{\"schema\": 99, \"kind\": \"{KIND}\"}}");
    fs::write(folder.path("compared.json"), document).unwrap();
    assert_eq!(
        folder.refused(1, &["compared.json"]),
        "error: compared.json is a comparison that ws-compare wrote, not a run: give its .json to ws-compare\n"
    );
}

#[test]
fn an_input_is_never_overwritten() {
    let folder = Folder::new();
    save(&closed_loop_run(|_| {}), &folder.path("run.csv"));
    fs::rename(folder.path("run.csv"), folder.path("run.md")).unwrap();
    for output in ["run.md", "./run.md"] {
        let said = folder.refused(1, &["run.md", "-o", output]);
        assert!(
            said.ends_with("is an input file: name another file for the report with -o\n"),
            "{said}"
        );
    }
}

#[test]
fn a_run_that_was_decoded_is_said_to_be() {
    let folder = Folder::new();
    save(&closed_loop_run(|_| {}), &folder.path("run.json"));
    let text = fs::read_to_string(folder.path("run.json")).unwrap();
    let utf_16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(folder.path("run.json"), utf_16).unwrap();
    let output = folder.run(&["run.json", "-o", "a.md"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "notice: run.json is read as UTF-16, because it is not UTF-8\nwrote a.md\n"
    );
}

#[test]
fn the_log_of_a_killed_run_has_figures_and_no_verdict() {
    let folder = Folder::new();
    let output = write::Output::create(&folder.path("run.hlog")).unwrap();
    let mut output = output.growing(&Tool::default()).unwrap();
    let seconds = logged_seconds(&open_loop_run(|_| {}));
    seconds.iter().for_each(|second| output.append(second));
    drop(output);
    let partial = folder.path("run.hlog.partial");
    let text = fs::read_to_string(&partial).unwrap();
    fs::write(&partial, &text[..text.len() - 9]).unwrap();
    let counts = seconds[1].counts;
    let page = folder.written("a.md", &["run.hlog.partial", "-o", "a.md"]);
    in_order(
        &page,
        &[
            "an incomplete log, without a summary",
            "The figures of an incomplete log have no verdict.",
            "run.hlog.partial is incomplete: its run goes on or was killed. It holds 2 s of the measured phase; its last \
             line is torn and left out",
            "### Times",
            &format!("| sent | {} |", grouped(counts.sent)),
            &format!("| echoed | {} |", grouped(counts.received)),
            "| failed | 0 |",
            "| unsent | 0 |",
            "| opened | 3 |",
        ],
    );
    fs::copy(&partial, folder.path("other.hlog.partial")).unwrap();
    let both = folder.written(
        "b.md",
        &["run.hlog.partial", "other.hlog.partial", "-o", "b.md"],
    );
    for name in ["run", "other"] {
        assert!(
            both.contains(&format!("{name}.hlog.partial is incomplete")),
            "{both}"
        );
    }
}
