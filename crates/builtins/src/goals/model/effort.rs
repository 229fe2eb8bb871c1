//! How long a task may take, from what people write: `3d`, `5h`, `2w`, `90m`.
//!
//! It deliberately knows hours of work, not a calendar: a day has 8 of them, a week 40.

use super::rows::{Estimate, Task};

/// What a task takes of which nobody said anything, hours.
pub(crate) const HOURS_ASSUMED: f64 = 1.0;
/// How many times as long as half of such tasks the slowest tenth takes, where nobody said it.
const SPREAD: f64 = 2.0;

/// How long the task may take; none if nobody said anything that can be read.
#[must_use]
pub(crate) fn of(task: &Task) -> Option<Estimate> {
    task.estimate.or_else(|| {
        let p50 = hours(task.estimated_effort.as_deref()?)?;
        Some(Estimate { p50, p90: p50 * SPREAD })
    })
}

/// The estimate of a task of which nobody said anything.
#[must_use]
pub(crate) fn assumed() -> Estimate {
    Estimate { p50: HOURS_ASSUMED, p90: HOURS_ASSUMED * SPREAD }
}

/// Reads an effort: numbers with units, added up.
#[must_use]
pub(crate) fn hours(text: &str) -> Option<f64> {
    let mut rest = text.trim().trim_start_matches('~');
    let mut sum = None;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (number, more) = rest.split_at(digits);
        let more = more.trim_start();
        let letters = more.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(more.len());
        let (unit, more) = more.split_at(letters);
        let factor = match unit.to_ascii_lowercase().as_str() {
            "m" | "min" | "mins" | "minute" | "minutes" => 1.0 / 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 1.0,
            "d" | "day" | "days" => 8.0,
            "w" | "week" | "weeks" => 40.0,
            _ => return None,
        };
        sum = Some(sum.unwrap_or(0.0) + number.parse::<f64>().ok()? * factor);
        rest = more.trim_start();
    }
    sum.filter(|hours: &f64| hours.is_finite() && *hours <= 1_000_000.0)
}

#[cfg(test)]
mod tests {
    use super::hours;

    #[test]
    fn efforts_are_read_as_people_write_them() {
        for (text, expected) in
            [("3d", 24.0), ("5h", 5.0), ("2w", 80.0), ("90m", 1.5), ("1d 4h", 12.0), ("~2 days", 16.0), ("1.5h", 1.5)]
        {
            assert_eq!(hours(text), Some(expected), "{text}");
        }
        for text in ["", "soon", "3", "d", "3d?", "1..2h", "99999999999w", "３d"] {
            assert_eq!(hours(text), None, "{text}");
        }
    }
}
