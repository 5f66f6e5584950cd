//! Cells as they are stored.

use serde::{Deserialize, Serialize};

use super::{CellRules, LoadCells};

/// Cells as they are stored: counts without the zeros between them.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredCells {
    rules: CellRules,
    answered: Vec<u64>,
    failed: Vec<u64>,
    unsent: Vec<u64>,
    arrived: Vec<u64>,
    slow_service: Vec<u64>,
    slow_punctual: Vec<u64>,
    slow_unstopped: Vec<u64>,
}

/// Pairs of a number of zeros and the count behind them.
fn without_zeros(counts: &[u32]) -> Vec<u64> {
    let mut stored = Vec::new();
    let mut zeros = 0;
    for count in counts {
        if *count == 0 {
            zeros += 1;
        } else {
            stored.extend([zeros, u64::from(*count)]);
            zeros = 0;
        }
    }
    stored
}

/// Puts stored counts back in their places.
fn put_back(stored: &[u64], counts: &mut [u32]) -> Result<(), String> {
    let mut place = 0_usize;
    for pair in stored.chunks(2) {
        let [zeros, count] = pair else {
            return Err("a count of a cell is missing".to_owned());
        };
        place = usize::try_from(*zeros).map_or(usize::MAX, |zeros| place.saturating_add(zeros));
        let slot = counts.get_mut(place);
        let count = u32::try_from(*count).ok();
        let (Some(slot), Some(count)) = (slot, count) else {
            return Err("a count of a cell is out of range".to_owned());
        };
        *slot = count;
        place += 1;
    }
    Ok(())
}

impl From<LoadCells> for StoredCells {
    fn from(cells: LoadCells) -> Self {
        Self {
            answered: without_zeros(&cells.answered),
            failed: without_zeros(&cells.failed),
            unsent: without_zeros(&cells.unsent),
            arrived: without_zeros(&cells.arrived),
            slow_service: without_zeros(&cells.slow_service),
            slow_punctual: cells.slow_punctual,
            slow_unstopped: cells.slow_unstopped,
            rules: cells.rules,
        }
    }
}

impl TryFrom<StoredCells> for LoadCells {
    type Error = String;

    fn try_from(stored: StoredCells) -> Result<Self, String> {
        let mut cells = Self::new(&stored.rules);
        put_back(&stored.answered, &mut cells.answered)?;
        put_back(&stored.failed, &mut cells.failed)?;
        put_back(&stored.unsent, &mut cells.unsent)?;
        put_back(&stored.arrived, &mut cells.arrived)?;
        put_back(&stored.slow_service, &mut cells.slow_service)?;
        let limits = (cells.slow_punctual.len(), cells.slow_unstopped.len());
        if limits != (stored.slow_punctual.len(), stored.slow_unstopped.len()) {
            return Err("the limits of the cells have no counts".to_owned());
        }
        cells.slow_punctual = stored.slow_punctual;
        cells.slow_unstopped = stored.slow_unstopped;
        Ok(cells)
    }
}
