#include "winograd.h"

#include <math.h>
#include <string.h>

/* Interpolation points besides infinity: F(m, r) takes the line for n. Small powers of two and their inverses keep the matrices small;
 * pairs a, -a share sums, which halves the transforms. The lines for 10 and 12 points are our own, the best of some dozens of lists of
 * pairs by their errors in fp32: F(6, 7) on 192 channels is at 1.1e-5 of the largest output, where the same number of points chosen as
 * Alam et al. (2022) do, without pairs, is at 2.0e-5; F(6, 5) on 48 channels at 2.6e-6 instead of 6.5e-6. */
static const icn_rational POINTS[][ICN_WINOGRAD_MAX_N - 1] = {
    [3] = {{0, 1}, {-1, 1}},
    [4] = {{0, 1}, {1, 1}, {-1, 1}},
    [5] = {{0, 1}, {1, 1}, {-1, 1}, {1, 2}},
    [6] = {{0, 1}, {1, 1}, {-1, 1}, {1, 2}, {-2, 1}},
    [7] = {{0, 1}, {1, 1}, {-1, 1}, {2, 1}, {-2, 1}, {-1, 2}},
    [8] = {{0, 1}, {1, 1}, {-1, 1}, {2, 1}, {-2, 1}, {1, 2}, {-1, 2}},
    [9] = {{0, 1}, {1, 1}, {-1, 1}, {2, 1}, {-2, 1}, {1, 2}, {-1, 2}, {-4, 1}},
    [10] = {{0, 1}, {3, 4}, {-3, 4}, {5, 4}, {-5, 4}, {9, 4}, {-9, 4}, {3, 8}, {-3, 8}},
    [12] = {{0, 1}, {1, 1}, {-1, 1}, {3, 2}, {-3, 2}, {5, 8}, {-5, 8}, {11, 4}, {-11, 4}, {3, 8}, {-3, 8}},
};

static int64_t gcd(int64_t a, int64_t b) {
  while (b != 0) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a < 0 ? -a : a;
}

static icn_rational reduced(int64_t num, int64_t den) {
  const int64_t common = gcd(num, den), sign = den < 0 ? -1 : 1;
  return (icn_rational){sign * num / common, sign * den / common};
}

/* Numbers stay far below 2^63 for the points above; test_winograd.c multiplies the matrices out. */
static icn_rational times(icn_rational a, icn_rational b) {
  const int64_t left = gcd(a.num, b.den), right = gcd(b.num, a.den);
  return reduced((a.num / left) * (b.num / right), (a.den / right) * (b.den / left));
}
static icn_rational plus(icn_rational a, icn_rational b) {
  const int64_t common = gcd(a.den, b.den);
  return reduced(a.num * (b.den / common) + b.num * (a.den / common), a.den / common * b.den);
}
static icn_rational negative(icn_rational a) { return (icn_rational){-a.num, a.den}; }
static icn_rational inverse(icn_rational a) { return reduced(a.den, a.num); }

double icn_rational_double(icn_rational x) { return (double)x.num / (double)x.den; }

static double largest(const icn_rational *row, int count) {
  double most = 0;
  for (int k = 0; k < count; k++) most = fmax(most, fabs(icn_rational_double(row[k])));
  return most;
}

/* Coefficients of the product of (x - a_k) over the points k other than `skip`, lowest power first. */
static void polynomial(const icn_rational *point, int count, int skip, icn_rational *row) {
  int degree = 0;
  row[0] = (icn_rational){1, 1};
  for (int k = 0; k < count; k++) {
    if (k == skip) continue;
    row[degree + 1] = (icn_rational){0, 1};
    for (int i = ++degree; i >= 0; i--) {
      const icn_rational shifted = i > 0 ? row[i - 1] : (icn_rational){0, 1};
      row[i] = plus(shifted, times(negative(point[k]), row[i]));
    }
  }
  for (int i = degree + 1; i <= count; i++) row[i] = (icn_rational){0, 1};
}

