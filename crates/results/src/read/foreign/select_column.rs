//! Selection of the column of times.

use super::column_contents::ColumnContents;
use super::column_name::ColumnName;
use super::detect_header::{HeaderColumn, SheetHeader};
use super::known_heads;
use crate::error::ColumnProblem;
use crate::read::cells::column_letters;
use crate::read::remark::RunnerUp;
use crate::read::time_unit::TimeUnit;
use crate::read::{ColumnRequest, Metric};
use crate::schema::{LatencyColumn, SheetColumn};

#[derive(Debug, Clone)]
pub(super) struct SelectedColumn {
    pub(super) column: u32,
    /// Name of the column in the file, or its letter.
    pub(super) label: String,
    pub(super) name: ColumnName,
    /// The unit of the known program that wrote the file.
    pub(super) known_unit: Option<TimeUnit>,
    /// The second best column, if the name decided.
    pub(super) runner_up: Option<RunnerUp>,
    /// First row of values, from 0.
    pub(super) first_row: u32,
    /// The column of the messages' outcomes.
    pub(super) outcome: Option<u32>,
    /// Number and label of the column for the horizontal axis.
    pub(super) x: Option<(u32, String)>,
    /// True if the sheet has the columns of ws-bench.
    pub(super) is_ours: bool,
}

/// A guess at the column of times.
struct Guess<'t> {
    column: &'t HeaderColumn,
    known_unit: Option<TimeUnit>,
    runner_up: Option<RunnerUp>,
}

/// Selects the requested column, else that of ws-bench, else that of another known program, else the one whose name fits
/// best, else the only one. The last two need the contents of the columns.
pub(super) fn select(
    header: &SheetHeader,
    contents: &[ColumnContents],
    request: &ColumnRequest,
) -> Result<SelectedColumn, ColumnProblem> {
    if header.columns.is_empty() {
        return Err(ColumnProblem::NoRows);
    }
    let x = request.x.as_deref();
    let x = x.map(|wanted| find(header, wanted)).transpose()?;
    let certain = |column| Guess {
        column,
        known_unit: None,
        runner_up: None,
    };
    let known = known_column(header);
    let guess = if let Some(wanted) = &request.column {
        let column = find(header, wanted)?;
        let known = known.filter(|known| known.column.index == column.index);
        known.unwrap_or_else(|| certain(column))
    } else if let Some(ours) = header.named(request.metric.column()) {
        certain(ours)
    } else if let Some(known) = known {
        known
    } else {
        if x.is_none()
            && let Some(problem) = distribution(header, contents)
        {
            return Err(problem);
        }
        Candidates::of(header, contents, x).guess(request.metric)?
    };
    let is_ours = header.our_columns().is_some();
    let outcome = header.named(LatencyColumn::Outcome.title());
    Ok(SelectedColumn {
        column: guess.column.index,
        label: guess.column.label(),
        name: ColumnName::of(&guess.column.label()),
        known_unit: guess.known_unit,
        runner_up: guess.runner_up,
        first_row: header.first_row,
        outcome: outcome.filter(|_| is_ours).map(|column| column.index),
        x: x.map(|x| (x.index, x.label())),
        is_ours,
    })
}

/// The column of times of a known program.
fn known_column(header: &SheetHeader) -> Option<Guess<'_>> {
    let (column, unit) = if header.has_names {
        let known = known_heads::time_column(&header.names())?;
        (header.named(known.column)?, known.unit)
    } else if known_heads::is_row_of_vegeta(&header.first_numbers) {
        (header.columns.get(2)?, TimeUnit::Nanoseconds)
    } else {
        return None;
    };
    Some(Guess {
        column,
        known_unit: Some(unit),
        runner_up: None,
    })
}

/// The problem with a table of few columns in which all columns except those of times describe a distribution.
fn distribution(header: &SheetHeader, contents: &[ColumnContents]) -> Option<ColumnProblem> {
    const MOST_COLUMNS: usize = 4;
    let columns = header.columns.iter().zip(contents);
    let columns: Vec<_> = columns.filter(|(column, _)| !column.is_index).collect();
    if !(2..=MOST_COLUMNS).contains(&columns.len()) {
        return None;
    }
    let (mut found, mut times) = (None, 0);
    for (column, contents) in columns {
        let label = column.name.as_deref()?;
        let name = ColumnName::of(label);
        match name.distribution() {
            // It numbers the rows.
            Some("a histogram") if contents.counts() => return None,
            Some(holds) if contents.is_numeric() || holds == "percentiles" => {
                found.get_or_insert_with(|| (label.to_owned(), holds));
            }
            None if name.other_meaning().is_none() && contents.has_numbers() => times += 1,
            _ => return None,
        }
    }
    let (column, holds) = found.filter(|_| times > 0)?;
    Some(ColumnProblem::Distribution { column, holds })
}

