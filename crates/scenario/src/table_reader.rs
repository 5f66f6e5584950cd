//! Tables of a TOML document, with checked keys and types.

use std::sync::Arc;
use std::time::Duration;

use toml_edit::{Item, Key, TableLike, Value};
use units::{ByteSize, parse_duration};

use crate::draft::{PatternDraft, PatternsDraft, RoleNames};
use crate::error::{Fault, ScenarioError, Suggestion};
use crate::source::{SourceText, Spot, SpottedText};

/// A table with its name, its place and its source.
pub(crate) struct TableReader<'a> {
    source: &'a Arc<SourceText>,
    table: &'a dyn TableLike,
    section: String,
    pub(crate) spot: Spot,
}

impl<'a> TableReader<'a> {
    pub(crate) fn new(
        source: &'a Arc<SourceText>,
        table: &'a dyn TableLike,
        section: &str,
        range: std::ops::Range<usize>,
        keys: &[&str],
    ) -> Result<Self, ScenarioError> {
        let reader = Self::open(source, table, section, range);
        for (key, _) in reader.entries() {
            if !keys.contains(&key.get()) {
                return Err(Fault::UnknownKey {
                    key: key.get().to_owned(),
                    section: section.to_owned(),
                    suggestion: Suggestion::nearest(key.get(), keys.iter().copied()),
                }
                .at(reader.spot(key.span()).place()));
            }
        }
        Ok(reader)
    }

    /// A table whose keys are names.
    pub(crate) fn open(
        source: &'a Arc<SourceText>,
        table: &'a dyn TableLike,
        section: &str,
        range: std::ops::Range<usize>,
    ) -> Self {
        let spot = Spot {
            source: Arc::clone(source),
            range,
        };
        Self {
            source,
            table,
            section: section.to_owned(),
            spot,
        }
    }

    /// Keys and items in the order of the file.
    pub(crate) fn entries(&self) -> Vec<(&'a Key, &'a Item)> {
        let keys: Vec<_> = self.table.iter().map(|(key, _)| key).collect();
        let entries = keys.iter().filter_map(|key| self.table.get_key_value(key));
        let mut entries: Vec<_> = entries.filter(|(_, item)| !item.is_none()).collect();
        entries.sort_by_key(|(key, _)| key.span().map_or(0, |span| span.start));
        entries
    }

    pub(crate) fn spot(&self, span: Option<std::ops::Range<usize>>) -> Spot {
        let range = span.unwrap_or_else(|| self.spot.range.clone());
        Spot {
            source: Arc::clone(self.source),
            range,
        }
    }

