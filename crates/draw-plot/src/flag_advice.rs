//! Advice on flags for errors and notices of the library, which knows none.

use draw_plot::{DrawError, Notice};
use results::{ColumnProblem, ResultsError};

/// The error, with the flag that helps behind its message.
pub(crate) fn with_advice(error: DrawError) -> anyhow::Error {
    let DrawError::Results(cause) = &error else {
        return error.into();
    };
    let advice = match cause {
        ResultsError::NoColumn(place, ColumnProblem::BesideHidden { problem, hidden }) => {
            let file = place.path.display().to_string();
            let hidden = wording::files::hidden_left_out(&file, hidden);
            let advice = advice_on(problem);
            return anyhow::anyhow!("{error}{advice}; {hidden}: --sheet reads one");
        }
        ResultsError::NoColumn(_, problem) => advice_on(problem),
        ResultsError::OnlyDistribution(_) => ": draw it with --kind percentiles, histogram or cdf",
        ResultsError::WrongCell { .. } => "; --skip-invalid leaves such cells out",
        _ => return error.into(),
    };
    if advice.is_empty() {
        return error.into();
    }
    anyhow::anyhow!("{error}{advice}")
}

fn advice_on(problem: &ColumnProblem) -> &'static str {
    match problem {
        ColumnProblem::NotNumbers { .. } => "; mend it, or name another one with --column",
        ColumnProblem::NoNumbers(Some(_)) | ColumnProblem::OtherTime(_) => {
            "; if it is meant, say so with --column"
        }
        ColumnProblem::Distribution { .. } => {
            "; if its times are single ones, name their column with --column"
        }
        ColumnProblem::OnlyX(_) => ", which --x draws against",
        ColumnProblem::Ambiguous(_) | ColumnProblem::AmbiguousName { .. } => " with --column",
        ColumnProblem::NotATime { .. } => "; if it is one, say so with --column and --unit",
        ColumnProblem::UnclearUnit { .. } => "; give it with --unit",
        ColumnProblem::MixedNumbers { .. } => {
            "; say with --decimal point or --decimal comma what stands before decimals"
        }
        _ => "",
    }
}

/// The notice, with the flag that corrects the guess.
pub(crate) fn with_correction(notice: &Notice) -> String {
    let advice = if notice.unit_is_assumed {
        ": --unit says otherwise"
    } else {
        ""
    };
    format!("{}{advice}", notice.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use draw_plot::{PictureKind, load};
    use results::read::ColumnRequest;

    /// The message about a CSV file of this content.
    fn message(text: &str, x: Option<&str>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let request = ColumnRequest {
            x: x.map(Into::into),
            ..ColumnRequest::default()
        };
        let error = with_advice(load(PictureKind::Latency, &[path], &request).unwrap_err());
        let folder = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
        error.to_string().replace(&folder, "")
    }

    #[test]
    fn the_flag_that_helps_is_named() {
        assert_eq!(
            message("a,b\n1.5,2.5\n", None),
            "cannot tell which column of a.csv to draw: choose one of `a`, `b` with --column"
        );
        assert_eq!(
            message("rtt,host\n1,a\n2,b\n", Some("rtt")),
            "a.csv has no column of numbers but `rtt`, which --x draws against"
        );
        assert_eq!(
            message("a,rtt\n1,2\n2,x\n", None),
            "cell B3 of a.csv holds the text `x`, not a time; --skip-invalid leaves such cells out"
        );
        assert_eq!(
            message("a;rtt_ms\nx;1.049\ny;2.125\n", None),
            "the numbers of column `rtt_ms` of a.csv can be read in two ways: cell B2 holds `1.049`, cell B3 `2.125`; \
             say with --decimal point or --decimal comma what stands before decimals"
        );
        assert_eq!(
            message("latency (?s)\n1\n2\n", None),
            "the unit of column `latency (?s)` of a.csv is not known: its name says `?s`; give it with --unit"
        );
        assert_eq!(
            message("n,Requests/s\n1,5\n2,6\n3,7\n", None),
            "column `Requests/s` of a.csv is a rate by its name, not a time; if it is one, say so with --column and --unit"
        );
        assert_eq!(
            message("percentile,latency_ms\n50,5\n99,6\n", None),
            "a.csv holds percentiles, not single times, by its column `percentile`; if its times are single ones, name \
             their column with --column"
        );
        assert_eq!(
            message("seq,think_time\n4,1\n9,2\n", None),
            "a.csv has no column that is named like a latency, and `think_time` is the time of something else by its \
             name; if it is meant, say so with --column"
        );
        assert_eq!(
            message(",b\n0,x\n1,y\n", None),
            "a.csv has no column of numbers but `A`, which only numbers the rows; if it is meant, say so with --column"
        );
        assert_eq!(
            message("a,b,rtt\n1,5,x\n2,6,y\n", None),
            "column `rtt` of a.csv holds no numbers: cell C2 holds the text `x`; mend it, or name another one with --column"
        );
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        assert_eq!(message("", None), "a.csv is empty");
    }
}