/// A column that can hold the times.
struct ColumnCandidate<'t> {
    column: &'t HeaderColumn,
    contents: &'t ColumnContents,
    name: Option<ColumnName>,
    /// True if the cells look like times of day, or like times since a moment.
    is_clock: bool,
}

impl ColumnCandidate<'_> {
    fn rank(&self, metric: Metric) -> Option<usize> {
        let name = self.name.as_ref().filter(|_| !self.is_clock);
        name.and_then(|name| name.rank(metric))
    }

    /// The meaning of a column that is not a time by its name or its cells.
    fn other_meaning(&self) -> Option<&'static str> {
        let by_name = self.name.as_ref().and_then(ColumnName::other_meaning);
        by_name.or(self.is_clock.then_some(POINT_IN_TIME))
    }

    fn is_other_time(&self) -> bool {
        self.name.as_ref().is_some_and(ColumnName::is_other_time)
    }
}

/// The meaning of a column whose cells are points in time.
pub(super) const POINT_IN_TIME: &str = "a point in time by its cells";

/// The columns that can hold the times: all except the one that numbers the rows and the one for the horizontal axis.
struct Candidates<'t> {
    header: &'t SheetHeader,
    all: Vec<ColumnCandidate<'t>>,
    x: Option<&'t HeaderColumn>,
}

impl<'t> Candidates<'t> {
    fn of(
        header: &'t SheetHeader,
        contents: &'t [ColumnContents],
        x: Option<&'t HeaderColumn>,
    ) -> Self {
        let is_x = |column: &HeaderColumn| x.is_some_and(|x| x.index == column.index);
        let both = header.columns.iter().zip(contents);
        let all: Vec<_> = both
            .filter(|(column, _)| !column.is_index && !is_x(column))
            .collect();
        let is_alone = all
            .iter()
            .filter(|(_, contents)| contents.is_numeric())
            .count()
            == 1;
        let candidate = |(column, contents): (&'t HeaderColumn, &'t ColumnContents)| {
            let name = column.name.as_deref().map(ColumnName::of);
            let is_bare = name.as_ref().is_some_and(ColumnName::is_bare_time);
            // The only numbers may well be sorted times.
            let is_stopwatch = is_bare && contents.only_rises() && !is_alone;
            ColumnCandidate {
                column,
                contents,
                is_clock: is_stopwatch || contents.are_points_in_time(name.as_ref()),
                name,
            }
        };
        Self {
            header,
            all: all.into_iter().map(candidate).collect(),
            x,
        }
    }

    /// Guesses the column of times from names and contents.
    fn guess(&self, metric: Metric) -> Result<Guess<'t>, ColumnProblem> {
        if !self.header.has_rows {
            return Err(ColumnProblem::NoRows);
        }
        match self.best_named(metric)? {
            Some(guess) => Ok(guess),
            None => self.only_numeric(),
        }
    }

    /// The column whose name fits a latency best, among those whose values differ; `None` when no name fits.
    fn best_named(&self, metric: Metric) -> Result<Option<Guess<'t>>, ColumnProblem> {
        let mut ranks: Vec<usize> = self.all.iter().filter_map(|one| one.rank(metric)).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let mut constant: Vec<&ColumnCandidate<'t>> = Vec::new();
        for rank in &ranks {
            let of_rank = || {
                self.all
                    .iter()
                    .filter(|one| one.rank(metric) == Some(*rank))
            };
            let mut unreadable = of_rank().filter(|one| !one.contents.has_numbers());
            let readable: Vec<_> = of_rank().filter(|one| one.contents.has_numbers()).collect();
            let is_sure = |one: &&ColumnCandidate<'_>| {
                one.name
                    .as_ref()
                    .is_some_and(ColumnName::is_surely_a_latency)
            };
            if readable.is_empty() {
                match unreadable.find(is_sure) {
                    // Another one would be drawn in its place.
                    Some(one) => {
                        return Err(one
                            .contents
                            .not_numbers(one.column.index, one.column.label()));
                    }
                    None => continue,
                }
            }
            let is_constant = |one: &&ColumnCandidate<'_>| one.contents.constant().is_some();
            let (of_others, varied): (Vec<_>, Vec<_>) = readable.into_iter().partition(is_constant);
            constant.extend(of_others);
            match varied.as_slice() {
                [] => {}
                [one] if one.is_other_time() => return Err(other_time(one)),
                [one] => {
                    let runner_up = constant.first().map(|one| runner_up(one));
                    let runner_up = runner_up.or_else(|| self.next_best(one, metric));
                    return Ok(Some(guess_of(one, runner_up)));
                }
                several => return Err(ambiguous(several)),
            }
        }
        let best = constant.iter().filter_map(|one| one.rank(metric)).min();
        constant.retain(|one| one.rank(metric) == best);
        match constant.as_slice() {
            [] => Ok(None),
            [one] if one.is_other_time() => Err(other_time(one)),
            [one] => Ok(Some(guess_of(one, self.next_best(one, metric)))),
            several => Err(ambiguous(several)),
        }
    }

    /// The readable column whose name fits second best.
    fn next_best(&self, best: &ColumnCandidate<'_>, metric: Metric) -> Option<RunnerUp> {
        let others = self.all.iter();
        let others = others.filter(|one| one.column.index != best.column.index);
        let others = others.filter(|one| one.contents.is_numeric() && one.rank(metric).is_some());
        others.min_by_key(|one| one.rank(metric)).map(runner_up)
    }

    /// The only column of numbers that can be times, if no name decides. It is not read in place of a column that has the
    /// name of a latency and is not a time.
    fn only_numeric(&self) -> Result<Guess<'t>, ColumnProblem> {
        let numeric = || self.all.iter().filter(|one| one.contents.is_numeric());
        let says_latency = |one: &&ColumnCandidate<'_>| {
            one.name.as_ref().is_some_and(ColumnName::says_latency) && one.other_meaning().is_some()
        };
        if let Some(one) = numeric().find(says_latency) {
            return Err(not_a_time(one));
        }
        let is_alone = numeric().count() == 1;
        let may_be = |one: &&ColumnCandidate<'_>| {
            one.other_meaning().is_none() && (is_alone || !one.contents.counts())
        };
        let candidates: Vec<_> = numeric().filter(may_be).collect();
        match candidates.as_slice() {
            [one] => Ok(guess_of(one, None)),
            [] => Err(self.no_candidate()),
            several => Err(ambiguous(several)),
        }
    }

    fn no_candidate(&self) -> ColumnProblem {
        let mut numeric = self.all.iter().filter(|one| one.contents.is_numeric());
        if let Some(one) = numeric.find(|one| one.other_meaning().is_some()) {
            return not_a_time(one);
        }
        let mut indexes = self.header.columns.iter().filter(|column| column.is_index);
        match (self.x, indexes.next()) {
            (Some(x), None) => ColumnProblem::OnlyX(x.label()),
            (_, index) => ColumnProblem::NoNumbers(index.map(HeaderColumn::label)),
        }
    }
}

