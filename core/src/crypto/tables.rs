//! ES256 at native speed: multiples of a key that are computed once, so that a verification is
//! additions only.
//!
//! A signature is good when `u1·G + u2·Q` has the right `x` (FIPS 186-5 section 6.4.2). For
//! generator and key a table holds `j·2^(w·i)` times the point, affine, for each window `i` of `w`
//! bits and each `j` up to `2^(w-1)` (digits are signed, since negating a point is free). What is
//! left are some seventy additions: the first levels of their tree are affine additions that share
//! one inversion per level, the rest is Jacobian.
//!
//! Field and group arithmetic are the crate's. The formulas here are incomplete: where two points
//! of an addition have one `x` they give up, and the caller takes the crate's own way. Nothing here
//! is secret, so nothing here is constant-time.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "indices and digits of scalars of a fixed size"
)]

mod merits;

use core::iter::{repeat_n, successors};

use sha2::{Digest as _, Sha256};

use p256::{
    AffinePoint, FieldBytes, NistP256, ProjectivePoint, Scalar, U256,
    ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _},
    elliptic_curve::{
        BatchNormalize as _, Curve, Group as _, bigint::CheckedAdd as _, ff::PrimeField as _,
        hazmat::FieldArithmetic, point::AffineCoordinates as _,
    },
};

use merits::Merits;

type FieldElement = <NistP256 as FieldArithmetic>::FieldElement;

/// Bits of a window.
const WINDOW: usize = 9;
/// Windows that cover a scalar of 256 bits and the carry of its signed digits.
const WINDOWS: usize = 29;
/// Points of a window: the digits from 1 to 2^(w-1).
const DIGITS: usize = 1 << (WINDOW - 1);
/// The bits of a window.
const MASK: u16 = (1 << WINDOW) - 1;
/// The largest digit.
const HALF: u16 = 1 << (WINDOW - 1);
/// Levels of the tree of additions that share an inversion. Below, an inversion costs more than it
/// saves.
const AFFINE_LEVELS: usize = 2;

/// A point that is not the identity. One line of a processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Point {
    x: FieldElement,
    y: FieldElement,
}

impl Point {
    fn of(point: &AffinePoint) -> Option<Self> {
        let coordinate = |bytes: &FieldBytes| Option::from(FieldElement::from_repr(*bytes));
        Some(Self {
            x: coordinate(&point.x())?,
            y: coordinate(&point.y())?,
        })
    }
}

/// Points by their coordinates. (Apart, because a field element is copied by loads and stores, and
/// a whole point, where code is compiled for size, by a call that costs as much as half a
/// multiplication.)
struct Points {
    x: Vec<FieldElement>,
    y: Vec<FieldElement>,
}

impl Points {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            x: Vec::with_capacity(capacity),
            y: Vec::with_capacity(capacity),
        }
    }

    fn push(&mut self, x: &FieldElement, y: &FieldElement) {
        self.x.push(*x);
        self.y.push(*y);
    }
}

/// The tables of the keys in use; [`Merits`] says which. Memory of a table is taken when it is
/// first needed and never given back: another key's table is made in the same place. (Freed, it
/// would be filled by what is remembered of tokens, and the next table would need new memory, which
/// a virtual machine never gives back.)
#[derive(Debug, Default)]
pub(crate) struct KeyTables {
    generator: Option<Table>,
    /// Each at the place of its key.
    tables: Vec<Table>,
    merits: Merits<VerifyingKey>,
}

impl KeyTables {
    /// Whether signatures of this key are checked by a table.
    pub(crate) fn has_table(&self, key: &VerifyingKey) -> bool {
        let place = self.merits.place(key);
        self.generator.is_some() && place.is_some_and(|place| self.tables.len() > place)
    }

    /// Whether this is the key's signature over exactly these bytes.
    pub(crate) fn verifies(
        &mut self,
        key: &VerifyingKey,
        message: &[u8],
        signature: &Signature,
    ) -> bool {
        let digest: FieldBytes = Sha256::digest(message);
        let place = self.merits.place(key);
        let table = place.and_then(|place| self.tables.get(place));
        let verdict = self
            .generator
            .as_ref()
            .zip(table)
            .and_then(|(generator, table)| verifies(generator, table, &digest, signature))
            .unwrap_or_else(|| key.verify_prehash(&digest, signature).is_ok());
        // Only a holder of the private half can cause a table.
        if verdict && let Some(place) = self.merits.good(key, place) {
            self.make(place, key);
        }
        verdict
    }

    fn make(&mut self, place: usize, key: &VerifyingKey) {
        self.generator.get_or_insert_with(Table::of_generator);
        match self.tables.get_mut(place) {
            Some(table) => table.fill(&ProjectivePoint::from(*key.as_affine())),
            None => self.tables.push(Table::of_key(key)),
        }
    }
}

