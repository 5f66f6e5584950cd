//! The dependency graph: allowed dependencies between the crates of the workspace, and no circles between the modules
//! of a crate.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Every crate and the workspace crates that it may use, one crate per line. Dev-dependencies are not restricted.
const ARROWS: &str = "
    units:
    statistics:
    host:
    websocket-wire:
    scenario: units
    measurement: scenario statistics units
    swarm: host measurement scenario statistics units websocket-wire
    results: measurement units
    shards: host measurement results units
    wording: measurement scenario statistics units
    cli: host measurement scenario units
    scenario-trial: measurement scenario swarm units wording
    echo-server: host units
    axum-ws: cli echo-server
    tungstenite-ws: cli echo-server
    draw-plot: cli measurement results units wording
    ws-report: cli draw-plot measurement results units wording
    ws-compare: cli draw-plot host measurement results scenario scenario-trial statistics swarm units wording ws-report
    ws-bench: axum-ws cli draw-plot host measurement results scenario scenario-trial shards statistics swarm tungstenite-ws units wording
    ws-truth: cli host measurement scenario swarm units
    ws-soak: cli host measurement swarm units websocket-wire
    test-support: echo-server measurement units
";

/// Crates without files, sockets and clocks.
const PURE: [&str; 2] = ["measurement", "scenario"];

/// Libraries that a pure crate must not use.
const NOT_IN_PURE: [&str; 4] = ["tokio", "clap", "calamine", "rust_xlsxwriter"];

#[test]
fn crates_use_each_other_only_along_the_arrows() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .lines()
        .filter_map(|line| line.trim().split_once(':'))
        .map(|(name, uses)| (name, uses.split_whitespace().collect()))
        .collect();
    let names: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(
        names,
        allowed.keys().copied().collect(),
        "the crates of the design"
    );
    for package in &metadata.packages {
        let normal = package
            .dependencies
            .iter()
            .filter(|d| d.kind != DependencyKind::Development)
            .map(|d| d.name.as_str());
        let used: BTreeSet<&str> = normal.clone().filter(|name| names.contains(name)).collect();
        let allowed = &allowed[package.name.as_str()];
        let forbidden: Vec<_> = used.difference(allowed).collect();
        assert!(
            forbidden.is_empty(),
            "{} may not use {forbidden:?}",
            package.name
        );
        if PURE.contains(&package.name.as_str()) {
            let impure: Vec<_> = normal.filter(|d| NOT_IN_PURE.contains(d)).collect();
            assert!(
                impure.is_empty(),
                "{} is pure, but uses {impure:?}",
                package.name
            );
        }
    }
}

#[test]
fn modules_of_a_crate_use_each_other_without_circles() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let mut found = Vec::new();
    for package in &metadata.packages {
        let targets = package.targets.iter().filter(|t| t.is_lib() || t.is_bin());
        for target in targets {
            let modules = Modules::read(target.src_path.as_std_path());
            let circles = modules.circles().into_iter();
            found.extend(circles.map(|circle| format!("{}: {circle}", target.name)));
        }
    }
    assert_eq!(found, Vec::<String>::new(), "circles between modules");
}

#[test]
fn a_circle_is_found_wherever_its_paths_stand() {
    let circles = |sources: [&str; 3]| {
        let folder = tempfile::tempdir().unwrap();
        let names = ["lib.rs", "a.rs", "b.rs"];
        for (name, source) in std::iter::zip(names, sources) {
            std::fs::write(folder.path().join(name), source).unwrap();
        }
        Modules::read(&folder.path().join("lib.rs")).circles()
    };
    let lib = "mod a; mod b;";
    // In a `use`, in a group, in a macro, and from an inline module.
    assert_eq!(
        circles([lib, "use crate::b::B;", "use super::a;"]),
        ["a, b"]
    );
    assert_eq!(
        circles([
            lib,
            "use crate::{b::{self, B}};",
            "fn f() { println!(\"{}\", crate::a::A) }"
        ]),
        ["a, b"]
    );
    assert_eq!(
        circles([
            lib,
            "use super::b;",
            "mod inner { use super::super::a; } use inner::X;"
        ]),
        [""; 0]
    );
    assert_eq!(
        circles([
            lib,
            "use super::b;",
            "mod inner { fn f() -> super::super::a::A {} } use crate::a;"
        ]),
        ["a, b"]
    );
    // In one direction, in a comment, in a string, and in tests only.
    let b = "/// [`crate::a`]\nfn f() { \"crate::a\"; } #[cfg(test)] use crate::a; #[cfg(test)] mod tests { use crate::a; }";
    assert_eq!(circles([lib, "use crate::b;", b]), [""; 0]);
}

/// The modules of a crate as paths from its root, and the modules that each of them uses.
#[derive(Default)]
struct Modules {
    paths: BTreeSet<Vec<String>>,
    used_paths: Vec<(Vec<String>, Vec<String>)>,
}

impl Modules {
    /// Reads the modules of the crate with this root file, except those for tests.
    fn read(root: &Path) -> Self {
        let mut modules = Self::default();
        modules.read_file(root, root.parent().unwrap(), &[]);
        modules
    }

    /// Reads the file of a module whose children are in this folder.
    fn read_file(&mut self, file: &Path, folder: &Path, module: &[String]) {
        let source = std::fs::read_to_string(file).unwrap();
        let tokens: TokenStream = source.parse().unwrap();
        self.read_tokens(tokens, folder, module);
    }

