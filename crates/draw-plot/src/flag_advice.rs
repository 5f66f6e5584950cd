//! Advice on flags for the errors and notices of the library, which does not know the flags.

use draw_plot::{DrawError, Notice};
use results::{ColumnProblem, ResultsError};

/// The error with advice on the flag that helps.
pub(crate) fn with_advice(error: DrawError) -> anyhow::Error {
    let DrawError::Results(cause) = &error else {
        return error.into();
    };
    let advice = match cause {
        ResultsError::NoColumn(place, ColumnProblem::BesideHidden { problem, hidden }) => {
            let file = place.path.display().to_string();
            let hidden = wording::files::hidden_left_out(&file, hidden);
            let advice = advice_on(problem);
            return anyhow::anyhow!("{error}{advice}; {hidden} (--sheet reads one of them)");
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
        ColumnProblem::NotNumbers { .. } => {
            "; correct the file, or choose another column with --column"
        }
        ColumnProblem::NoNumbers(Some(_)) | ColumnProblem::OtherTime(_) => {
            "; draw it with --column if it is the right one"
        }
        ColumnProblem::Distribution { .. } => {
            "; if the file holds single times, choose their column with --column"
        }
        ColumnProblem::OnlyX(_) => ", which --x uses for the horizontal axis",
        ColumnProblem::Ambiguous(_) | ColumnProblem::AmbiguousName { .. } => " with --column",
        ColumnProblem::NotATime { .. } => "; if it is one, choose it with --column and --unit",
        ColumnProblem::UnclearUnit { .. } => "; set it with --unit",
        ColumnProblem::MixedNumbers { .. } => {
            "; set the decimal separator with --decimal point or --decimal comma"
        }
        _ => "",
    }
}

/// The notice with advice on the flag that corrects the guess.
pub(crate) fn with_correction(notice: &Notice) -> String {
    let advice = if notice.unit_is_assumed {
        " (--unit sets another one)"
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
            "several columns of a.csv can hold the times: choose one of `a`, `b` with --column"
        );
        assert_eq!(
            message("rtt,host\n1,a\n2,b\n", Some("rtt")),
            "the only column of numbers of a.csv is `rtt`, which --x uses for the horizontal axis"
        );
        assert_eq!(
            message("a,rtt\n1,2\n2,x\n", None),
            "cell B3 of a.csv holds the text `x`, not a time; --skip-invalid leaves such cells out"
        );
        assert_eq!(
            message("a;rtt_ms\nx;1.049\ny;2.125\n", None),
            "the numbers of column `rtt_ms` of a.csv can be read in two ways: cell B2 holds `1.049`, cell B3 `2.125`; \
             set the decimal separator with --decimal point or --decimal comma"
        );
        assert_eq!(
            message("latency (?s)\n1\n2\n", None),
            "the unit of column `latency (?s)` of a.csv is unknown: its name contains `?s`; set it with --unit"
        );
        assert_eq!(
            message("n,Requests/s\n1,5\n2,6\n3,7\n", None),
            "column `Requests/s` of a.csv is a rate by its name, not a time; if it is one, choose it with --column and --unit"
        );
        assert_eq!(
            message("percentile,latency_ms\n50,5\n99,6\n", None),
            "a.csv holds percentiles, not single times, according to its column `percentile`; if the file holds single times, choose \
             their column with --column"
        );
        assert_eq!(
            message("seq,think_time\n4,1\n9,2\n", None),
            "no column of a.csv has the name of a latency, and `think_time` is another time by its name; draw \
             it with --column if it is the right one"
        );
        assert_eq!(
            message(",b\n0,x\n1,y\n", None),
            "the only column of numbers of a.csv is `A`, which numbers the rows; draw it with --column if it is the right one"
        );
        assert_eq!(
            message("a,b,rtt\n1,5,x\n2,6,y\n", None),
            "column `rtt` of a.csv holds no numbers: cell C2 holds the text `x`; correct the file, or choose another column with --column"
        );
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        assert_eq!(message("", None), "a.csv is empty");
    }
}
