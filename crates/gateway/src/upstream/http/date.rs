//! The date in a `Retry-After` header (RFC 9110, section 5.6.7): only the form that HTTP prescribes.
//! Obsolete forms are not read; a server that uses them is taken to have said nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How long it is from `now` until a date such as `Sun, 06 Nov 1994 08:49:37 GMT`; zero when it is past.
pub(super) fn until_date(text: &str, now: SystemTime) -> Option<Duration> {
    let (_, date) = text.split_once(", ")?;
    let mut words = date.split(' ');
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (time, zone) = (words.next()?, words.next()?);
    if zone != "GMT" || words.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let days =
        days_since_1970(year.parse().ok().filter(|year| (1970..=9999).contains(year))?, month, day.parse().ok()?);
    let mut clock = time.split(':').map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    let at = UNIX_EPOCH + Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds);
    Some(at.duration_since(now).unwrap_or_default())
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, by the rule of whole eras of 400 years.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.saturating_sub(1);
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_the_rfc_is_read_and_others_are_not() {
        let at = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let before = at - Duration::from_secs(90);
        assert_eq!(until_date("Sun, 06 Nov 1994 08:49:37 GMT", before), Some(Duration::from_secs(90)));
        assert_eq!(until_date("Sun, 06 Nov 1994 08:49:37 GMT", at), Some(Duration::ZERO));
        let leap = UNIX_EPOCH + Duration::from_secs(1_709_164_800);
        assert_eq!(until_date("Fri, 01 Mar 2024 00:00:00 GMT", leap), Some(Duration::from_secs(86_400)));
        for text in ["", "tomorrow", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994"] {
            assert_eq!(until_date(text, at), None, "{text}");
        }
    }
}
