//! CSV tables: row *n* belongs to client *n*.

use crate::error::{ScenarioError, Suggestion};
use crate::source::SourcePlace;

/// The tables of a scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    tables: Vec<CsvTable>,
    /// Clients behind the last row begin again with the first.
    wrap: bool,
}

#[derive(Debug, Clone)]
struct CsvTable {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Tables {
    pub(crate) fn new(wrap: bool) -> Self {
        Self {
            tables: Vec::new(),
            wrap,
        }
    }

    /// Reads a table from its CSV text, whose first row names the columns.
    pub(crate) fn add(&mut self, name: &str, text: &str) -> Result<(), ScenarioError> {
        let fault = |reason: String| ScenarioError::Table {
            table: name.to_owned(),
            reason,
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let cells =
            |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
        let columns = reader
            .headers()
            .map(cells)
            .map_err(|error| fault(error.to_string()))?;
        let mut rows = Vec::new();
        for record in reader.records() {
            rows.push(cells(&record.map_err(|error| fault(error.to_string()))?));
        }
        if rows.is_empty() {
            return Err(fault("no rows".to_owned()));
        }
        self.tables.push(CsvTable {
            name: name.to_owned(),
            columns,
            rows,
        });
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    fn table(&self, name: &str) -> Option<&CsvTable> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// A table that is not there is reported later, when the run begins.
    pub(crate) fn check_column(
        &self,
        table: &str,
        column: &str,
        place: &SourcePlace,
    ) -> Result<(), ScenarioError> {
        let Some(known) = self.table(table) else {
            return Ok(());
        };
        if known.columns.iter().any(|name| name == column) {
            return Ok(());
        }
        Err(ScenarioError::NoColumn {
            place: place.clone(),
            table: table.to_owned(),
            column: column.to_owned(),
            suggestion: Suggestion::nearest(column, known.columns.iter().map(String::as_str)),
        })
    }

    pub(crate) fn check_table(&self, name: &str) -> Result<(), ScenarioError> {
        if self.table(name).is_some() {
            return Ok(());
        }
        let known = self.tables.iter().map(|table| table.name.as_str());
        let suggestion = Suggestion::nearest(name, known);
        Err(ScenarioError::TableNotGiven {
            name: name.to_owned(),
            suggestion,
        })
    }

    /// Finds a table with fewer rows than clients.
    pub(crate) fn check_rows(&self, name: &str, clients: u64) -> Result<(), ScenarioError> {
        match self.table(name) {
            Some(table) if !self.wrap && (table.rows.len() as u64) < clients => {
                Err(ScenarioError::TooFewRows {
                    table: name.to_owned(),
                    rows: table.rows.len(),
                })
            }
            _ => Ok(()),
        }
    }

    /// A client's cell; empty where there is none.
    pub(crate) fn cell(&self, table: &str, column: &str, client: u32) -> &str {
        let cell = self.table(table).and_then(|table| {
            let column = table.columns.iter().position(|name| name == column)?;
            let rows = table.rows.len();
            let row = client as usize;
            let row = if self.wrap { row % rows } else { row };
            table.rows.get(row)?.get(column)
        });
        cell.map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_belongs_to_each_client() {
        let text = "\u{feff}name,token\na,1\n\"b,c\",2\n";
        let mut tables = Tables::new(false);
        tables.add("users", text).unwrap();
        assert_eq!(tables.cell("users", "name", 1), "b,c");
        assert_eq!(tables.cell("users", "name", 2), "");
        assert!(tables.check_rows("users", 2).is_ok());
        let error = tables.check_rows("users", 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "users has 2 rows, client 2 needs one of its own"
        );
        let mut wrapped = Tables::new(true);
        wrapped.add("users", text).unwrap();
        assert_eq!(wrapped.cell("users", "token", 3), "2");
        assert!(wrapped.check_rows("users", 3).is_ok());
        let place = SourcePlace {
            file: "f".to_owned(),
            line: 1,
            column: 2,
        };
        let error = tables.check_column("users", "tokn", &place).unwrap_err();
        assert_eq!(
            error.to_string(),
            "f:1:2: users has no column `tokn`; did you mean `token`?"
        );
    }

    #[test]
    fn a_table_without_rows_or_with_ragged_ones_is_refused() {
        let mut tables = Tables::new(false);
        assert_eq!(
            tables.add("t", "a,b\n").unwrap_err().to_string(),
            "t: no rows"
        );
        assert!(
            tables
                .add("t", "a,b\n1\n")
                .unwrap_err()
                .to_string()
                .starts_with("t: CSV error")
        );
    }
}