    fn read_tokens(&mut self, tokens: TokenStream, folder: &Path, module: &[String]) {
        let tokens = without_tests(tokens);
        for (at, token) in tokens.iter().enumerate() {
            match (token, &tokens[at + 1..]) {
                (TokenTree::Ident(word), [TokenTree::Ident(name), body, ..]) if word == "mod" => {
                    self.read_child(&name.to_string(), body, folder, module);
                }
                (TokenTree::Ident(word), rest) => {
                    let before = tokens[..at].last();
                    let is_inner = before.is_some_and(|token| is_punct(token, ':'));
                    let base = match word.to_string().as_str() {
                        _ if is_inner => None,
                        "crate" => Some(Vec::new()),
                        "self" => Some(module.to_vec()),
                        "super" => Some(parent(module)),
                        _ => None,
                    };
                    if let Some(base) = base {
                        self.read_path(base, rest, module);
                    }
                }
                (TokenTree::Group(group), _) if !is_body_of_module(&tokens[..at]) => {
                    self.read_tokens(group.stream(), folder, module);
                }
                _ => {}
            }
        }
    }

    fn read_child(&mut self, name: &str, body: &TokenTree, folder: &Path, module: &[String]) {
        let child = [module, &[name.to_owned()]].concat();
        self.paths.insert(child.clone());
        let inner = folder.join(name);
        match body {
            TokenTree::Group(body) => self.read_tokens(body.stream(), &inner, &child),
            _ => {
                let plain = folder.join(format!("{name}.rs"));
                let file = Some(plain).filter(|plain| plain.exists());
                self.read_file(&file.unwrap_or(inner.join("mod.rs")), &inner, &child);
            }
        }
    }

    /// Reads a path after its first word, including its groups in braces.
    fn read_path(&mut self, mut path: Vec<String>, mut rest: &[TokenTree], module: &[String]) {
        while let [colon, second, next, after @ ..] = rest
            && is_punct(colon, ':')
            && is_punct(second, ':')
        {
            match next {
                TokenTree::Ident(word) if word == "super" => path = parent(&path),
                TokenTree::Ident(word) if word == "self" => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    let tokens: Vec<_> = group.stream().into_iter().collect();
                    for part in tokens.split(|token| is_punct(token, ',')) {
                        // The first word of a part follows the path like any other word.
                        let colons: Vec<_> = rest[..2].iter().chain(part).cloned().collect();
                        self.read_path(path.clone(), &colons, module);
                    }
                    return;
                }
                _ => break,
            }
            rest = after;
        }
        self.used_paths.push((module.to_vec(), path));
    }

    /// The modules that a module uses, except its ancestors and descendants.
    fn used_by(&self, module: &[String]) -> impl Iterator<Item = &Vec<String>> {
        let of_module = self
            .used_paths
            .iter()
            .filter(move |(from, _)| from == module);
        let used = of_module.filter_map(|(_, path)| {
            let mut prefixes = (1..=path.len()).rev().map(|length| &path[..length]);
            prefixes.find_map(|prefix| self.paths.get(prefix))
        });
        used.filter(move |used| !used.starts_with(module) && !module.starts_with(used))
    }

    fn reached_from<'a>(&'a self, module: &'a Vec<String>) -> BTreeSet<&'a Vec<String>> {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![module];
        while let Some(module) = waiting.pop() {
            let new = self.used_by(module).filter(|used| reached.insert(*used));
            waiting.extend(new.collect::<Vec<_>>());
        }
        reached
    }

    /// The names of the modules in each circle.
    fn circles(&self) -> Vec<String> {
        let reached: BTreeMap<_, _> = self
            .paths
            .iter()
            .map(|m| (m, self.reached_from(m)))
            .collect();
        let circles: BTreeSet<Vec<String>> = reached
            .iter()
            .map(|(module, others)| {
                let back = others
                    .iter()
                    .filter(|other| reached[*other].contains(module));
                back.map(|module| module.join("::")).collect()
            })
            .collect();
        let circles = circles.into_iter().filter(|circle| !circle.is_empty());
        circles.map(|circle| circle.join(", ")).collect()
    }
}

fn parent(module: &[String]) -> Vec<String> {
    module
        .split_last()
        .map_or(Vec::new(), |(_, parent)| parent.to_vec())
}

fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

/// Returns true when the tokens precede the body of a module.
fn is_body_of_module(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(word), TokenTree::Ident(_)] if word == "mod")
}

/// The tokens without the items for tests only.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut kept = Vec::new();
    let mut rest = &tokens[..];
    while let [token, after @ ..] = rest {
        rest = after;
        if is_punct(token, '#') && after.first().is_some_and(is_for_tests) {
            let is_end = |token: &TokenTree| {
                is_punct(token, ';')
                    || matches!(token, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace)
            };
            let end = after.iter().position(is_end);
            rest = end.map_or(&[], |end| &after[end + 1..]);
        } else {
            kept.push(token.clone());
        }
    }
    kept
}

/// Returns true when an attribute contains `cfg(test)`, possibly with other conditions.
fn is_for_tests(brackets: &TokenTree) -> bool {
    let text = brackets.to_string().replace(' ', "");
    text.starts_with("[cfg(") && text.contains("test") && !text.contains("not(test)")
}