/// The multiples of one point, 464 KiB of them: window by window, each with its digits in order. Or
/// none: then the crate is asked.
#[derive(Debug)]
pub(crate) struct Table(Vec<Point>);

impl Table {
    /// The table of the curve's generator.
    pub(crate) fn of_generator() -> Self {
        Self::of_point(&ProjectivePoint::GENERATOR)
    }

    /// The table of a key.
    pub(crate) fn of_key(key: &VerifyingKey) -> Self {
        Self::of_point(&ProjectivePoint::from(*key.as_affine()))
    }

    fn of_point(point: &ProjectivePoint) -> Self {
        let mut table = Self(Vec::with_capacity(WINDOWS * DIGITS));
        table.fill(point);
        table
    }

    /// Makes it the table of this point, where it is.
    fn fill(&mut self, point: &ProjectivePoint) {
        self.0.clear();
        if self.fill_empty(point).is_none() {
            self.0.clear();
        }
    }

    /// `None` if a multiple had no affine coordinates, which no point of this curve but the
    /// identity makes happen.
    fn fill_empty(&mut self, point: &ProjectivePoint) -> Option<()> {
        let doubled = successors(Some(*point), |point| Some(point.double()));
        let powers: Vec<ProjectivePoint> = doubled.take(WINDOWS * WINDOW).collect();
        let powers = ProjectivePoint::batch_normalize(powers.as_slice());
        let powers: Vec<Point> = powers.iter().map(Point::of).collect::<Option<_>>()?;
        for powers in powers.chunks_exact(WINDOW) {
            // Each digit is the power of two below it until it is computed.
            let places = powers.iter().zip(0_u32..);
            let placed = places.flat_map(|(power, exponent)| repeat_n(*power, 1 << exponent));
            self.0.extend(placed.take(DIGITS));
        }
        for power in (1..WINDOW - 1).map(|power| 1 << power) {
            self.add_to_lower(power)?;
        }
        Some(())
    }

    /// The digits above a power of two are its sums with those below it: one batch of additions for
    /// all windows. Until its turn in the second pass comes, a sum's place holds what Montgomery's
    /// trick needs: its difference of `x`, and the product of all before it.
    fn add_to_lower(&mut self, power: usize) -> Option<()> {
        let mut product = FieldElement::ONE;
        for window in self.0.chunks_exact_mut(DIGITS) {
            let (lower, upper) = window.split_at_mut_checked(power - 1)?;
            let (base, sums) = upper.split_first_mut()?;
            for (lower, sum) in lower.iter().zip(sums) {
                sum.x = lower.x.sub(&base.x);
                sum.y = product;
                product = product.multiply(&sum.x);
            }
        }
        let mut inverse: FieldElement = Option::from(product.invert_vartime())?;
        for window in self.0.chunks_exact_mut(DIGITS).rev() {
            let (lower, upper) = window.split_at_mut_checked(power - 1)?;
            let (base, sums) = upper.split_first_mut()?;
            for (lower, sum) in lower.iter().zip(sums).rev() {
                let slope = lower.y.sub(&base.y).multiply(&sum.y.multiply(&inverse));
                inverse = inverse.multiply(&sum.x);
                sum.x = slope.square().sub(&base.x).sub(&lower.x);
                sum.y = slope.multiply(&base.x.sub(&sum.x)).sub(&base.y);
            }
        }
        Some(())
    }

    /// Appends the points whose sum is `scalar` times the table's point. `None`: the table holds
    /// none.
    fn select(&self, scalar: &Scalar, points: &mut Points) -> Option<()> {
        // Without the key's half, or the generator's, anybody can make a sum that fits.
        if self.0.len() != WINDOWS * DIGITS {
            return None;
        }
        for (window, digit) in self.0.chunks_exact(DIGITS).zip(signed_digits(scalar)) {
            if digit != 0 {
                let index = usize::from(digit.unsigned_abs()).checked_sub(1)?;
                let Point { x, y } = window.get(index)?;
                if digit < 0 {
                    points.push(x, &y.neg());
                } else {
                    points.push(x, y);
                }
            }
        }
        Some(())
    }
}

