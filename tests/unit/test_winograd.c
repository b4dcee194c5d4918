/* The matrices of F(m, r), their source, and how weights are packed with them. */
#include <math.h>

#include "row_conv.h"
#include "support/icn_test.h"
#include "winograd.h"
#include "winograd_bound.h"

static const int MS[] = {2, 3, 4, 6}, RS[] = {2, 3, 4, 5, 7};
enum { M_COUNT = sizeof MS / sizeof MS[0], R_COUNT = sizeof RS / sizeof RS[0] };

/* The identity below has denominators whose common multiple leaves 64 bits, so it is tested modulo primes: what holds modulo two of them,
 * for numbers whose numerators and denominators are far below their product, holds. */
static const uint64_t PRIMES[] = {2147483647, 998244353};

static uint64_t power(uint64_t base, uint64_t exponent, uint64_t prime) {
  uint64_t result = 1;
  for (; exponent > 0; exponent >>= 1, base = base * base % prime)
    if ((exponent & 1U) != 0) result = result * base % prime;
  return result;
}

static uint64_t residue(icn_rational x, uint64_t prime) {
  assert_true(x.den > 0);
  const uint64_t den = (uint64_t)x.den % prime, num = (uint64_t)(x.num < 0 ? -x.num : x.num) % prime;
  assert_true(den != 0);
  const uint64_t value = num * power(den, prime - 2, prime) % prime;
  return x.num < 0 ? (prime - value) % prime : value;
}

/* The coefficient of g[k] d[l] in y[i]. */
static uint64_t coefficient(const icn_winograd *w, int i, int k, int l, uint64_t prime) {
  uint64_t total = 0;
  for (int j = 0; j < w->n; j++)
    total += residue(w->at[i][j], prime) * residue(w->g[j][k], prime) % prime * residue(w->bt[j][l], prime) % prime;
  return total % prime;
}

/* The bilinear identity: the coefficient of g[k] d[l] in y[i] is 1 where l = stride * i + k, else 0. */
static void matrices_give_the_correlation_exactly(void **state) {
  (void)state;
  int made = 0;
  for (size_t which = 0; which < M_COUNT * R_COUNT * 2; which++) {
    icn_winograd w;
    const int m = MS[which / (2 * R_COUNT)], r = RS[which / 2 % R_COUNT], stride = 1 + (int)(which % 2);
    if (!icn_winograd_make(m, r, stride, &w)) {
      assert_true(stride == 2 && (2 * m + r - 2 > ICN_WINOGRAD_MAX_N || r == 2 || r == 4));
      continue;
    }
    made++;
    assert_int_equal(w.n, stride == 1 ? m + r - 1 : 2 * m + r - 2);
    for (int i = 0; i < w.m; i++)
      for (int k = 0; k < w.r; k++)
        for (int l = 0; l < w.n; l++)
          for (size_t p = 0; p < sizeof PRIMES / sizeof PRIMES[0]; p++) {
            const uint64_t got = coefficient(&w, i, k, l, PRIMES[p]);
            if (got != (l == stride * i + k))
              fail_msg("F(%d,%d)/%d: y[%d] has %llu (modulo %llu) of g[%d] d[%d]", w.m, w.r, stride, i, (unsigned long long)got,
                       (unsigned long long)PRIMES[p], k, l);
          }
  }
  assert_int_equal(made, 20 + 8);
}

static void other_tiles_are_refused(void **state) {
  (void)state;
  icn_winograd w;
  assert_false(icn_winograd_make(5, 3, 1, &w));
  assert_false(icn_winograd_make(0, 3, 1, &w));
  assert_false(icn_winograd_make(2, 6, 1, &w));
  assert_false(icn_winograd_make(2, 4, 2, &w));
  assert_false(icn_winograd_make(2, 2, 2, &w));
  assert_false(icn_winograd_make(2, 9, 1, &w));
  assert_false(icn_winograd_make(2, 3, 3, &w));
}

static void the_table_of_operations_is_what_the_source_has(void **state) {
  (void)state;
  int wrong = 0;
  for (size_t which = 0; which < M_COUNT * R_COUNT * 2; which++) {
    const int m = MS[which / (2 * R_COUNT)], r = RS[which / 2 % R_COUNT], stride = 1 + (int)(which % 2);
    const icn_winograd_ops counted = icn_winograd_count(m, r, stride), table = icn_winograd_operations(m, r, stride);
    if (counted.input != table.input || counted.output != table.output)
      print_error("F(%d,%d)/%d: {%d, %d} counted, {%d, %d} in the table\n", m, r, stride, counted.input, counted.output, table.input,
                  table.output);
    wrong += counted.input != table.input || counted.output != table.output;
  }
  assert_int_equal(wrong, 0);
}

