//! Moments as people and other programs write them: RFC 3339, in UTC, to the millisecond.
//!
//! It deliberately knows no time zones but offsets, and no leap seconds.

use super::rows::Ms;

const DAY_MS: Ms = 86_400_000;

/// `2026-11-21T17:30:00.000Z`.
#[must_use]
pub(crate) fn text(moment: Ms) -> String {
    let (days, rest) = (moment.div_euclid(DAY_MS), moment.rem_euclid(DAY_MS));
    let (year, month, day) = date(days);
    let (hours, minutes, seconds, ms) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}Z")
}

/// Reads an RFC 3339 moment, a date alone (its beginning in UTC), or milliseconds since 1970.
#[must_use]
pub(crate) fn read(text: &str) -> Option<Ms> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<Ms>()
        && text.len() > 9
    {
        return Some(ms);
    }
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<Ms>().ok()).flatten();
    let (year, month, day) = (number(text.get(..4)?)?, number(text.get(5..7)?)?, number(text.get(8..10)?)?);
    let dashed = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    if !dashed || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let start = days(year, month, day) * DAY_MS;
    let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) else { return Some(start) };
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(at);
    let mut parts = clock.split(':');
    let (hours, minutes) = (number(parts.next()?)?, number(parts.next()?)?);
    let seconds: f64 = parts.next().unwrap_or("0").parse().ok()?;
    if hours > 24 || minutes > 59 || !(0.0..61.0).contains(&seconds) || parts.next().is_some() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 61 000")]
    let ms = (seconds * 1_000.0).round() as Ms;
    Some(start + hours * 3_600_000 + minutes * 60_000 + ms - offset(zone)?)
}

/// An offset from UTC, ms.
fn offset(zone: &str) -> Option<Ms> {
    let sign = match zone.chars().next() {
        None | Some('Z' | 'z') => return Some(0),
        Some('-') => -1,
        Some(_) => 1,
    };
    let digits: String = zone.chars().skip(1).filter(|letter| *letter != ':').collect();
    let (hours, minutes) = (digits.get(..2)?.parse::<Ms>().ok()?, digits.get(2..4).unwrap_or("0").parse::<Ms>().ok()?);
    Some(sign * (hours * 3_600_000 + minutes * 60_000))
}

/// Days since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read_alike() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(1_795_279_800_123), "2026-11-21T16:50:00.123Z");
        for moment in [-1, 951_782_400_000, 1_709_164_800_000, 4_102_444_799_999] {
            assert_eq!(read(&text(moment)), Some(moment));
        }
    }

    #[test]
    fn offsets_dates_and_bare_numbers_are_read_and_nonsense_is_not() {
        assert_eq!(read("2026-11-21T17:50:00.123+01:00"), Some(1_795_279_800_123));
        assert_eq!(read("2026-11-21"), read("2026-11-21T00:00:00Z"));
        assert_eq!(read("2024-01-15T10:30:00.123456-08:00"), read("2024-01-15T18:30:00.123Z"));
        assert_eq!(read("1795279800123"), Some(1_795_279_800_123));
        for text in ["", "soon", "2026-13-01", "2026-11-21T99:00", "2026/11/21", "2026-11-21Tx", "２０２６-11-21"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
