//! Kinds of files that are not read, recognized by their first bytes, each with advice.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;

use crate::error::Refusal;

/// First bytes, kind of file, and command or step that makes a readable file of it.
/// `{}` stands for the file's name.
const KNOWN: [(&[u8], &str, &str); 30] = [
    (
        b"\x1F\x8B",
        "packed with gzip",
        "unpack it with `gunzip -k {}`",
    ),
    (
        b"BZh",
        "packed with bzip2",
        "unpack it with `bunzip2 -k {}`",
    ),
    (
        b"\xFD7zXZ\0",
        "packed with xz",
        "unpack it with `unxz -k {}`",
    ),
    (
        b"\x5D\0\0",
        "packed with lzma",
        "unpack it with `unlzma -k {}`",
    ),
    (
        b"\x28\xB5\x2F\xFD",
        "packed with zstd",
        "unpack it with `unzstd {}`",
    ),
    (
        b"\x04\x22\x4D\x18",
        "packed with lz4",
        "unpack it with `unlz4 {}`",
    ),
    (
        b"\x1F\x9D",
        "packed with compress",
        "unpack it with `uncompress -k {}`",
    ),
    (b"LZIP", "packed with lzip", "unpack it with `lzip -dk {}`"),
    (
        b"7z\xBC\xAF\x27\x1C",
        "a 7-Zip archive",
        "unpack it with `7z x {}`",
    ),
    (
        b"Rar!\x1A\x07",
        "a RAR archive",
        "unpack it with `unrar x {}`",
    ),
    (
        b"%PDF",
        "a PDF document",
        "save the table as .csv where it was made",
    ),
    (
        b"{\\rtf",
        "an RTF document",
        "save the table as .csv where it was made",
    ),
    (b"PAR1", "an Apache Parquet file", PANDAS_PARQUET),
    (
        b"ARROW1",
        "an Apache Arrow file",
        "save it as .csv: pandas.read_feather(…).to_csv(…)",
    ),
    (
        b"FEA1",
        "a Feather file",
        "save it as .csv: pandas.read_feather(…).to_csv(…)",
    ),
    (b"Obj\x01", "an Apache Avro file", "save it as .csv"),
    (
        b"ORC",
        "an Apache ORC file",
        "save it as .csv: pandas.read_orc(…).to_csv(…)",
    ),
    (
        b"\x89HDF",
        "an HDF5 file",
        "save it as .csv: pandas.read_hdf(…).to_csv(…)",
    ),
    (
        b"MATLAB 5.0",
        "a MATLAB file",
        "save it as .csv: writematrix(…)",
    ),
    (
        b"\x93NUMPY",
        "a NumPy array",
        "save it as .csv: numpy.savetxt(…)",
    ),
    (
        b"\x80\x04",
        "a Python pickle",
        "save it as .csv: pandas.read_pickle(…).to_csv(…)",
    ),
    (
        b"\x80\x05",
        "a Python pickle",
        "save it as .csv: pandas.read_pickle(…).to_csv(…)",
    ),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "save a table as .csv: `sqlite3 -csv -header {} 'select …'`",
    ),
    (
        b"\x89PNG",
        "a PNG picture",
        "give the file with the numbers",
    ),
    (
        b"\xFF\xD8\xFF",
        "a JPEG picture",
        "give the file with the numbers",
    ),
    (b"GIF8", "a GIF picture", "give the file with the numbers"),
    (b"\x7FELF", "a program", "give the file with the numbers"),
    (
        b"\xD4\xC3\xB2\xA1",
        "a packet capture",
        "save times as .csv: `tshark -T fields -E separator=, -r {} -e …`",
    ),
    (
        b"\x0A\x0D\x0D\x0A",
        "a packet capture",
        "save times as .csv: `tshark -T fields -E separator=, -r {} -e …`",
    ),
    (
        b"\xFF\xFE\0\0",
        "text in UTF-32",
        "save it as UTF-8: `iconv -f UTF-32 -t UTF-8 {}`",
    ),
];

const GATLING: &str = "logs of Gatling up to 3.11 can be read";

const PANDAS_PARQUET: &str = "save it as .csv: pandas.read_parquet(…).to_csv(…)";

/// Offset of the mark of a tar archive.
const TAR_MARK_AT: usize = 257;

/// Detects the kind of a file that is not read. [`zip_refusal`] does so for ZIP files.
pub(super) fn refusal(path: &Path, head: &[u8]) -> Option<Refusal> {
    let known = KNOWN.iter().find(|(mark, ..)| head.starts_with(mark));
    if let Some((_, what, remedy)) = known {
        return Some(of(path, what, remedy));
    }
    // A record of the run, then its version with the length before it.
    if head.starts_with(b"\0\0\0\0") && head.get(5..).is_some_and(|rest| rest.starts_with(b"3.")) {
        return Some(of(path, "a binary log of Gatling 3.12 or later", GATLING));
    }
    let is_tar = head
        .get(TAR_MARK_AT..)
        .is_some_and(|rest| rest.starts_with(b"ustar"));
    is_tar.then(|| of(path, "a tar archive", "unpack it with `tar -xf {}`"))
}