    pub(crate) fn item(&self, key: &str) -> Option<&'a Item> {
        self.table.get(key).filter(|item| !item.is_none())
    }

    /// Place of a value, if the key is there.
    pub(crate) fn item_spot(&self, key: &str) -> Option<Spot> {
        self.item(key).map(|item| self.spot(item.span()))
    }

    pub(crate) fn type_fault(&self, key: &str, wanted: &'static str) -> ScenarioError {
        let span = self.item(key).and_then(Item::span);
        Fault::Type {
            key: key.to_owned(),
            wanted,
        }
        .at(self.spot(span).place())
    }

    pub(crate) fn missing(&self, key: &'static str) -> ScenarioError {
        Fault::MissingKey {
            section: self.section.clone(),
            key,
        }
        .at(self.spot.place())
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<SpottedText>, ScenarioError> {
        match self.item(key) {
            None => Ok(None),
            Some(Item::Value(Value::String(text))) => Ok(Some(SpottedText::quoted(
                text.value().clone(),
                self.spot(text.span()),
            ))),
            Some(_) => Err(self.type_fault(key, "a text")),
        }
    }

    /// One text, or a list of texts.
    pub(crate) fn texts(&self, key: &str) -> Result<Option<Vec<SpottedText>>, ScenarioError> {
        let Some(Item::Value(Value::Array(list))) = self.item(key) else {
            return Ok(self.text(key)?.map(|text| vec![text]));
        };
        let text = |value: &Value| match value {
            Value::String(text) => Ok(SpottedText::quoted(
                text.value().clone(),
                self.spot(text.span()),
            )),
            _ => Err(self.type_fault(key, "a text or a list of texts")),
        };
        list.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn all_texts(&self) -> Result<Vec<(String, SpottedText)>, ScenarioError> {
        let mut texts = Vec::new();
        for (key, _) in self.entries() {
            if let Some(text) = self.text(key.get())? {
                texts.push((key.get().to_owned(), text));
            }
        }
        Ok(texts)
    }

    pub(crate) fn roles(&self) -> Result<RoleNames, ScenarioError> {
        Ok(self.texts("role")?.unwrap_or_default())
    }

    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, ScenarioError> {
        match self.item(key) {
            None => Ok(None),
            Some(item) => match item.as_bool() {
                Some(value) => Ok(Some(value)),
                None => Err(self.type_fault(key, "true or false")),
            },
        }
    }

    pub(crate) fn duration(&self, key: &str) -> Result<Option<Duration>, ScenarioError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let wanted = "a time such as \"200ms\" or \"30s\"";
        parse_duration(&text.value)
            .map(Some)
            .map_err(|_| self.type_fault(key, wanted))
    }

    pub(crate) fn size(
        &self,
        key: &str,
        unit: &str,
        wanted: &'static str,
    ) -> Result<Option<u64>, ScenarioError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let size = text
            .value
            .strip_suffix(unit)
            .and_then(|size| size.parse::<ByteSize>().ok());
        match size.filter(|size| size.0 > 0) {
            Some(size) => Ok(Some(size.0)),
            None => Err(self.type_fault(key, wanted)),
        }
    }

    fn child(&self, key: &str) -> Result<Option<(&'a dyn TableLike, Spot, String)>, ScenarioError> {
        let Some(item) = self.item(key) else {
            return Ok(None);
        };
        let section = match self.section.as_str() {
            "" => key.to_owned(),
            outer => format!("{outer}.{key}"),
        };
        match item.as_table_like() {
            Some(table) => Ok(Some((table, self.spot(item.span()), section))),
            None => Err(self.type_fault(key, "a table")),
        }
    }

    pub(crate) fn table(&self, key: &str, keys: &[&str]) -> Result<Option<Self>, ScenarioError> {
        match self.child(key)? {
            None => Ok(None),
            Some((table, spot, section)) => {
                Self::new(self.source, table, &section, spot.range, keys).map(Some)
            }
        }
    }

    pub(crate) fn any_table(&self, key: &str) -> Result<Option<Self>, ScenarioError> {
        let child = self.child(key)?;
        Ok(
            child
                .map(|(table, spot, section)| Self::open(self.source, table, &section, spot.range)),
        )
    }

    /// The tables of a list, `[[key]]` or `key = [{ … }]`.
    pub(crate) fn tables(
        &self,
        key: &'static str,
        keys: &[&str],
    ) -> Result<Vec<Self>, ScenarioError> {
        let open = |table, span| {
            let range = self.spot(span).range;
            Self::new(self.source, table, key, range, keys)
        };
        match self.item(key) {
            None => Ok(Vec::new()),
            Some(Item::ArrayOfTables(list)) => list
                .iter()
                .map(|table| open(table as &dyn TableLike, table.span()))
                .collect(),
            Some(Item::Value(Value::Array(list))) => list
                .iter()
                .map(|value| match value.as_inline_table() {
                    Some(table) => open(table as &dyn TableLike, table.span()),
                    None => Err(self.type_fault(key, "a list of tables")),
                })
                .collect(),
            Some(item) => Err(Fault::NotAList(key).at(self.spot(item.span()).place())),
        }
    }

    pub(crate) fn patterns(&self, key: &str) -> Result<Option<PatternsDraft>, ScenarioError> {
        let Some(item) = self.item(key) else {
            return Ok(None);
        };
        let spot = self.spot(item.span());
        let any_of = match item {
            Item::Value(Value::Array(list)) if !list.is_empty() => list
                .iter()
                .map(|value| self.pattern(key, value))
                .collect::<Result<_, _>>()?,
            Item::Value(value) => vec![self.pattern(key, value)?],
            Item::Table(table) => vec![self.json_pattern(key, table, spot.clone())?],
            _ => return Err(self.type_fault(key, PATTERN)),
        };
        Ok(Some(PatternsDraft { any_of, spot }))
    }

    fn pattern(&self, key: &str, value: &'a Value) -> Result<PatternDraft, ScenarioError> {
        let spot = self.spot(value.span());
        match value {
            Value::String(text) => Ok(PatternDraft::Text(SpottedText::quoted(
                text.value().clone(),
                spot,
            ))),
            Value::InlineTable(table) => self.json_pattern(key, table, spot),
            _ => Err(self.type_fault(key, PATTERN)),
        }
    }

    fn json_pattern(
        &self,
        key: &str,
        table: &'a dyn TableLike,
        spot: Spot,
    ) -> Result<PatternDraft, ScenarioError> {
        let outer = Self::new(self.source, table, key, spot.range.clone(), &["json"])?;
        let json = outer
            .any_table("json")?
            .ok_or_else(|| outer.missing("json"))?;
        let members = json.all_texts()?;
        if members.is_empty() {
            return Err(outer.type_fault("json", "a table of at least one pointer"));
        }
        Ok(PatternDraft::Json { spot, members })
    }
}

const PATTERN: &str = "a text, { json = { \"/pointer\" = \"text\" } }, or a list of these";
