//! What is a key, and what is none.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows should stop"
)]

use super::super::*;
use crate::limits;

type FromCoordinates = fn(&[u8], &[u8]) -> Result<VerifyingKey, KeyError>;

/// Each curve: the length of a coordinate, and what reads a key.
const CURVES: [(usize, FromCoordinates); 3] = [
    (32, VerifyingKey::p256),
    (48, VerifyingKey::p384),
    (66, VerifyingKey::p521),
];

#[test]
fn a_point_that_is_not_on_the_curve_is_no_key() {
    for (length, read) in CURVES {
        let [zero, one, huge] = [0, 1, 0xff].map(|byte| vec![byte; length]);
        for (x, y) in [(&zero, &zero), (&one, &one), (&huge, &one), (&one, &huge)] {
            assert_eq!(read(x, y), Err(KeyError::NotOnCurve), "{length}");
        }
    }
}

#[test]
fn a_coordinate_has_exactly_the_length_of_the_field() {
    for (length, read) in CURVES {
        let good = vec![1; length];
        for bad in [0, length - 1, length + 1, 2 * length] {
            let bad = vec![1; bad];
            assert_eq!(read(&bad, &good), Err(KeyError::CoordinateLength));
            assert_eq!(read(&good, &bad), Err(KeyError::CoordinateLength));
        }
    }
}

#[test]
fn an_ed25519_key_has_32_bytes() {
    for length in [0, 31, 33, 57, 64] {
        assert_eq!(
            VerifyingKey::ed25519(&vec![1; length]),
            Err(KeyError::CoordinateLength)
        );
    }
}

/// A little-endian number of 32 bytes: 2^255 - 19 plus `above`, with a sign bit.
fn prime_plus(above: u8, sign: bool) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + above;
    bytes[31] = if sign { 0xff } else { 0x7f };
    bytes
}

#[test]
fn an_ed25519_key_that_is_not_on_the_curve_is_no_key() {
    let mut two = [0; 32];
    two[0] = 2;
    assert_eq!(VerifyingKey::ed25519(&two), Err(KeyError::NotOnCurve));
}

#[test]
fn an_ed25519_key_of_small_order_is_no_key() {
    // y = 1, -1, 0, and both y of order eight (RFC 8032 section 5.1; draft-irtf-cfrg-eddsa security
    // considerations).
    let one = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    };
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let eight = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ];
    let other_eight = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ];
    for y in [[0; 32], one, minus_one, eight, other_eight] {
        for sign in [0, 0x80] {
            let mut point = y;
            point[31] |= sign;
            assert_eq!(
                VerifyingKey::ed25519(&point),
                Err(KeyError::SmallOrder),
                "{point:x?}"
            );
        }
    }
}

#[test]
fn an_ed25519_key_in_a_second_encoding_is_no_key() {
    // Numbers that are not below the prime: each is a second spelling of a small one, where that is
    // a point at all.
    let mut second_spellings = 0;
    for above in 0..19 {
        for sign in [false, true] {
            match VerifyingKey::ed25519(&prime_plus(above, sign)) {
                Err(KeyError::NotCanonical) => second_spellings += 1,
                Err(KeyError::SmallOrder | KeyError::NotOnCurve) => {}
                other => unreachable!("{above} {sign}: {other:?}"),
            }
        }
    }
    assert!(second_spellings > 0);
}

/// An odd number of this many bits.
fn odd_of_bits(bits: usize) -> Vec<u8> {
    let mut number = vec![0; bits.div_ceil(8)];
    number[0] = 1 << ((bits - 1) % 8);
    *number.last_mut().unwrap() |= 1;
    number
}

const E: [u8; 3] = [1, 0, 1];

fn rsa(n: &[u8], e: &[u8]) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::rsa(n, e, limits::RSA_BITS)
}

