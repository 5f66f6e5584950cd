//! Validation of documents against their JSON schema.

/// Checks that a document is valid against a schema.
///
/// # Panics
/// With every violation, or when a text is not JSON.
pub fn assert_valid_json(schema: &str, document: &str) {
    let schema = serde_json::from_str(schema).unwrap();
    let document = serde_json::from_str(document).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
