//! Files that would fill the memory: each is refused, or read in bounded memory.

#![allow(clippy::print_stdout)]

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use results::read::{ColumnRequest, read_times};
use zip::write::SimpleFileOptions;

use crate::files::{file, message};

/// A workbook whose texts are this long; its sheet holds this XML.
fn archive(texts: usize, cells: &str) -> Vec<u8> {
    const TYPES: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = |kind: &str, target: &str| {
        format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"{TYPES}/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut part = |name: &str, chunks: &mut dyn Iterator<Item = Vec<u8>>| {
        let fastest = SimpleFileOptions::default().compression_level(Some(1));
        zip.start_file(name, fastest).unwrap();
        chunks.for_each(|chunk| zip.write_all(&chunk).unwrap());
    };
    let mut text = |name: &str, text: String| part(name, &mut std::iter::once(text.into_bytes()));
    text(
        "_rels/.rels",
        relations("officeDocument", "xl/workbook.xml"),
    );
    text(
        "xl/_rels/workbook.xml.rels",
        relations("worksheet", "worksheets/sheet1.xml"),
    );
    text(
        "xl/workbook.xml",
        format!(
            "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{TYPES}\"><sheets><sheet name=\"latencies\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
        ),
    );
    text(
        "xl/worksheets/sheet1.xml",
        format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{cells}</sheetData></worksheet>"),
    );
    let begin = format!("<sst xmlns=\"{MAIN}\"><si><t>").into_bytes();
    let middle = (0..texts >> 20).map(|_| vec![b' '; 1 << 20]);
    let end = b"</t></si></sst>".to_vec();
    part(
        "xl/sharedStrings.xml",
        &mut std::iter::once(begin)
            .chain(middle)
            .chain(std::iter::once(end)),
    );
    zip.finish().unwrap().into_inner()
}

const ROWS: &str =
    "<row r=\"1\"><c r=\"A1\"><v>1.5</v></c></row><row r=\"2\"><c r=\"A2\"><v>2.5</v></c></row>";

#[test]
fn a_zip_bomb_is_refused() {
    let (_folder, path) = file("a.xlsx", archive(1 << 20, ROWS));
    let times = read_times(&path, &ColumnRequest::default()).unwrap();
    assert_eq!(times.times.values_ms, [1.5, 2.5], "a small one is read");

    let bomb = archive(160 << 20, ROWS);
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    let (_folder, path) = file("a.xlsx", bomb);
    let said = message(&path, &ColumnRequest::default());
    assert!(
        said.starts_with(
            "a.xlsx is not read because it looks like a zip bomb: its part `xl/sharedstrings.xml`"
        ),
        "{said}"
    );
}

#[test]
fn a_cell_without_end_is_refused() {
    // Letters that hardly deflate.
    let mut state = 1_u64;
    let letters: String = (0..1_000_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'A' + u8::try_from(state >> 33 & 31).unwrap())
        })
        .collect();
    let cell =
        format!("<row r=\"3\"><c r=\"A3\" t=\"inlineStr\"><is><t>{letters}</t></is></c></row>");
    let (_folder, path) = file("a.xlsx", archive(0, &format!("{ROWS}{cell}")));
    assert_eq!(
        message(&path, &ColumnRequest::default()),
        "a.xlsx is not read because it looks like a zip bomb: a cell of its sheet `latencies` has no end"
    );
}

/// Set in a process of its own, so that nothing else is in what it measures.
#[cfg(target_os = "linux")]
const CHILD: &str = "RESULTS_TEST_FILE_OF_ZEROS";

#[cfg(target_os = "linux")]
#[test]
fn twenty_million_rows_of_zeros_take_bounded_memory() {
    const ROWS: usize = 20_000_000;
    if let Some(path) = std::env::var_os(CHILD) {
        let times = read_times(Path::new(&path), &ColumnRequest::default()).unwrap();
        assert_eq!(times.times.chosen_from, Some(ROWS as u64));
        assert!(times.times.values_ms.iter().all(|value| *value == 0.0));
        assert!(times.times.values_ms.len() > 4 << 20);
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        println!("most: {}", most.unwrap().trim());
        return;
    }
    let (_folder, path) = file("zeros.csv", format!("latency_ms\n{}", "0\n".repeat(ROWS)));
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("bounded::twenty_million_rows_of_zeros_take_bounded_memory")
        .env(CHILD, &path)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{told}");
    let most = told.split_once("most: ").unwrap().1;
    let kib: u64 = most.split_once(" kB").unwrap().0.parse().unwrap();
    // All of them would be 160 MB.
    assert!(kib < 120 << 10, "{kib} KiB");
}
