//! `ws-compare`.
fn main() {}