/// The scalar in signed digits of [`WINDOW`] bits, the lowest first: each from `1 - 2^(w-1)` to
/// `2^(w-1)`.
fn signed_digits(scalar: &Scalar) -> impl Iterator<Item = i16> {
    let mut bytes = scalar.to_repr();
    bytes.reverse();
    let byte = move |index: usize| u16::from(bytes.get(index).copied().unwrap_or(0));
    let mut carry = 0;
    (0..WINDOWS).map(move |window| {
        let (index, shift) = (window * WINDOW / 8, window * WINDOW % 8);
        let bits = ((byte(index) | (byte(index + 1) << 8)) >> shift) & MASK;
        let digit = bits + carry;
        carry = u16::from(digit > HALF);
        // From 1 - 2^(w-1) to 2^(w-1), which fits.
        i16::try_from(i32::from(digit) - i32::from(carry << WINDOW)).unwrap_or(0)
    })
}

/// Whether this is the key's signature over a message with this digest. `None`: an addition met one
/// of the cases that the formulas leave out; ask the crate.
pub(crate) fn verifies(
    generator: &Table,
    key: &Table,
    digest: &FieldBytes,
    signature: &Signature,
) -> Option<bool> {
    let (r, s) = signature.split_scalars();
    let z = <Scalar as p256::elliptic_curve::ops::Reduce<FieldBytes>>::reduce(digest);
    let inverse: Scalar = Option::from(s.as_ref().invert_vartime())?;
    let mut points = Points::with_capacity(WINDOWS.saturating_mul(2));
    generator.select(&z.multiply(&inverse), &mut points)?;
    key.select(&r.multiply(&inverse), &mut points)?;
    for _ in 0..AFFINE_LEVELS {
        points = add_pairs(&points)?;
    }
    let (x, z) = sum(&points)?;
    let z_squared = z.square();
    // The affine x is X/Z², and r is x modulo the order, which is a little smaller than the field.
    let is_x = |candidate: &FieldElement| candidate.multiply(&z_squared) == x;
    Some(candidates(&r.to_repr()).iter().any(is_x))
}

/// The field elements that are `r` modulo the curve's order.
fn candidates(r: &FieldBytes) -> Vec<FieldElement> {
    let r = U256::from_be_slice(r);
    let above = r.checked_add(NistP256::ORDER.as_ref());
    let values = [Some(r), Option::from(above)];
    values
        .into_iter()
        .flatten()
        .filter_map(|value: U256| Option::from(FieldElement::from_uint(&value)))
        .collect()
}

/// Adds the points two by two, with one inversion for all.
fn add_pairs(points: &Points) -> Option<Points> {
    let (xs, ys) = (points.x.chunks_exact(2), points.y.chunks_exact(2));
    // Montgomery's trick: the products of all differences before each one, the last one inverted,
    // and back.
    let mut products = Vec::with_capacity(xs.len());
    let mut differences = Vec::with_capacity(xs.len());
    let mut product = FieldElement::ONE;
    for pair in xs.clone() {
        let [p, q] = pair else { return None };
        let difference = q.sub(p);
        products.push(product);
        product = product.multiply(&difference);
        differences.push(difference);
    }
    // Zero where two points have one x.
    let mut inverse: FieldElement = Option::from(product.invert_vartime())?;
    let mut sums = Points::with_capacity(points.x.len().div_ceil(2));
    sums.x.extend_from_slice(xs.remainder());
    sums.y.extend_from_slice(ys.remainder());
    let before = products.iter().zip(&differences);
    for ((x, y), (product, difference)) in xs.zip(ys).zip(before).rev() {
        let ([p_x, q_x], [p_y, q_y]) = (x, y) else {
            return None;
        };
        let slope = q_y.sub(p_y).multiply(&product.multiply(&inverse));
        inverse = inverse.multiply(difference);
        let x = slope.square().sub(p_x).sub(q_x);
        let y = slope.multiply(&p_x.sub(&x)).sub(p_y);
        sums.push(&x, &y);
    }
    Some(sums)
}

/// The sum of the points as Jacobian `X` and `Z`.
fn sum(points: &Points) -> Option<(FieldElement, FieldElement)> {
    let mut points = points.x.iter().zip(&points.y);
    let (first_x, first_y) = points.next()?;
    let (mut x, mut y, mut z) = (*first_x, *first_y, FieldElement::ONE);
    for (point_x, point_y) in points {
        // Mixed addition, 8 multiplications and 3 squarings.
        let z_squared = z.square();
        let h = point_x.multiply(&z_squared).sub(&x);
        if bool::from(h.is_zero()) {
            return None;
        }
        let r = point_y.multiply(&z_squared.multiply(&z)).sub(&y);
        let h_squared = h.square();
        let h_cubed = h_squared.multiply(&h);
        let v = x.multiply(&h_squared);
        x = r.square().sub(&h_cubed).sub(&v.double());
        y = r.multiply(&v.sub(&x)).sub(&y.multiply(&h_cubed));
        z = z.multiply(&h);
    }
    Some((x, z))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
