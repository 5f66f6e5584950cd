//! Errors of scenarios, with the flags that help.

use scenario::ScenarioError;

/// An error of a scenario as text, with the flag that helps where there is one. Begins with `file:line:column: ` when
/// the error has a place.
#[must_use]
pub fn scenario_error(error: &ScenarioError) -> String {
    match error {
        ScenarioError::VarNotSet { name, about } => {
            let about = about.as_ref().map(|about| format!(": {about}"));
            format!(
                "this scenario needs --set {name}=…{}",
                about.unwrap_or_default()
            )
        }
        ScenarioError::TableNotGiven { name, suggestion } => {
            format!("this scenario needs --data {name}=FILE, a CSV table{suggestion}")
        }
        ScenarioError::TooFewRows { .. } => {
            format!("{error} · --data-wrap begins again with the first row")
        }
        ScenarioError::TooShort { .. } => format!("{error}: use a larger --size"),
        ScenarioError::NoPad { .. } => format!("{error}: leave --size out, or add ${{pad}} to it"),
        ScenarioError::NoCue { place } => format!("{place}: {error}: use --rate"),
        ScenarioError::TooFewClients { needed, .. } => format!("{error}: use -c {needed}"),
        _ => error.to_string(),
    }
}

/// Returns true when the text of an error begins with its place, as editors expect it at the beginning of a line.
#[must_use]
pub fn begins_with_place(error: &ScenarioError) -> bool {
    matches!(
        error,
        ScenarioError::InFile { .. }
            | ScenarioError::Load { .. }
            | ScenarioError::NoColumn { .. }
            | ScenarioError::LengthFormat { .. }
            | ScenarioError::NoCue { .. }
    )
}

/// The notice on a URL whose path replaces that of a scenario, which names the rooms.
#[must_use]
pub fn replaced_rooms(path: &str, rooms: u32) -> String {
    format!(
        "the path of the URL replaces {path} of the scenario, so all clients are in one room and not in {rooms}; leave the path out of the URL"
    )
}

/// Advice on a text from the command line that has lost its holes.
#[must_use]
pub fn lost_holes(flag: &str) -> String {
    format!(
        "{flag} holds no ${{hole}}: between double quotes the shell replaces it, so use single quotes"
    )
}
