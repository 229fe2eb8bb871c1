//! Durations and sizes as people write them: `30`, `"500ms"`, `"5m"`, `"4MiB"`.
//!
//! It reads and prints; which range is allowed is said by the key that holds the value.

use std::time::Duration;

/// Reads a duration: digits and one of `ms`, `s`, `m`, `h`, `d`. Without a unit: seconds.
/// `None` for anything else, or too long for 64 bits of milliseconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    number.checked_mul(factor).map(Duration::from_millis)
}

/// Reads a number of bytes: digits and one of `B`, `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`
/// (letter case does not matter). Without a unit: bytes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000 * 1000,
        "gb" => 1000 * 1000 * 1000,
        "kib" => 1024,
        "mib" => 1024 * 1024,
        "gib" => 1024 * 1024 * 1024,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    Some((number.parse().ok()?, unit.trim_start()))
}

/// Writes a duration in the largest unit that divides it.
pub fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    // One day is better known as 24 hours.
    let day = 86_400_000;
    if milliseconds > day && milliseconds.is_multiple_of(day) {
        return format!("{}d", milliseconds / day);
    }
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    for (unit, factor) in units {
        if milliseconds > 0 && milliseconds.is_multiple_of(factor) {
            return format!("{}{unit}", milliseconds / factor);
        }
    }
    format!("{milliseconds}ms")
}

/// Writes a size in the largest unit that divides it.
pub fn show_bytes(bytes: u64) -> String {
    let units =
        [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    for (unit, factor) in units {
        if bytes > 0 && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_in_each_unit() {
        let cases = [("500ms", 500), ("30", 30_000), ("30s", 30_000), ("1 h", 3_600_000)];
        for (text, milliseconds) in cases {
            let expected = Some(Duration::from_millis(milliseconds));
            assert_eq!(parse_duration(text), expected, "{text}");
        }
        for text in ["", "s", "-1s", "1.5s", "5 weeks", "99999999999999999999d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_bytes("4MiB"), Some(4 << 20));
        assert_eq!(parse_bytes("10 mb"), Some(10_000_000));
        assert_eq!(parse_bytes("10Mi"), None);
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for seconds in [0, 1, 59, 60, 90, 3600, 86_400, 30 * 86_400] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
        for bytes in [0, 1, 1000, 1024, 4 << 20, 10_000_000, 10_000_001] {
            assert_eq!(parse_bytes(&show_bytes(bytes)), Some(bytes));
        }
    }
}