#[test]
fn the_size_of_a_modulus_is_bounded_on_both_sides() {
    for bits in [2_048, 2_049, 3_072, 4_095, 4_096] {
        assert!(rsa(&odd_of_bits(bits), &E).is_ok(), "{bits}");
    }
    for bits in [1, 8, 512, 1_024, 2_047, 4_097, 8_192, 1_000_000] {
        assert_eq!(
            rsa(&odd_of_bits(bits), &E),
            Err(KeyError::Modulus),
            "{bits}"
        );
    }
    assert_eq!(rsa(&[], &E), Err(KeyError::Modulus));
    assert_eq!(rsa(&[0; 256], &E), Err(KeyError::Modulus));
}

#[test]
fn the_longest_modulus_can_be_raised_and_lowered() {
    for (max_bits, longest) in [(2_048, 2_048), (8_192, 8_192), (usize::MAX, 8_192)] {
        assert!(VerifyingKey::rsa(&odd_of_bits(longest), &E, max_bits).is_ok());
        let longer = VerifyingKey::rsa(&odd_of_bits(longest + 1), &E, max_bits);
        assert_eq!(longer, Err(KeyError::Modulus), "{max_bits}");
    }
}

#[test]
fn zeros_in_front_do_not_make_a_short_modulus_long_enough() {
    let padded = [vec![0; 129], odd_of_bits(1_024)].concat();
    assert_eq!(rsa(&padded, &E), Err(KeyError::Modulus));
}

#[test]
fn an_even_modulus_is_no_key() {
    let mut even = odd_of_bits(2_048);
    *even.last_mut().unwrap() &= 0xfe;
    assert_eq!(rsa(&even, &E), Err(KeyError::Modulus));
}

#[test]
fn the_exponent_is_odd_above_one_and_small() {
    let n = odd_of_bits(2_048);
    for good in [&[3][..], &[17], &E, &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert!(rsa(&n, good).is_ok(), "{good:?}");
    }
    for bad in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[1, 0, 0],
        &[0, 1, 0, 1],
        &[2, 0, 0, 0, 1],
        &[1; 6],
        &[0; 5],
    ] {
        assert_eq!(rsa(&n, bad), Err(KeyError::Exponent), "{bad:?}");
    }
}

#[test]
fn a_modulus_with_a_zero_in_front_is_the_same_key() {
    // RFC 7518 section 6.3.1.1 forbids the extra octet and knows that some write it; nothing
    // becomes ambiguous.
    for bits in [2_048, 2_049, 4_096] {
        let n = odd_of_bits(bits);
        let padded = [&[0], n.as_slice()].concat();
        assert_eq!(rsa(&padded, &E).unwrap(), rsa(&n, &E).unwrap());
    }
}

/// A key that a faulty generator made: `mod03.txt` of the tests of crocs-muni/roca, the authors'
/// own detector (MIT).
const ROCA: &str = "nc10IOQgwnCmgGDri1qnRXqfZkj4b6_tJ3XMH3muli8eY_G55RxV-epv3HMy6bAFjJ_y6x_ImFUCnPaq_iHmif6zis\
    n_sS8c43G7XQ6armQWGrznS0JEv2jx7bRBH3VqCXyJKcFHQCReo1X4My0ao2u1DH3LRQXajeAuTlPTj43wYJfadSTf\
    Dfk9tI6sjMSvLToWJX6ysq3Ka6Rk5ZdPqSVQ0xsbq_Fh52ktALhuPdiG7KtKv74aj4zCY_9K9VzbRfQkmlGTkl9emD\
    12LwtoAJQ-sCZ7CPQu0xHOH1yG6svIzk08t6L-4e9WQUI6HPQRTl7PUANKYKQSUjr55vSqEQ";

#[test]
fn an_rsa_key_that_can_be_factored_is_no_key() {
    let mut modulus = crate::jose::base64url(ROCA).unwrap();
    assert_eq!(modulus.len(), 256);
    assert_eq!(rsa(&modulus, &E), Err(KeyError::Roca));
    // Some write a zero in front.
    let padded = [&[0], &*modulus].concat();
    assert_eq!(rsa(&padded, &E), Err(KeyError::Roca));
    // Another number of the same size is not of that kind.
    modulus[200] ^= 1;
    assert!(rsa(&modulus, &E).is_ok());
}
