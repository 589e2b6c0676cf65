//! Numbers in decimal, without the formatting machinery and without memory of their own.

/// A number as text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    digits: [u8; 20],
    from: usize,
}

impl Decimal {
    pub(crate) fn new(number: u64) -> Self {
        let mut digits = [0; 20];
        let (mut rest, mut from) = (number, digits.len());
        while rest >= 10 {
            let pair = pair(rest % 100);
            rest /= 100;
            from -= 2;
            if let Some(slot) = digits.get_mut(from..from + 2) {
                slot.copy_from_slice(&pair);
            }
        }
        if rest > 0 || number == 0 {
            from -= 1;
            if let Some(slot) = digits.get_mut(from) {
                *slot = digit(rest);
            }
        }
        Self { digits, from }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.from..).unwrap_or_default()
    }
}

/// A number below 100 with two digits.
fn pair(number: u64) -> [u8; 2] {
    [digit(number / 10), digit(number % 10)]
}

/// A number below 10 as a digit.
fn digit(number: u64) -> u8 {
    b'0' + u8::try_from(number).unwrap_or(0)
}

/// Puts a number at the end of `out`.
pub(crate) fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(Decimal::new(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_they_are_written() {
        for number in [0, 7, 10, 99, 100, 1_234_567, u64::MAX] {
            assert_eq!(Decimal::new(number).as_bytes(), number.to_string().as_bytes());
        }
    }
}
