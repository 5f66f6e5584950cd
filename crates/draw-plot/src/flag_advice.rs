//! Advice on flags for errors and notices of the library, which knows none.

use draw_plot::{DrawError, Notice};
use results::{ColumnProblem, ResultsError};

/// The error, with the flag that helps behind its message.
pub(crate) fn with_advice(error: DrawError) -> anyhow::Error {
    let advice = match &error {
        DrawError::Results(ResultsError::NoColumn(_, problem)) => match problem {
            ColumnProblem::NotNumbers(_) => ": mend it, or name another one with --column",
            ColumnProblem::NoNumbers(Some(_)) => "; if it is meant, say so with --column",
            ColumnProblem::OnlyX(_) => ", which --x draws against",
            ColumnProblem::Ambiguous(_) => " with --column",
            _ => return error.into(),
        },
        _ => return error.into(),
    };
    anyhow::anyhow!("{error}{advice}")
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
            message(",b\n0,x\n1,y\n", None),
            "a.csv has no column of numbers but `A`, which only numbers the rows; if it is meant, say so with --column"
        );
        assert_eq!(
            message("a,b,rtt\n1,5,x\n2,6,y\n", None),
            "column `rtt` of a.csv holds no numbers: mend it, or name another one with --column"
        );
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        assert_eq!(message("", None), "a.csv is empty");
    }
}
