//! Dates as reports write them.

/// Seconds since 1970 and an offset in minutes, as ISO 8601 (`2026-11-22T08:30:00+01:00`).
pub fn iso8601(seconds: i64, offset_minutes: i32) -> String {
    let local = seconds.saturating_add(i64::from(offset_minutes) * 60);
    let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let zone = match offset_minutes {
        0 => "Z".to_owned(),
        m => format!("{}{:02}:{:02}", if m < 0 { '-' } else { '+' }, m.abs() / 60, m.abs() % 60),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
}

/// Year, month and day of a day since 1970-01-01 in the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years are counted from March, so that a leap day is a year's last.
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let march_year = year - i64::from(month <= 2);
    let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Whether a text is a day that exists, `YYYY-MM-DD`.
pub fn is_date(text: &str) -> bool {
    parts(text).is_some()
}

/// The day so many days after one, `YYYY-MM-DD`; `None` if that is no day, or beyond the year 9999.
pub fn days_after(date: &str, count: u32) -> Option<String> {
    let (year, month, day) = parts(date)?;
    let (year, month, day) = civil(days(year, month, day) + i64::from(count));
    (year <= 9999).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// Year, month and day.
fn parts(text: &str) -> Option<(i64, i64, i64)> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        bytes[range].iter().try_fold(0, |sum, digit| Some(sum * 10 + i64::from(char::from(*digit).to_digit(10)?)))
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    (1..=last).contains(&day).then_some((year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(iso8601(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(iso8601(951_782_400, 60), "2000-02-29T01:00:00+01:00");
        assert_eq!(iso8601(1_795_336_200, -330), "2026-11-22T03:00:00-05:30");
        assert_eq!(iso8601(-1, 0), "1969-12-31T23:59:59Z");
        // Four centuries and more, so that each sort of leap year ends once.
        for day in -80_000..80_000 {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
            assert!(day < days(year, month + 1, 1), "no such date: {year}-{month}-{date}");
        }
    }

    #[test]
    fn days_that_exist() {
        for date in ["2024-02-29", "2000-02-29", "2026-12-31", "0001-01-01"] {
            assert!(is_date(date), "{date}");
        }
        for text in
            ["2026-02-29", "1900-02-29", "2026-13-01", "2026-04-31", "2026-00-10", "2026-1-01", "", "2026-01-0é"]
        {
            assert!(!is_date(text), "{text}");
        }
        assert_eq!(days_after("2026-11-22", 90).as_deref(), Some("2027-02-20"));
        assert_eq!(days_after("2024-02-28", 1).as_deref(), Some("2024-02-29"));
        assert_eq!(days_after("9999-12-31", 1), None);
    }
}
