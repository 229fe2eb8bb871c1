//! Moments in queries: what people and programs write for "since when". Nothing is written here.

use crate::Problem;
use protocol::ErrorKind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads `2026-11-21T05:37:00Z` (RFC 3339, in UTC), milliseconds since 1970, or a time before `now`
/// such as `15m`; gives milliseconds since 1970.
///
/// # Errors
/// What is none of these.
pub(crate) fn moment(name: &str, text: &str, now: SystemTime) -> Result<i64, Problem> {
    let whole = text.parse::<i64>().ok().filter(|ms| *ms >= 0);
    let found = whole.or_else(|| rfc3339(text)).or_else(|| {
        let at = now.checked_sub(config::parse_duration(text)?)?;
        i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
    });
    found.ok_or_else(|| {
        let shown: String = text.chars().filter(|letter| !letter.is_control()).take(40).collect();
        let problem = Problem::new(ErrorKind::InvalidParams, format!("`{name}` is `{shown}`, which is no moment"));
        problem.hint("such as 2026-11-21T05:37:00Z, 1795239420000 (milliseconds since 1970) or 15m (before now)")
    })
}

fn rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.split(':').map(digits);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let is_whole = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_whole || hour > 23 || minute > 59 || second > 60 || fraction.len() > 9 {
        return None;
    }
    let ms: String = fraction.chars().chain("00".chars()).take(3).collect();
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    let at =
        Duration::from_secs(u64::try_from(seconds).ok()?) + Duration::from_millis(u64::try_from(digits(&ms)?).ok()?);
    i64::try_from(at.as_millis()).ok()
}

fn digits(text: &str) -> Option<i64> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Days after 1970-01-01 in the Gregorian calendar; the year begins in March, so that its leap day is its
/// last (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_they_are_written() {
        for ms in [0, 951_782_400_000, 951_868_799_999, 1_735_689_599_123, 1_795_239_420_007, 4_102_444_800_000] {
            let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap());
            assert_eq!(moment("since", &supervisor::utc(at), at), Ok(ms));
            assert_eq!(moment("since", &ms.to_string(), at), Ok(ms));
        }
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        assert_eq!(moment("since", "15m", now), Ok(100_000));
        assert_eq!(moment("since", "2026-11-21T05:37:00.5Z", now), Ok(1_795_239_420_500));
    }

    #[test]
    fn other_words_are_no_moments() {
        for text in
            ["", "soon", "-1", "2026-11-21", "2026-13-01T00:00:00Z", "2026-11-21T05:37:00", "20h ago", "1d\u{7}"]
        {
            let refused = moment("since", text, UNIX_EPOCH + Duration::from_secs(1)).unwrap_err();
            assert!(refused.status == 400 && !refused.title.contains('\u{7}'), "{text}");
        }
    }
}
