//! JSON schemas (draft 2020-12) of the documents.

/// The schema of a run, as `ws-bench --json` prints it and `-o` writes it into a `.json`.
pub const RUN_SCHEMA: &str = include_str!("../../schema/run.json");

/// The schema of a comparison, as `ws-compare --json` prints it and `-o` writes it into a `.json`.
pub const COMPARISON_SCHEMA: &str = include_str!("../../schema/comparison.json");

#[cfg(test)]
mod tests {
    use std::path::Path;

    use measurement::run::comparison::Comparison;
    use schemars::Schema;
    use schemars::generate::SchemaSettings;
    use schemars::transform::RecursiveTransform;

    use super::*;
    use crate::write::json::JsonDocument;

    /// The schemas of written documents. Readers accept documents of older versions too.
    fn schema_of<T: schemars::JsonSchema>(title: &str) -> String {
        let settings = SchemaSettings::draft2020_12()
            .for_serialize()
            .with_transform(RecursiveTransform(describe_in_words_of_json));
        let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
        schema.insert("title".to_owned(), title.into());
        serde_json::to_string_pretty(&schema).unwrap() + "\n"
    }

    /// Replaces Rust terms in a description by JSON terms.
    fn describe_in_words_of_json(schema: &mut Schema) {
        let Some(serde_json::Value::String(description)) = schema.get_mut("description") else {
            return;
        };
        let mut text = String::new();
        // `[`name`](path)` is a link of rustdoc.
        for (nth, part) in description.split("[`").enumerate() {
            match part.split_once("`]") {
                Some((name, rest)) if nth > 0 => {
                    let path = rest.strip_prefix('(').and_then(|path| path.split_once(')'));
                    text += &format!("`{name}`{}", path.map_or(rest, |(_, rest)| rest));
                }
                _ => text += part,
            }
        }
        *description = text.replace("`None`", "`null`").replace('\n', " ");
    }

    /// `UPDATE_GOLDEN=1` rewrites the files.
    fn check(name: &str, published: &str, generated: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("schema")
            .join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, generated).unwrap();
        } else {
            assert!(
                published == generated,
                "schema/{name} differs from the types: UPDATE_GOLDEN=1 rewrites it"
            );
        }
    }

    #[test]
    fn the_published_schemas_are_those_of_the_types() {
        check(
            "run.json",
            RUN_SCHEMA,
            &schema_of::<JsonDocument<'_>>("A run of ws-bench"),
        );
        check(
            "comparison.json",
            COMPARISON_SCHEMA,
            &schema_of::<Comparison>("A comparison of ws-compare"),
        );
    }
}
