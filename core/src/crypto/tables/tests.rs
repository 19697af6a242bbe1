use std::ops::Neg as _;

use p256::{
    FieldBytes, NonZeroScalar, ProjectivePoint, Scalar,
    ecdsa::{
        Signature, SigningKey, VerifyingKey,
        signature::{Signer as _, hazmat::PrehashVerifier as _},
    },
    elliptic_curve::{
        bigint::U256,
        ff::{Field as _, PrimeField as _},
    },
};
use proptest::prelude::*;

use super::{
    HALF, KeyTables, NistP256, Point, Points, Table, WINDOW, WINDOWS, signed_digits, verifies,
};
use crate::limits::KEY_TABLES;
use p256::elliptic_curve::Curve as _;

fn scalar(bytes: [u8; 32]) -> Scalar {
    <Scalar as p256::elliptic_curve::ops::Reduce<FieldBytes>>::reduce(&bytes.into())
}

fn small(value: u64) -> Scalar {
    Scalar::from(value)
}

/// Numbers at which carries and reductions turn.
fn edges() -> Vec<Scalar> {
    let mut edges: Vec<Scalar> = (0..70).map(small).collect();
    for window in 0..WINDOWS {
        let exponent = u64::try_from(window * WINDOW).unwrap();
        let power = p256::elliptic_curve::ff::Field::pow_vartime(&small(2), [exponent]);
        edges.extend([
            power,
            power.sub(&Scalar::ONE),
            power.multiply(&small(u64::from(HALF))),
            power.multiply(&small(u64::from(HALF) + 1)),
            power.multiply(&small(u64::from(HALF) * 2 - 1)),
        ]);
    }
    let negated: Vec<Scalar> = edges.iter().map(|edge| edge.neg()).collect();
    edges.extend(negated);
    edges.extend([[0xff; 32], [0x55; 32], [0xaa; 32], [0x40; 32], [0x3f; 32]].map(scalar));
    edges
}

#[test]
fn the_digits_make_up_the_scalar() {
    for edge in edges() {
        let digits: Vec<i16> = signed_digits(&edge).collect();
        assert_eq!(digits.len(), WINDOWS);
        let sum = digits.iter().rev().fold(Scalar::ZERO, |sum, &digit| {
            assert!(digit.unsigned_abs() <= HALF);
            let magnitude = small(u64::from(digit.unsigned_abs()));
            let digit = if digit < 0 {
                magnitude.neg()
            } else {
                magnitude
            };
            sum.multiply(&small(1 << WINDOW)).add(&digit)
        });
        assert_eq!(sum, edge);
    }
}

/// With one half of `u1·G + u2·Q` left out, a signature can be made without the private key.
#[test]
fn a_table_that_is_empty_believes_nothing() {
    let key = *SigningKey::from_slice(&[7; 32]).unwrap().verifying_key();
    let (full, empty) = (Table::of_key(&key), Table(Vec::new()));
    let point = ProjectivePoint::from(*key.as_affine());
    let digest = FieldBytes::from([3; 32]);
    let x_of = |point: ProjectivePoint| {
        use p256::elliptic_curve::point::AffineCoordinates as _;
        scalar(point.to_affine().x().into())
    };
    let chosen = small(5);
    let signature = |r: Scalar, s: Scalar| Signature::from_scalars(r, s).unwrap();
    // u1 = z/s = 5, u2 = r/s = 5
    let of_generator = {
        let s = scalar([3; 32]).multiply(&chosen.invert().unwrap());
        signature(x_of(ProjectivePoint::GENERATOR * chosen), s)
    };
    let of_key = {
        let r = x_of(point * chosen);
        signature(r, r.multiply(&chosen.invert().unwrap()))
    };
    let generator = Table::of_generator();
    assert_eq!(verifies(&generator, &empty, &digest, &of_generator), None);
    assert_eq!(verifies(&empty, &full, &digest, &of_key), None);
    assert_eq!(verifies(&generator, &full, &digest, &of_key), Some(false));
}