/* Symmetric points share: F(6,3) would take 8 x 8 products without. */
static void the_source_shares_sums(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  icn_text text;
  icn_text_init(&text, &allocator);
  icn_winograd_source(&text);
  assert_false(text.failed);
  assert_non_null(strstr(text.data, "#if WM == 6 && WR == 7 && WS == 1\n#define WN 12\n"));
  assert_non_null(strstr(text.data, "z[2] = p1 - q1;"));
  assert_null(strstr(text.data, "nan"));
  assert_true(icn_winograd_count(6, 3, 1).input < 40);
  icn_text_fini(&text);
}

/* Every decimal number in the source has an f: bare OpenCL C 1.2 has no double. */
static void the_source_has_no_double(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  icn_text text;
  icn_text_init(&text, &allocator);
  icn_winograd_source(&text);
  for (const char *at = text.data; (at = strchr(at, '.')) != NULL; at++) {
    if (at[1] < '0' || at[1] > '9') continue;
    const char *end = at + 1 + strspn(at + 1, "0123456789");
    if (*end == 'e') end += 1 + strspn(end + 1, "+-0123456789");
    if (*end != 'f') fail_msg("a double near '%.30s'", at - 3);
  }
  icn_text_fini(&text);
}

static icn_problem line_problem(int64_t c, int64_t oc) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  p.op = ICN_OP_CONV;
  p.params.groups = 1;
  p.params.kernel[0] = p.params.stride[0] = p.params.stride[1] = p.params.dilation[0] = p.params.dilation[1] = 1;
  p.params.kernel[1] = 3;
  p.params.pad_begin[1] = p.params.pad_end[1] = 1;
  const icn_shape x = icn_shape_make(4, (const int64_t[]){1, c, 4, 9}), w = icn_shape_make(4, (const int64_t[]){oc, c, 1, 3}),
                  b = icn_shape_make(1, (const int64_t[]){oc}), y = icn_shape_make(4, (const int64_t[]){1, oc, 4, 9});
  p.present = 7;
  p.constant = 6;
  p.in[0] = icn_view_device(&x, 0);
  p.in[1] = icn_view_dense(&w);
  p.in[2] = icn_view_dense(&b);
  p.out = icn_view_device(&y, 0);
  return p;
}

/* Panels of 12 lanes, 2 of them: weights U[panel][p][ic][lane], biases behind. */
static void weights_are_transformed_and_packed(void **state) {
  (void)state;
  enum { C = 2, OC = 17, N = 4, WIDTH = 12 };
  const icn_problem p = line_problem(C, OC);
  const icn_row *row = icn_row_find("winograd_line");
  const icn_config config = {{2, 4, 3, 4, 4, 1}};
  float weight[OC * C * 3], bias[OC], packed[2 * WIDTH * (N * C + 1)];
  for (int i = 0; i < OC * C * 3; i++) weight[i] = (float)(i % 23);
  for (int i = 0; i < OC; i++) bias[i] = (float)(100 + i);
  const icn_value values[2] = {{.data = weight}, {.data = bias}};
  const icn_value *constants[ICN_MAX_INPUTS] = {NULL, &values[0], &values[1]};
  icn_winograd tile;
  assert_true(icn_winograd_make(2, 3, 1, &tile));
  assert_int_equal(row->pack_bytes(&p, &config), sizeof packed);
  row->pack(&p, &config, constants, packed);
  for (int oc = 0; oc < 2 * WIDTH; oc++) {
    for (int point = 0; point < N; point++)
      for (int ic = 0; ic < C; ic++) {
        double want = 0;
        for (int k = 0; k < 3 && oc < OC; k++) want += icn_rational_double(tile.g[point][k]) * (double)weight[(oc * C + ic) * 3 + k];
        const float got = packed[((oc / WIDTH * N + point) * C + ic) * WIDTH + oc % WIDTH];
        if (got != (float)want) fail_msg("oc %d, point %d, ic %d: %g, not %g", oc, point, ic, (double)got, want);
      }
    assert_true(packed[2 * WIDTH * N * C + oc] == (oc < OC ? bias[oc] : 0));
  }
}

/* 5 x 5 of stride 2 on 2 channels of an image of 9 x 11. */
static icn_problem folded_problem(int64_t c, int64_t pixel_stride) {
  icn_problem p = line_problem(c, 3);
  const icn_shape x = icn_shape_make(4, (const int64_t[]){1, c, 9, 11}), w = icn_shape_make(4, (const int64_t[]){3, c, 5, 5}),
                  y = icn_shape_make(4, (const int64_t[]){1, 3, 4, 5});
  for (int k = 0; k < 2; k++) p.params.kernel[k] = 5, p.params.stride[k] = 2, p.params.pad_begin[k] = p.params.pad_end[k] = 1;
  p.in[0] = icn_view_device(&x, pixel_stride);
  p.in[1] = icn_view_dense(&w);
  p.out = icn_view_device(&y, 0);
  return p;
}

