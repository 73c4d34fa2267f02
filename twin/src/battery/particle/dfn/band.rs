//! Linear systems whose unknowns couple only within elements and their neighbours.
//!
//! The matrix is kept as a band of rows; each row knows how far to the left and right it reaches, which is the same
//! above and below the diagonal. Factors fill nothing beyond. There are no pivots: rows come from diffusion and
//! from charge transfer that rises with potential, both of which dominate their diagonal. A pivot that vanishes
//! nevertheless is told.

/// A square matrix with a profile, or its factors.
#[derive(Debug, Clone, Default)]
pub(super) struct Band {
    /// First column of each row.
    starts: Vec<usize>,
    /// Column after the last of each row.
    ends: Vec<usize>,
    half: usize,
    stride: usize,
    values: Vec<f64>,
    /// Reciprocals of the pivots.
    inverses: Vec<f64>,
}

impl Band {
    /// An empty matrix: for each row, the column after the last that it reaches. Must not fall from row to row.
    pub(super) fn new(ends: Vec<usize>) -> Self {
        debug_assert!(ends.windows(2).all(|pair| pair[0] <= pair[1]), "a profile that rises");
        let n = ends.len();
        let starts = (0..n).map(|row| (0..=row).find(|k| ends[*k] > row).unwrap_or(row)).collect();
        let half = ends.iter().enumerate().map(|(row, end)| end - row - 1).max().unwrap_or(0);
        let stride = 2 * half + 1;
        Self { starts, ends, half, stride, values: vec![0.0; n * stride], inverses: vec![0.0; n] }
    }

    /// Number of unknowns.
    fn len(&self) -> usize {
        self.ends.len()
    }

    /// Sets all entries to 0.
    pub(super) fn clear(&mut self) {
        self.values.fill(0.0);
    }

    /// Adds to an entry within the profile.
    #[inline]
    pub(super) fn add(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.stride + self.half + column - row] += value;
    }

    /// Factorises in place; `false` when a pivot is 0 or not finite.
    #[must_use]
    pub(super) fn factorise(&mut self) -> bool {
        let (half, stride) = (self.half, self.stride);
        for i in 0..self.len() {
            let reach = self.ends[i] - i - 1;
            let (above, below) = self.values.split_at_mut((i + 1) * stride);
            let pivot_row = &above[i * stride + half..][..=reach];
            let inverse = 1.0 / pivot_row[0];
            if !inverse.is_finite() || inverse == 0.0 {
                return false;
            }
            self.inverses[i] = inverse;
            let pivot_row = &pivot_row[1..];
            for (k, row) in below.chunks_exact_mut(stride).take(reach).enumerate() {
                let row = &mut row[half - k - 1..][..=reach];
                let factor = row[0] * inverse;
                row[0] = factor;
                if factor != 0.0 {
                    for (target, value) in row[1..].iter_mut().zip(pivot_row) {
                        *target -= factor * value;
                    }
                }
            }
        }
        true
    }

    /// Solves for a right side, in place, with the factors.
    pub(super) fn solve(&self, x: &mut [f64]) {
        let (half, stride) = (self.half, self.stride);
        for i in 0..self.len() {
            let start = self.starts[i];
            let row = &self.values[i * stride + half + start - i..][..i - start];
            let sum: f64 = row.iter().zip(&x[start..i]).map(|(l, x)| l * x).sum();
            x[i] -= sum;
        }
        for i in (0..self.len()).rev() {
            let end = self.ends[i];
            let row = &self.values[i * stride + half + 1..][..end - i - 1];
            let sum: f64 = row.iter().zip(&x[i + 1..end]).map(|(u, x)| u * x).sum();
            x[i] = (x[i] - sum) * self.inverses[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_with_a_profile_is_solved() {
        let ends = vec![3, 3, 5, 5, 6, 6];
        let mut band = Band::new(ends.clone());
        let mut dense = [[0.0; 6]; 6];
        for i in 0..6 {
            for j in i..ends[i] {
                for (row, column) in [(i, j), (j, i)] {
                    if row != column || i == j {
                        dense[row][column] = ((3 * row + 5 * column) % 7) as f64 - 3.0;
                    }
                }
            }
            dense[i][i] = 20.0 + i as f64;
        }
        for (i, row) in dense.iter().enumerate() {
            for (j, value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                band.add(i, j, *value);
            }
        }
        let exact = [1.0, -2.0, 3.0, 0.5, -0.25, 4.0];
        let mut x: Vec<f64> =
            dense.iter().map(|row| row.iter().zip(&exact).map(|(a, b)| a * b).sum()).collect();
        assert!(band.factorise());
        band.solve(&mut x);
        for (found, exact) in x.iter().zip(&exact) {
            assert!((found - exact).abs() < 1e-13, "{x:?}");
        }
    }

    #[test]
    fn a_pivot_that_vanishes_is_told() {
        let mut band = Band::new(vec![2, 2]);
        for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            band.add(row, column, 1.0);
        }
        assert!(!band.factorise());
    }
}
