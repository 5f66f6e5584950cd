//! Results of `--fail-if` conditions.

use serde::{Deserialize, Serialize};

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde passes it.
pub(super) fn is_false(truth: &bool) -> bool {
    !truth
}

/// Result of a condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ConditionResult {
    /// The condition as typed, without spaces.
    pub expression: String,
    /// The figure's value: nanoseconds, bytes, a count or a share; `None` when the run does not have the figure.
    pub value: Option<f64>,
    /// The value as text.
    pub value_text: String,
    /// True when the condition held. A condition on a figure that the run does not have holds too, so that a gate never
    /// passes unchecked. So does one that is inconclusive.
    pub held: bool,
    /// True when the value is a lower bound that does not decide the condition.
    #[serde(default, skip_serializing_if = "is_false")]
    pub inconclusive: bool,
}