/* U[p][channel][lane], a channel being (row * 2 + column) * C + ic of 2 x 2 pixels; the sixth row and column of taps are zero. */
static void weights_of_folded_pixels_are_packed(void **state) {
  (void)state;
  enum { C = 2, OC = 3, N = 4, WIDTH = 12, DEPTH = 4 * C };
  const icn_problem p = folded_problem(C, 0);
  const icn_row *row = icn_row_find("winograd_s2d");
  const icn_config config = {{2, 4, 3, 4, 4, 1}};
  float weight[OC * C * 25], bias[OC] = {1, 2, 3}, packed[WIDTH * (N * N * DEPTH + 1)];
  for (int i = 0; i < OC * C * 25; i++) weight[i] = (float)(i % 23 - 11);
  const icn_value values[2] = {{.data = weight}, {.data = bias}};
  const icn_value *constants[ICN_MAX_INPUTS] = {NULL, &values[0], &values[1]};
  icn_winograd tile;
  assert_true(icn_winograd_make(2, 3, 1, &tile));
  assert_int_equal(row->pack_bytes(&p, &config), sizeof packed);
  row->pack(&p, &config, constants, packed);
  for (int i = 0; i < WIDTH * N * N * DEPTH; i++) {
    const int oc = i % WIDTH, channel = i / WIDTH % DEPTH, point = i / WIDTH / DEPTH;
    double want = 0;
    for (int ky = channel / C / 2; ky < 5; ky += 2)
      for (int kx = channel / C % 2; kx < 5 && oc < OC; kx += 2)
        want += icn_rational_double(tile.g[point / N][ky / 2]) * icn_rational_double(tile.g[point % N][kx / 2]) *
                (double)weight[((oc * C + channel % C) * 5 + ky) * 5 + kx];
    if (fabs((double)packed[i] - want) > 1e-6 * fabs(want))
      fail_msg("point %d, channel %d, oc %d: %g, not %g", point, channel, oc, (double)packed[i], want);
  }
  for (int oc = 0; oc < OC; oc++) assert_true(packed[WIDTH * N * N * DEPTH + oc] == bias[oc]);
}

static void what_cannot_be_folded_is_declined(void **state) {
  (void)state;
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  const icn_row *row = icn_row_find("winograd_s2d");
  icn_reason why;
  icn_problem p = folded_problem(4, 0);
  assert_true(row->applies(&p, &device, &why));
  p = folded_problem(3, 4);
  assert_false(row->applies(&p, &device, &why));
  assert_string_equal(why.text, "pixels of 3 channels are 4 apart, not side by side");
  p = folded_problem(5, 0);
  assert_false(row->applies(&p, &device, &why));
  assert_string_equal(why.text, "5 input channels, at most 4 are folded");
  p = folded_problem(2, 0);
  p.params.stride[0] = p.params.stride[1] = 1;
  assert_false(row->applies(&p, &device, &why));
}

/* The launch says what is computed: 4 C channels through the input's transform and in the products, not the 16 lanes of a pixel. */
static void folded_work_is_counted_as_it_is(void **state) {
  (void)state;
  enum { C = 3, OC = 3, M = 2, N = 4, TILES = 2 * 3 };
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  const icn_problem p = folded_problem(C, 0);
  const icn_config config = {{M, 14, 2, 16, 14, 1}};
  const icn_winograd_ops ops = icn_winograd_operations(M, 3, 1);
  icn_emit emit;
  icn_error error;
  memset(&emit, 0, sizeof emit);
  assert_int_equal(icn_row_find("winograd_s2d")->emit(&p, &device, &config, &emit, &error), ICN_OK);
  const double input = 2.0 * 2 * N * ops.input * TILES * 4 * C, output = 2.0 * (N + M) * ops.output * TILES * OC;
  assert_true(emit.launch[0].flop == input + 2.0 * N * N * TILES * 4 * C * OC + output);
  assert_true(emit.launch[0].bytes == icn_problem_bytes(&p) + 4.0 * (N * N * 4 - 25) * C * OC);
  assert_non_null(strstr(emit.launch[0].options, " -D WR=3 -D WS=1 "));
  assert_non_null(strstr(emit.launch[0].options, " -D FOLD=3"));
}

