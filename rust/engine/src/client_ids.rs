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

/// A bijection of 128-bit numbers: odd multipliers and xor-shifts can be undone.
fn scramble(mut value: u128) -> u128 {
    for multiplier in [0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835, 0xC2B2_AE3D_27D4_EB4F_1656_67B1_9E37_79F9] {
        value ^= value >> 67;
        value = value.wrapping_mul(multiplier);
    }
    value ^ value >> 61
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
    fn the_largest_number_fits() {
        assert!(u128::MAX / 62_u128.pow(10) / 62_u128.pow(10) < 62 * 62);
    }
}
