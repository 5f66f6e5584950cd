//! Parsers of flags that accept one of several names, or a number up to a limit.

use std::num::NonZeroU64;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use units::{UnitError, parse_positive};

/// A name on the command line, its help (may be empty), and its value.
pub type Choice<T> = (&'static str, &'static str, T);

/// A parser that accepts one of these names. `--help` and completions list them with their help.
pub fn one_of<T>(choices: &'static [Choice<T>]) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
{
    let names = choices.iter().map(|(name, help, _)| match *help {
        "" => PossibleValue::new(*name),
        help => PossibleValue::new(*name).help(help),
    });
    PossibleValuesParser::new(names).try_map(|typed| {
        let mut values = choices.iter();
        values
            .find_map(|(name, _, value)| (*name == typed).then(|| value.clone()))
            .ok_or("not one of the names")
    })
}

/// A parser that accepts a whole number from 1 to `limit`.
pub fn up_to<T: TryFrom<NonZeroU64>>(
    limit: impl Into<u64>,
) -> impl Fn(&str) -> Result<T, UnitError> + Clone {
    let limit = limit.into();
    move |text| parse_positive(text, limit)
}