fn of(path: &Path, what: &str, remedy: &str) -> Refusal {
    Refusal::NotReadHere {
        what: what.to_owned(),
        remedy: remedy.replace("{}", &path.display().to_string()),
    }
}

/// A part that only one kind of ZIP file has, the kind, and the command or step that makes a readable file of it.
const ZIP_PARTS: [(&str, &str, &str); 11] = [
    ("xl/workbook.bin", "an .xlsb workbook", "save it as .xlsx"),
    (
        "index/document.iwa",
        "a document of Apple Numbers, Pages or Keynote",
        "export the table as .csv or .xlsx",
    ),
    (
        "index.zip",
        "a document of Apple Numbers, Pages or Keynote",
        "export the table as .csv or .xlsx",
    ),
    (
        "word/document.xml",
        "a Word document",
        "save the table as .xlsx or .csv",
    ),
    (
        "ppt/presentation.xml",
        "a PowerPoint presentation",
        "save the table as .xlsx or .csv",
    ),
    (
        "mimetype",
        "an OpenDocument file other than a spreadsheet",
        "save the table as .ods or .csv",
    ),
    ("data.pkl", "a PyTorch file", "save the numbers as .csv"),
    (
        "meta-inf/manifest.mf",
        "a Java archive",
        "give the file with the numbers",
    ),
    (
        "androidmanifest.xml",
        "an Android application",
        "give the file with the numbers",
    ),
    ("doc.kml", "a KMZ map", "give the file with the numbers"),
    (".npy", "NumPy arrays", "save one as .csv: numpy.savetxt(…)"),
];

const UNZIP: &str = "unpack it with `unzip {}`";

/// Detects the kind of a ZIP file other than a workbook. `None` for a workbook, and for an unreadable archive, whose error
/// comes from its reader.
pub(super) fn zip_refusal(path: &Path, file: &File) -> Option<Refusal> {
    let zip = ZipArchive::new(BufReader::new(file)).ok()?;
    let names: Vec<String> = zip
        .file_names()
        .filter_map(Result::ok)
        .map(|name| name.to_lowercase().replace('\\', "/"))
        .collect();
    let has = |part: &str| names.iter().any(|name| name.ends_with(part));
    if has("xl/workbook.xml") {
        return None;
    }
    let known = ZIP_PARTS.iter().find(|(part, ..)| has(part));
    match known {
        Some((_, what, remedy)) => Some(of(path, what, remedy)),
        // A workbook may keep its parts anywhere.
        None if has("[content_types].xml") => None,
        None => Some(of(path, "a ZIP archive", UNZIP)),
    }
}

/// Detects the kind of markup of a text.
pub(super) fn markup_refusal(path: &Path, head: &str) -> Option<Refusal> {
    let text = head.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with('<') {
        return None;
    }
    let text = text.to_lowercase();
    let (what, remedy) = if text.contains("<testresults") {
        (
            "an XML log of JMeter",
            "save results as CSV (`jmeter.save.saveservice.output_format=csv`)",
        )
    } else if text.contains("excel.sheet")
        || text.contains("urn:schemas-microsoft-com:office:spreadsheet")
    {
        (
            "an XML spreadsheet of Excel 2003",
            "open it in a spreadsheet and save it as .xlsx",
        )
    } else if text.contains("office:document") {
        ("a flat OpenDocument file", "save it as .ods")
    } else if text.contains("<html")
        || text.contains("<table")
        || text.starts_with("<!doctype html")
    {
        (
            "an HTML page",
            "open it in a spreadsheet and save it as .xlsx or .csv",
        )
    } else if text.starts_with("<?xml") {
        ("an XML document", "save its table as .csv")
    } else {
        return None;
    };
    Some(of(path, what, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_mark_has_a_sentence_of_its_own() {
        for (mark, what, remedy) in KNOWN {
            let refusal = refusal(Path::new("a.b"), mark).unwrap();
            let wanted = format!("is {what}: {}", remedy.replace("{}", "a.b"));
            assert_eq!(refusal.to_string(), wanted);
        }
        let mut tar = vec![b'a'; TAR_MARK_AT];
        tar.extend(b"ustar\0");
        let found = refusal(Path::new("a.tar"), &tar).unwrap().to_string();
        assert_eq!(found, "is a tar archive: unpack it with `tar -xf a.tar`");
        assert_eq!(refusal(Path::new("a.csv"), b"a,b\n1,2\n"), None);
    }

    #[test]
    fn markup_is_named_by_what_it_is() {
        let named =
            |text: &str| markup_refusal(Path::new("a"), text).map(|found| found.to_string());
        assert!(
            named("<?xml version=\"1.0\"?><testResults>")
                .unwrap()
                .contains("JMeter")
        );
        assert!(
            named("<?mso-application progid=\"Excel.Sheet\"?>")
                .unwrap()
                .contains("2003")
        );
        assert!(named("\u{feff} <HTML><body>").unwrap().contains("HTML"));
        assert_eq!(named("<5,6\n"), None);
        assert_eq!(named("a,<html>\n"), None);
    }
}