/* Along one axis the bound is the sum over the points, by hand. */
static void the_bound_is_the_sum_of_absolute_products(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  icn_error error;
  icn_problem p = line_problem(1, 1);
  p.in[0] = icn_view_dense(&p.in[0].shape);
  p.out = icn_view_dense(&p.out.shape);
  float x[36], w[3] = {1, -2, 3}, bias[1] = {-5}, magnitude[36];
  for (int i = 0; i < 36; i++) x[i] = (float)((i * 7) % 5 - 2);
  const void *in[ICN_MAX_INPUTS] = {x, w, bias};
  icn_winograd tile;
  assert_true(icn_winograd_make(4, 3, 1, &tile));
  assert_int_equal(icn_winograd_magnitude(&p, (icn_winograd_form){4, false}, in, magnitude, &allocator, &error), ICN_OK);
  /* output (1, 5): second tile of its line, element 1; its window begins at column 3 */
  double want = 5;
  for (int j = 0; j < tile.n; j++) {
    double u = 0, v = 0;
    for (int k = 0; k < 3; k++) u += fabs(icn_rational_double(tile.g[j][k])) * fabs((double)w[k]);
    for (int k = 0; k < tile.n; k++) v += fabs(icn_rational_double(tile.bt[j][k])) * fabs((double)x[9 + 3 + k]);
    want += fabs(icn_rational_double(tile.at[1][j])) * u * v;
  }
  assert_true(fabs((double)magnitude[9 + 5] - want) <= 1e-6 * want);
}

/* With folded pixels the four phases of the image are convolved with those of the window, each with stride 1, and what they come to is
 * added up: the same function on them is the bound of the whole. */
static void the_bound_of_folded_pixels_is_that_of_their_phases(void **state) {
  (void)state;
  enum { H = 9, W = 11, FH = 7, FW = 8, OUT = 4 * 5 };
  icn_allocator allocator = icn_allocator_default();
  icn_error error;
  icn_problem p = folded_problem(1, 0), phase = p;
  float x[H * W], w[3 * 25], bias[3] = {1, -2, 3}, nothing[3] = {0}, magnitude[3 * OUT];
  double want[3 * OUT];
  const void *in[ICN_MAX_INPUTS] = {x, w, bias};
  for (int i = 0; i < H * W; i++) x[i] = (float)((i * 7) % 5 - 2);
  for (int i = 0; i < 3 * 25; i++) w[i] = (float)((i * 5) % 7 - 3);
  for (int i = 0; i < 3 * OUT; i++) want[i] = fabs((double)bias[i / OUT]);
  assert_int_equal(icn_winograd_magnitude(&p, (icn_winograd_form){2, true}, in, magnitude, &allocator, &error), ICN_OK);
  phase.in[0].shape = icn_shape_make(4, (const int64_t[]){1, 1, FH, FW});
  phase.in[1].shape = icn_shape_make(4, (const int64_t[]){3, 1, 3, 3});
  for (int k = 0; k < 2; k++) phase.params.kernel[k] = 3, phase.params.stride[k] = 1, phase.params.pad_begin[k] = 0;
  for (int f = 0; f < 4; f++) {
    float px[FH * FW], pw[3 * 9], part[3 * OUT];
    const void *phase_in[ICN_MAX_INPUTS] = {px, pw, nothing};
    for (int i = 0; i < FH * FW; i++) {
      const int iy = 2 * (i / FW) + f / 2 - 1, ix = 2 * (i % FW) + f % 2 - 1; /* a padding of 1 */
      px[i] = iy >= 0 && iy < H && ix >= 0 && ix < W ? x[iy * W + ix] : 0;
    }
    for (int i = 0; i < 3 * 9; i++) {
      const int ky = 2 * (i % 9 / 3) + f / 2, kx = 2 * (i % 3) + f % 2;
      pw[i] = ky < 5 && kx < 5 ? w[i / 9 * 25 + ky * 5 + kx] : 0;
    }
    assert_int_equal(icn_winograd_magnitude(&phase, (icn_winograd_form){2, false}, phase_in, part, &allocator, &error), ICN_OK);
    for (int i = 0; i < 3 * OUT; i++) want[i] += (double)part[i];
  }
  for (int i = 0; i < 3 * OUT; i++) assert_true(fabs((double)magnitude[i] - want[i]) <= 1e-6 * want[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matrices_give_the_correlation_exactly),
      cmocka_unit_test(other_tiles_are_refused),
      cmocka_unit_test(the_table_of_operations_is_what_the_source_has),
      cmocka_unit_test(the_source_shares_sums),
      cmocka_unit_test(the_source_has_no_double),
      cmocka_unit_test(weights_are_transformed_and_packed),
      cmocka_unit_test(weights_of_folded_pixels_are_packed),
      cmocka_unit_test(what_cannot_be_folded_is_declined),
      cmocka_unit_test(folded_work_is_counted_as_it_is),
      cmocka_unit_test(the_bound_is_the_sum_of_absolute_products),
      cmocka_unit_test(the_bound_of_folded_pixels_is_that_of_their_phases),
  };
  return cmocka_run_group_tests_name("winograd", tests, NULL, NULL);
}
