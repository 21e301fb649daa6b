//! Times that ids carry.

use crate::scan::validate::checksum::BASE62;
use crate::scan::validate::make::Maker;
use crate::time;

/// The digits of a ULID.
pub(in crate::scan::validate) const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Whether it may be a past time. What is found depends on the bytes alone, not on the clock, so that the bound is one
/// that no user of this version will see: the first of January, 2040.
pub(super) fn is_past(seconds: i64) -> bool {
    (0..2_208_988_800).contains(&seconds)
}

/// Milliseconds from 1970 to Discord's first of January, 2015.
pub(super) const DISCORD_EPOCH: u64 = 1_420_070_400_000;

/// When a Discord id was made, in seconds since 1970.
pub(super) fn snowflake(id: &str) -> Option<i64> {
    let number: u64 = id.parse().ok().filter(|_| (17..=20).contains(&id.len()))?;
    i64::try_from(((number >> 22) + DISCORD_EPOCH) / 1000).ok()
}

/// When a ULID was made, in seconds since 1970.
pub(super) fn ulid(id: &str) -> Option<i64> {
    let digit = |byte: u8| CROCKFORD.iter().position(|digit| *digit == byte);
    let digits: Vec<usize> = id.bytes().map(digit).collect::<Option<_>>()?;
    let milliseconds =
        digits.get(..10).filter(|_| digits.len() == 26)?.iter().fold(0, |time, digit| time << 5 | *digit as i64);
    Some(milliseconds / 1000)
}

const KSUID_EPOCH: u64 = 1_400_000_000;
const KSUID_LEN: usize = 27;

/// When a KSUID was made, in seconds since 1970: the first four of twenty bytes in base62.
pub(super) fn ksuid(id: &str) -> Option<i64> {
    let mut bytes = [0_u8; 20];
    for digit in id.bytes() {
        let mut carry = BASE62.iter().position(|known| *known == digit)?;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 62;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        (carry == 0).then_some(())?;
    }
    let [a, b, c, d, ..] = bytes;
    (id.len() == KSUID_LEN).then(|| i64::from(u32::from_be_bytes([a, b, c, d])) + KSUID_EPOCH as i64)
}

pub(super) fn ksuid_of(make: &mut Maker<'_>) -> String {
    let time = (make.number(1_530_000_000, 1_700_000_000) - KSUID_EPOCH) as u32;
    let mut bytes = [&time.to_be_bytes()[..], &make.bytes(16)].concat();
    let mut digits = Vec::new();
    for _ in 0..KSUID_LEN {
        let mut rest = 0;
        for byte in &mut bytes {
            rest = rest << 8 | usize::from(*byte);
            *byte = (rest / 62) as u8;
            rest %= 62;
        }
        digits.push(char::from(BASE62[rest]));
    }
    digits.iter().rev().collect()
}

/// `20240131T235959Z` in seconds since 1970.
pub(super) fn basic_time(text: &str) -> Option<i64> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let number = |text: &str, at: usize, length: usize| text.get(at..at + length)?.parse::<i64>().ok();
    let days = time::days(number(date, 0, 4)?, number(date, 4, 2)?, number(date, 6, 2)?);
    Some(days * 86_400 + number(clock, 0, 2)? * 3600 + number(clock, 2, 2)? * 60 + number(clock, 4, 2)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_ids() {
        // The examples of the two formats' own documentation.
        assert_eq!(
            ksuid("0ujtsYcgvSTl8PAuAdqWYSMnLOv").map(|seconds| time::iso8601(seconds, 0)).as_deref(),
            Some("2017-10-10T04:00:47Z")
        );
        assert_eq!(
            ulid("01ARZ3NDEKTSV4RRFFQ69G5FAV").map(|seconds| time::iso8601(seconds, 0)).as_deref(),
            Some("2016-07-30T23:54:10Z")
        );
        assert_eq!(
            snowflake("175928847299117063").map(|seconds| time::iso8601(seconds, 0)).as_deref(),
            Some("2016-04-30T11:18:25Z")
        );
        assert_eq!(ksuid("zzzzzzzzzzzzzzzzzzzzzzzzzzz"), None);
        assert_eq!(basic_time("20170714T024000Z"), Some(1_500_000_000));
    }
}
