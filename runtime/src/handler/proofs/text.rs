//! Texts in constants: an error message, comparison, and the last segment of a path.

#[derive(Clone, Copy)]
pub(super) struct ConstText {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl ConstText {
    const CAPACITY: usize = 1024;

    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        }
    }

    pub(super) const fn add(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut len = min(text.len(), Self::CAPACITY - self.len);
        // A text that is too long is cut between two characters.
        while len < text.len() && len > 0 && text[len] & 0b1100_0000 == 0b1000_0000 {
            len -= 1;
        }
        let mut at = 0;
        while at < len {
            self.bytes[self.len + at] = text[at];
            at += 1;
        }
        self.len += len;
        self
    }

    pub(super) const fn quoted(self, before: &str, text: &str) -> Self {
        self.add(before).add("\"").add(text).add("\"")
    }

    pub(super) const fn number(self, number: u32) -> Self {
        let mut digits = [0; 10];
        let (mut rest, mut at) = (number, digits.len());
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        match std::str::from_utf8(digits.split_at(at).1) {
            Ok(digits) => self.add(digits),
            Err(_) => self,
        }
    }

    #[track_caller]
    pub(super) const fn panic(&self) -> ! {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("the proof failed"),
        }
    }
}

pub(super) const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

pub(super) const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

pub(super) const fn last_segment(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b':' {
        start -= 1;
    }
    path.split_at(start).1
}
