//! Client ids that the engine makes: 22 characters of `[A-Za-z0-9]`, as the venue's own ids look at Binance.

use crate::units::{AccountId, ClientId, MarketId};

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// 62^22 > 2^128: every 128-bit number has its own id.
const LENGTH: usize = 22;
/// Set in the number of a cancel's own id, so that it never equals an order's.
const CANCEL: u64 = 1 << 63;

/// The id of an order, unique over accounts, markets and orders: a bijection of the three numbers, not a digest.
pub(crate) fn of_order(account: AccountId, market: MarketId, order: u64) -> ClientId {
    spell(scramble(u128::from(account.0) << 96 | u128::from(market.0) << 64 | u128::from(order)))
}

/// The id of a cancel request, by the number of its execution.
pub(crate) fn of_cancel(account: AccountId, market: MarketId, execution: u64) -> ClientId {
    of_order(account, market, execution | CANCEL)
}

/// Whether [`of_order`] will make this id for an order after the first `orders` ones. A client who knows how ids are made
/// could take it before.
pub(crate) fn is_to_come(account: AccountId, market: MarketId, orders: u64, id: &ClientId) -> bool {
    read(id).map(unscramble).is_some_and(|numbers| {
        let owner = u128::from(account.0) << 32 | u128::from(market.0);
        numbers >> 64 == owner && (orders + 1..CANCEL).contains(&(numbers as u64))
    })
}

const MULTIPLIERS: [u128; 2] = [0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835, 0xC2B2_AE3D_27D4_EB4F_1656_67B1_9E37_79F9];
const INVERSES: [u128; 2] = [inverse(MULTIPLIERS[0]), inverse(MULTIPLIERS[1])];

/// A bijection of 128-bit numbers: odd multipliers and xor-shifts can be undone.
fn scramble(mut value: u128) -> u128 {
    for multiplier in MULTIPLIERS {
        value ^= value >> 67;
        value = value.wrapping_mul(multiplier);
    }
    value ^ value >> 61
}

fn unscramble(mut value: u128) -> u128 {
    value ^= value >> 61 ^ value >> 122;
    for inverse in INVERSES.into_iter().rev() {
        value = value.wrapping_mul(inverse);
        value ^= value >> 67;
    }
    value
}

/// Newton: each round doubles the number of right bits, from the 3 that `odd` itself has.
const fn inverse(odd: u128) -> u128 {
    let (mut inverse, mut bits) = (odd, 3);
    while bits < u128::BITS {
        inverse = inverse.wrapping_mul(2_u128.wrapping_sub(odd.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse
}

/// The number that [`spell`] spelled so, if it can have.
fn read(id: &ClientId) -> Option<u128> {
    let text: &[u8; LENGTH] = id.as_bytes().try_into().ok()?;
    text.iter().try_fold(0_u128, |value, letter| {
        let digit = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            _ => return None,
        };
        value.checked_mul(62)?.checked_add(digit.into())
    })
}

fn spell(value: u128) -> ClientId {
    // 62^11 < 2^66 does not fit 64 bits, 62^10 does: two cheap halves of ten digits, and two digits on top.
    const TEN: u128 = 62_u128.pow(10);
    let mut text = [0; LENGTH];
    let (top, low) = (value / TEN, (value % TEN) as u64);
    let (top, middle) = ((top / TEN) as u64, (top % TEN) as u64);
    digits(top, &mut text[..2]);
    digits(middle, &mut text[2..12]);
    digits(low, &mut text[12..]);
    ClientId::new(&text).unwrap_or_default()
}

fn digits(mut value: u64, text: &mut [u8]) {
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(value % 62) as usize];
        value /= 62;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_22_letters_and_digits_and_never_repeat() {
        let mut seen = BTreeSet::new();
        for account in 1000..1010 {
            for market in 0..5 {
                for order in (1..200).chain([u64::MAX >> 1, 1 << 52]) {
                    for id in [
                        of_order(AccountId(account), MarketId(market), order),
                        of_cancel(AccountId(account), MarketId(market), order),
                    ] {
                        assert!(id.as_bytes().iter().all(u8::is_ascii_alphanumeric));
                        assert_eq!(id.as_bytes().len(), LENGTH);
                        assert!(seen.insert(id.as_str().to_owned()));
                    }
                }
            }
        }
    }

    #[test]
    fn ids_that_are_to_come_are_recognised() {
        let (account, market) = (AccountId(1_234), MarketId(5));
        let to_come = |orders, id| is_to_come(account, market, orders, &id);
        for order in [1, 2, 7, 1 << 40, (1 << 53) - 1] {
            assert!(
                to_come(order - 1, of_order(account, market, order)) && to_come(0, of_order(account, market, order))
            );
            assert!(!to_come(order, of_order(account, market, order)), "it has been made");
            assert!(!to_come(0, of_cancel(account, market, order)), "a cancel's");
            assert!(!to_come(0, of_order(AccountId(1_235), market, order)), "another's");
            assert!(!to_come(0, of_order(account, MarketId(6), order)), "of another market");
        }
        for value in [0, 1, u128::MAX, MULTIPLIERS[0], 0x0123_4567_89AB_CDEF << 64] {
            assert_eq!((unscramble(scramble(value)), read(&spell(value))), (value, Some(value)));
        }
        for other in ["", "my-order", "9999999999999999999999", "AAAAAAAAAAAAAAAAAAAA-A", "AAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(read(&ClientId::new(other.as_bytes()).unwrap()), None, "{other}");
        }
    }

    #[test]
    fn the_largest_number_fits() {
        assert!(u128::MAX / 62_u128.pow(10) / 62_u128.pow(10) < 62 * 62);
    }
}