#[test]
fn a_table_holds_the_multiples_that_it_says() {
    let table = Table::of_generator();
    for edge in edges() {
        let mut points = Points::with_capacity(WINDOWS);
        table.select(&edge, &mut points).unwrap();
        let points = points.x.iter().zip(&points.y);
        let sum = points.fold(ProjectivePoint::IDENTITY, |sum, (x, y)| {
            use p256::elliptic_curve::point::AffineCoordinates as _;
            let affine = p256::AffinePoint::from_coordinates(&x.to_repr(), &y.to_repr()).unwrap();
            sum + ProjectivePoint::from(affine)
        });
        assert_eq!(sum, ProjectivePoint::GENERATOR * edge);
    }
}

struct World {
    generator: Table,
    key: VerifyingKey,
    signer: SigningKey,
    table: Table,
}

fn world(secret: [u8; 32]) -> World {
    let signer = SigningKey::from(NonZeroScalar::new(scalar(secret)).unwrap());
    let key = *signer.verifying_key();
    World {
        generator: Table::of_generator(),
        table: Table::of_key(&key),
        key,
        signer,
    }
}

impl World {
    /// What the tables say, and what the crate says.
    fn both(&self, digest: &FieldBytes, signature: &Signature) -> (Option<bool>, bool) {
        let fast = verifies(&self.generator, &self.table, digest, signature);
        (fast, self.key.verify_prehash(digest, signature).is_ok())
    }
}

#[test]
fn edge_scalars_are_judged_as_the_crate_judges_them() {
    let world = world([7; 32]);
    let edges: Vec<Scalar> = edges()
        .into_iter()
        .step_by(17)
        .filter(|edge| !bool::from(edge.is_zero()))
        .collect();
    for r in &edges {
        for s in &edges {
            let signature = Signature::from_scalars(r.to_repr(), s.to_repr()).unwrap();
            for digest in [[0; 32], [0xff; 32], [1; 32]] {
                let (fast, slow) = world.both(&digest.into(), &signature);
                assert!(fast.is_none_or(|fast| fast == slow));
            }
        }
    }
}

#[test]
fn points_that_the_formulas_leave_out_are_left_to_the_crate() {
    // With the generator as key and both scalars one, the two points of the first addition are
    // equal; with a digest of minus r they are each other's negative.
    let signer = SigningKey::from(NonZeroScalar::new(Scalar::ONE).unwrap());
    let key = *signer.verifying_key();
    let (generator, table) = (Table::of_generator(), Table::of_key(&key));
    let r = small(5);
    let signature = Signature::from_scalars(r.to_repr(), r.to_repr()).unwrap();
    for digest in [r, r.neg()] {
        assert_eq!(
            verifies(&generator, &table, &digest.to_repr(), &signature),
            None
        );
    }
}

#[test]
fn an_x_above_the_order_is_recognised() {
    // A point whose x is r + n: its signature verifies only when the second candidate is tried.
    let order = U256::from_be_slice(&NistP256::ORDER.as_ref().to_be_bytes());
    let found = (0..2_000_u64).find_map(|r| {
        use p256::elliptic_curve::{point::DecompressPoint as _, subtle::Choice};
        let x = order.wrapping_add(&U256::from_u64(r));
        let point = Option::from(p256::AffinePoint::decompress(
            &x.to_be_bytes().into(),
            Choice::from(0),
        ));
        point
            .filter(|_| r > 0)
            .map(|point: p256::AffinePoint| (r, point))
    });
    let (r, point) = found.unwrap();
    // With u1 = u2 = z/s = r/s: R = u1·G + u2·Q, so Q = (R - u1·G)/u2.
    let (r, s, z) = (small(r), small(11), small(13));
    let inverse = s.invert().unwrap();
    let (u1, u2) = (z.multiply(&inverse), r.multiply(&inverse));
    let q = (ProjectivePoint::from(point) - ProjectivePoint::GENERATOR * u1) * u2.invert().unwrap();
    let key = VerifyingKey::from_affine(q.to_affine()).unwrap();
    let signature = Signature::from_scalars(r.to_repr(), s.to_repr()).unwrap();
    let (generator, table) = (Table::of_generator(), Table::of_key(&key));
    assert!(key.verify_prehash(&z.to_repr(), &signature).is_ok());
    assert_eq!(
        verifies(&generator, &table, &z.to_repr(), &signature),
        Some(true)
    );
}

