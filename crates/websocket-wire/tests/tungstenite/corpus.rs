//! Replay of the fuzzing corpus.

use std::path::Path;

#[test]
fn the_corpus_of_the_decoder_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/decoder");
    let mut files = 0;
    for entry in std::fs::read_dir(&corpus).unwrap() {
        super::decoder_check::decoder(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 10, "{files} files in {}", corpus.display());
}
