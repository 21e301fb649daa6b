//! Random pieces that generated tokens are made of.

/// Makes pieces from random numbers.
pub(super) struct Maker<'a> {
    random: &'a mut dyn FnMut() -> u64,
}

impl<'a> Maker<'a> {
    pub(super) fn new(random: &'a mut dyn FnMut() -> u64) -> Self {
        Self { random }
    }

    pub(super) fn number(&mut self, from: u64, to: u64) -> u64 {
        from + (self.random)() % (to - from)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| ((self.random)() >> 24) as u8).collect()
    }

    pub(super) fn text(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(alphabet[((self.random)() >> 16) as usize % alphabet.len()])).collect()
    }

    pub(super) fn alnum(&mut self, count: usize) -> String {
        self.text(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", count)
    }

    pub(super) fn hex(&mut self, count: usize) -> String {
        self.text(b"0123456789abcdef", count)
    }

    pub(super) fn digits(&mut self, count: usize) -> String {
        self.text(b"123456789", count)
    }

    pub(super) fn uuid(&mut self) -> String {
        let (a, b, c) = (self.hex(8), self.hex(4), self.hex(3));
        format!("{a}-{b}-4{c}-a{}-{}", self.hex(3), self.hex(12))
    }

    /// Seconds since 1970, some time from 2017 to 2023.
    pub(super) fn time(&mut self) -> u64 {
        self.number(1_500_000_000, 1_700_000_000)
    }

    /// A ULID of such a time.
    pub(super) fn ulid(&mut self) -> String {
        let milliseconds = self.time() * 1000;
        let time = (0..10)
            .rev()
            .map(|digit| char::from(super::token::stamp::CROCKFORD[(milliseconds >> (5 * digit) & 31) as usize]));
        time.collect::<String>() + &self.text(super::token::stamp::CROCKFORD, 16)
    }
}