/* Scales row j of G by 1/s and of B^T by s, s the power of two that brings their largest elements closest together. */
static void balance(icn_winograd *w, int j) {
  const int power = (int)lround((log2(largest(w->g[j], w->r)) - log2(largest(w->bt[j], w->n))) / 2);
  const icn_rational s = power >= 0 ? (icn_rational){(int64_t)1 << power, 1} : (icn_rational){1, (int64_t)1 << -power};
  for (int k = 0; k < w->r; k++) w->g[j][k] = times(w->g[j][k], inverse(s));
  for (int k = 0; k < w->n; k++) w->bt[j][k] = times(w->bt[j][k], s);
}

/* F(m, r) of stride 1; r = 1 is m products. */
static void make_phase(int m, int r, icn_winograd *w) {
  const int n = m + r - 1, finite = n - 1;
  memset(w, 0, sizeof *w);
  w->m = m, w->r = r, w->stride = 1, w->n = n;
  for (int j = 0; j < ICN_WINOGRAD_MAX_N; j++)
    for (int k = 0; k < ICN_WINOGRAD_MAX_N; k++) w->bt[j][k] = (icn_rational){r == 1 && j == k, 1};
  for (int j = 0; j < n; j++) {
    icn_rational power = {1, 1}, scale = {1, 1};
    for (int k = 0; k < finite && r > 1; k++)
      if (j < finite && k != j) scale = times(scale, plus(POINTS[n][j], negative(POINTS[n][k])));
    for (int i = 0; i < m || i < r; i++) {
      const bool at_infinity = j == finite;
      if (i < m) w->at[i][j] = r == 1 ? (icn_rational){i == j, 1} : at_infinity ? (icn_rational){i == m - 1, 1} : power;
      if (i < r) w->g[j][i] = r == 1 ? (icn_rational){1, 1} : at_infinity ? (icn_rational){i == r - 1, 1} : times(power, inverse(scale));
      if (!at_infinity && r > 1) power = times(power, POINTS[n][j]);
    }
    if (r == 1) continue;
    polynomial(POINTS[n], finite, j, w->bt[j]);
    balance(w, j);
  }
}

/* Columns k of a phase go to 2 k + `odd` of inputs and taps, its points behind the `first` that are there. */
static void place_phase(icn_winograd *w, const icn_winograd *phase, int first, int odd) {
  for (int j = 0; j < phase->n; j++) {
    for (int i = 0; i < w->m; i++) w->at[i][first + j] = phase->at[i][j];
    for (int k = 0; k < phase->r; k++) w->g[first + j][2 * k + odd] = phase->g[j][k];
    for (int k = 0; k < phase->n; k++) w->bt[first + j][2 * k + odd] = phase->bt[j][k];
  }
}

static int points_of(int m, int r, int stride) { return stride == 1 ? m + r - 1 : 2 * m + r - 2; }

bool icn_winograd_exists(int m, int r, int stride) {
  if ((m != 2 && m != 3 && m != 4 && m != 6) || stride < 1 || stride > 2) return false;
  if (r != 3 && r != 5 && r != 7 && (stride == 2 || (r != 2 && r != 4))) return false;
  return points_of(m, r, stride) <= ICN_WINOGRAD_MAX_N;
}

bool icn_winograd_make(int m, int r, int stride, icn_winograd *w) {
  if (!icn_winograd_exists(m, r, stride)) return false;
  const int n = points_of(m, r, stride);
  if (stride == 1) {
    make_phase(m, r, w);
    return true;
  }
  icn_winograd even, odd;
  make_phase(m, (r + 1) / 2, &even);
  make_phase(m, r / 2, &odd);
  memset(w, 0, sizeof *w);
  w->m = m, w->r = r, w->stride = 2, w->n = n;
  for (int j = 0; j < n; j++) {
    for (int k = 0; k < r; k++) w->g[j][k] = (icn_rational){0, 1};
    for (int k = 0; k < n; k++) w->bt[j][k] = (icn_rational){0, 1};
  }
  place_phase(w, &even, 0, 0);
  place_phase(w, &odd, even.n, 1);
  return true;
}