fn guess_of<'t>(one: &ColumnCandidate<'t>, runner_up: Option<RunnerUp>) -> Guess<'t> {
    Guess {
        column: one.column,
        known_unit: None,
        runner_up,
    }
}

fn runner_up(one: &ColumnCandidate<'_>) -> RunnerUp {
    RunnerUp {
        column: one.column.label(),
        constant: one.contents.constant(),
    }
}

fn other_time(one: &ColumnCandidate<'_>) -> ColumnProblem {
    ColumnProblem::OtherTime(one.column.label())
}

fn not_a_time(one: &ColumnCandidate<'_>) -> ColumnProblem {
    ColumnProblem::NotATime {
        column: one.column.label(),
        meaning: one.other_meaning().unwrap_or(POINT_IN_TIME),
    }
}

/// The error that lists these columns, with their letters if names occur twice.
fn ambiguous(several: &[&ColumnCandidate<'_>]) -> ColumnProblem {
    let columns: Vec<_> = several.iter().map(|one| one.column).collect();
    ColumnProblem::Ambiguous(labels(&columns))
}

fn labels(columns: &[&HeaderColumn]) -> Vec<String> {
    let is_unique = |column: &HeaderColumn| {
        columns
            .iter()
            .filter(|other| other.label() == column.label())
            .count()
            == 1
    };
    let is_clear = columns.iter().all(|column| is_unique(column));
    let label = |column: &&HeaderColumn| {
        if is_clear {
            column.label()
        } else {
            column.full_label()
        }
    };
    columns.iter().map(label).collect()
}

/// Finds a column by its name in the typed case, else in any case, else by its letter, else by its full label.
fn find<'t>(header: &'t SheetHeader, wanted: &str) -> Result<&'t HeaderColumn, ColumnProblem> {
    let with = |is_it: &dyn Fn(&HeaderColumn) -> bool| -> Vec<&'t HeaderColumn> {
        header
            .columns
            .iter()
            .filter(|column| is_it(column))
            .collect()
    };
    let name = |column: &HeaderColumn| column.name.clone().unwrap_or_default();
    let steps: [&dyn Fn(&HeaderColumn) -> bool; 4] = [
        &|column| name(column) == wanted,
        &|column| name(column).to_lowercase() == wanted.to_lowercase(),
        &|column| column_letters(column.index) == wanted.to_uppercase(),
        &|column| column.full_label() == wanted,
    ];
    let mut found = steps
        .into_iter()
        .map(with)
        .filter(|found| !found.is_empty());
    match found.next().as_deref() {
        Some([column]) => Ok(column),
        Some(several) => Err(ColumnProblem::AmbiguousName {
            name: wanted.to_owned(),
            columns: several.iter().map(|column| column.full_label()).collect(),
        }),
        None => {
            let known: Vec<_> = header.columns.iter().collect();
            Err(ColumnProblem::NoSuchColumn(
                wanted.to_owned(),
                labels(&known),
            ))
        }
    }
}
