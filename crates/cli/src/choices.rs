//! Flags that take one of several names.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// A name on the command line, its help, which may be empty, and the value that it stands for.
pub type Choice<T> = (&'static str, &'static str, T);

/// A parser of one of these names. `--help` and completions list them with their help.
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
            .ok_or("it is not one of the names")
    })
}
