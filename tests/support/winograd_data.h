/* Data on which Winograd rows do not round, so that they must give the same bits as the reference.
 *
 * B^T and A^T of dyadic points hold integers times powers of two; G has odd denominators besides (1/3 = 1/(2 - -1)), so weights are
 * multiples of their least common multiple L, once for each transformed axis, and L G is dyadic as well. With integer inputs every number
 * of all three stages, products and partial sums included, is then a multiple of a power of two, the grain, and at most the sum of the
 * absolute values of what it is made of. From stage to stage the number of grains in that sum only grows, so that it is enough to look at
 * the end: where icn_winograd_magnitude(), the sum of |A^T| (|G| |w|) (|B^T| |x|), is below 2^24 grains of the result at every output, no
 * operation rounds, in any order, with multiply-adds or without. U is made in double with rounded quotients and then rounded to float: that
 * it comes out on the grain is looked at too. Data are drawn, densest first, until this holds: F(6x6, 3x3) has room for one input in a
 * window only. */
#ifndef ICN_TEST_WINOGRAD_DATA_H
#define ICN_TEST_WINOGRAD_DATA_H

#include "cases.h"

/* A window, {height, width, stride}, with one m of F(m, r), where pixels may be folded (r is that of the folded window then). */
typedef struct winograd_tile {
  const int64_t *window;
  int m;
  bool folded;
} winograd_tile;

/* Every point is an integer times a power of two, and so few bits are wanted that some data are exact. */
bool winograd_is_dyadic(const winograd_tile *tile);

/* How dense data are, densest first: values up to 3, values up to 1, one tap of each kernel, one input of each window, the same tap of all
 * kernels. */
enum { WINOGRAD_DENSITIES = 5 };
/* Inputs and what the reference makes of them, such that nothing rounds: at most as dense as *density, which becomes how dense they are.
 * The tile is dyadic. Fails the test when there are none. */
void winograd_draw_exact(uint64_t *random, icn_case_data *data, const winograd_tile *tile, size_t *density);

/* icn_winograd_magnitude() of every output; free() it. */
float *winograd_magnitudes(const icn_case_data *data, const winograd_tile *tile);
/* The reference of inputs that were written after the data were made. */
void winograd_compute(icn_case_data *data);

#endif