#[test]
fn a_key_gets_its_table_by_good_signatures_alone() {
    let mut tables = KeyTables::default();
    let first = signer(0);
    let (good, bad): (Signature, Signature) = (first.sign(b"a"), first.sign(b"b"));
    for _ in 0..5 {
        assert!(!tables.verifies(first.verifying_key(), b"a", &bad));
    }
    assert!(tables.verifies(first.verifying_key(), b"a", &good));
    assert!(tables.tables.is_empty() && tables.generator.is_none());
    assert!(tables.verifies(first.verifying_key(), b"a", &good));
    assert_eq!(tables.tables.len(), 1, "a policy with one key pays for one");
    assert!(tables.verifies(first.verifying_key(), b"a", &good));
    assert!(!tables.verifies(first.verifying_key(), b"a", &bad));
    assert_eq!(tables.tables.len(), 1);
}

fn signer(index: u64) -> SigningKey {
    SigningKey::from(NonZeroScalar::new(small(1_000 + index)).unwrap())
}

/// Whichever key's table is in a place, the verdicts are the crate's, and no place moves.
#[test]
fn tables_that_change_hands_stay_where_they_are_and_judge_for_their_key_alone() {
    let mut tables = KeyTables::default();
    let signers: Vec<SigningKey> = (0..32).map(signer).collect();
    let good: Vec<Signature> = signers.iter().map(|key| key.sign(b"a")).collect();
    let mut memory: Vec<*const Point> = Vec::new();
    let mut made = 0;
    // Sixteen keys, and then sixteen others, often enough that all tables change hands.
    for (sixteen, rounds) in [30, 110].into_iter().enumerate() {
        for round in 0..rounds {
            for index in sixteen * KEY_TABLES..(sixteen + 1) * KEY_TABLES {
                let key = signers[index].verifying_key();
                let place = tables.merits.place(key);
                assert!(tables.verifies(key, b"a", &good[index]), "{index}");
                made += usize::from(place != tables.merits.place(key));
                if round % 20 == 0 {
                    let foreign = &good[(index + KEY_TABLES) % signers.len()];
                    assert!(!tables.verifies(key, b"a", foreign), "{index}");
                    assert!(!tables.verifies(key, b"b", &good[index]), "{index}");
                }
            }
        }
        let now = tables.tables.iter().map(|table| {
            assert_eq!(table.0.len(), table.0.capacity());
            table.0.as_ptr()
        });
        let now: Vec<*const Point> = now.collect();
        assert!(memory.is_empty() || memory == now);
        memory = now;
    }
    assert_eq!(memory.len(), KEY_TABLES);
    assert_eq!(made, 2 * KEY_TABLES);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn good_and_damaged_signatures_are_judged_as_the_crate_judges_them(
        secret in prop::array::uniform32(1_u8..), digest: [u8; 32], other: [u8; 32], at in 0..64_usize, bit in 0..8_u32
    ) {
        use p256::ecdsa::signature::hazmat::PrehashSigner as _;
        let world = world(secret);
        let good: Signature = world.signer.sign_prehash(&digest).unwrap();
        prop_assert_eq!(world.both(&digest.into(), &good), (Some(true), true));
        prop_assert_eq!(world.both(&other.into(), &good), (Some(digest == other), digest == other));
        let mut bytes = good.to_bytes();
        bytes[at] ^= 1 << bit;
        if let Ok(damaged) = Signature::from_bytes(&bytes) {
            prop_assert_eq!(world.both(&digest.into(), &damaged), (Some(false), false));
        }
    }
}
