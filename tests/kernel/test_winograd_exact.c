/* Every Winograd row, tile and window on data that leave no room for rounding: where the points are dyadic, the same bits as the reference
 * (support/winograd_data.h says why); with all points, a single one at a time, within 4 ulp. The cases of lib/case_conv.c judge the same
 * rows by a bound on rounding errors. */
#include <math.h>

#include "kernel_check.h"
#include "kernels_embedded.h"
#include "os.h"
#include "row_space.h"
#include "row_winograd.h"
#include "source_text.h"
#include "support/icn_test.h"
#include "support/winograd_data.h"

static const char *const ROWS[] = {"winograd_3x3",   "winograd_5x5", "winograd_line", "winograd_stride2",
                                   "winograd_split", "winograd_gpu", "winograd_item", "winograd_s2d"};
/* Pairs of a window and an m: what an item holds in registers bounds those of winograd_gpu and winograd_item. */
static const size_t TILES_OF[] = {4, 3, 24, 8, 39, 32, 32, 11};
enum { TILE_COUNT = 39 + 11, ROW_COUNT = sizeof ROWS / sizeof ROWS[0], WINDOW_COUNT = 11 };
enum { CHANNELS = 19, FOLDED_CHANNELS = 3, OUTPUTS = 21 };
static const int64_t WINDOWS[WINDOW_COUNT][3] = {{3, 3, 1}, {5, 5, 1}, {1, 3, 1}, {3, 1, 1}, {1, 5, 1}, {5, 1, 1},
                                                 {1, 7, 1}, {7, 1, 1}, {3, 3, 2}, {5, 5, 2}, {7, 7, 2}};

static const double MOST_ULPS = 4; /* one_hot_allowed() says of what */

typedef struct fixture {
  icn_context *context;
  icn_runtime *runtime;
  uint64_t random;
} fixture;

static int set_up(void **state) {
  static fixture f;
  icn_error error;
  *state = &f;
  assert_int_equal(icn_context_create(NULL, &f.context, &error), ICN_OK);
  if (icn_context_device_count(f.context) == 0) return 0;
  if (icn_runtime_create(f.context, icn_context_device(f.context, 0), NULL, &f.runtime, &error) != ICN_OK) fail_msg("%s", error.message);
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  icn_runtime_destroy(f->runtime);
  icn_context_destroy(f->context);
  return 0;
}

/* ------------------------------------------------------------ cases */

/* How a problem differs besides its tile. */
typedef struct variant {
  int64_t n, h, w;
  bool residual, relu, same_padding; /* else none before, one behind */
} variant;
static const variant VARIANTS[] = {{2, 15, 17, false, true, true}, {1, 16, 13, true, false, false}};
enum { VARIANT_COUNT = sizeof VARIANTS / sizeof VARIANTS[0] };

static icn_case make_case(icn_case_list *list, const int64_t *window, const variant *v, int64_t channels, int64_t outputs) {
  icn_params params = {.groups = 1};
  for (int k = 0; k < 2; k++) {
    params.kernel[k] = window[k];
    params.stride[k] = window[2];
    params.dilation[k] = 1;
    params.pad_begin[k] = v->same_padding ? window[k] / 2 : 0;
    params.pad_end[k] = v->same_padding ? window[k] / 2 : window[k] > 1;
  }
  memset(list, 0, sizeof *list);
  list->allocator = icn_allocator_default();
  icn_case *c = icn_case_add_conv(list, v->n, channels, v->h, v->w, outputs, &params, 0);
  if (v->residual) icn_case_input(c, ICN_CONV_RESIDUAL, 4, c->problem.out.shape.dim);
  c->problem.epilogue.function = v->relu ? ICN_FN_RELU : ICN_FN_IDENTITY;
  assert_false(list->failed);
  return *c;
}

/* ------------------------------------------------------------ running */

/* The configuration of the row with this m and the smallest register tile: the same ones everywhere make few programs, quickly compiled. */
static bool config_of(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, int m, icn_config *config) {
  enum { FIRST = ICN_WINOGRAD_M + 1, VALUES = 3 };
  int64_t least = 0;
  if (!icn_row_common_ok(problem, NULL) || !row->applies(problem, device, NULL)) return false;
  const size_t count = icn_row_space(row, problem, device, 0, NULL);
  for (size_t i = 0; i < count; i++) {
    icn_config candidate;
    int64_t size = 1;
    (void)icn_row_space(row, problem, device, i, &candidate);
    for (int k = FIRST; k < FIRST + VALUES; k++) size *= candidate.value[k] + 1;
    if (candidate.value[ICN_WINOGRAD_M] != m || (least > 0 && size >= least)) continue;
    if (!icn_row_takes(row, problem, device, &candidate, NULL)) continue;
    *config = candidate;
    least = size;
  }
  return least > 0;
}

/* Data for a tile, and how they are judged. */
typedef struct trial {
  const winograd_tile *tile;
  const icn_case_data *data;
  const double *allowed; /* how much each output may differ; NULL: nothing */
  double most;           /* the largest part of that which was seen */
  size_t *taken;         /* of each row: 1 more where it has the tile; may be NULL */
} trial;

/* DECLINED: the row has no such tile, or the device's limits refuse what was compiled. */
static icn_check_outcome run_row(icn_runtime *runtime, size_t number, icn_case_layout layout, trial *t, icn_check_result *result) {
  const icn_row *row = icn_row_find(ROWS[number]);
  const icn_device_desc *device = icn_runtime_desc(runtime);
  icn_problem problem;
  icn_config config;
  icn_check_bounds bounds;
  memset(&bounds, 0, sizeof bounds);
  result->outcome = ICN_CHECK_DECLINED;
  if ((strcmp(ROWS[number], "winograd_s2d") == 0) != t->tile->folded) return ICN_CHECK_DECLINED;
  assert_true(icn_case_problem(t->data->source, layout, &problem));
  if (!config_of(row, &problem, device, t->tile->m, &config)) return ICN_CHECK_DECLINED;
  const int64_t count = icn_shape_elems(&problem.out.shape);
  float *magnitude = icn_allocate_array(&t->data->allocator, (size_t)count, sizeof *magnitude);
  assert_non_null(magnitude);
  for (int64_t i = 0; i < count; i++) magnitude[i] = t->allowed == NULL ? 0 : (float)(t->allowed[i] / (row->tolerance * 0x1p-24));
  bounds.magnitude[t->tile->folded][t->tile->m] = magnitude; /* instead of the bound on rounding errors */
  icn_kernel_check_config(runtime, device, row, &config, &problem, t->data, &bounds, false, result);
  icn_check_bounds_free(&bounds, t->data);
  if (result->error > t->most) t->most = result->error;
  if (t->taken != NULL) t->taken[number]++;
  if (result->outcome == ICN_CHECK_DECLINED) print_message("%s is refused: %s\n", ROWS[number], result->text);
  return result->outcome;
}

/* Pixels that are folded have no room between them: one layout is all that there is. */
static void run_rows(icn_runtime *runtime, icn_case_layout wanted, trial *t) {
  const icn_case_layout layout = t->tile->folded ? ICN_CASE_DENSE : wanted;
  for (size_t i = 0; i < ROW_COUNT; i++) {
    icn_check_result result;
    const icn_check_outcome outcome = run_row(runtime, i, layout, t, &result);
    if (outcome == ICN_CHECK_RIGHT || outcome == ICN_CHECK_DECLINED) continue;
    const int64_t *w = t->tile->window;
    fail_msg("%s with m = %d, a %lldx%lld window of stride %lld, %s: %s", ROWS[i], t->tile->m, (long long)w[0], (long long)w[1],
             (long long)w[2], icn_case_layout_name(layout), result.text);
  }
}

/* ------------------------------------------------------------ the tests */

static int64_t channels_of(const winograd_tile *t) { return t->folded ? FOLDED_CHANNELS : CHANNELS; }

/* Calls `test` for every window and m that there is a tile for, and for those of stride 2 once more with folded pixels. */
static size_t each_tile(fixture *f, void (*test)(fixture *f, const winograd_tile *t, void *user), void *user) {
  size_t count = 0;
  for (size_t k = 0; k < 2 * WINDOW_COUNT; k++)
    for (const int32_t *m = icn_winograd_ms; *m != 0; m++) {
      const winograd_tile t = {WINDOWS[k % WINDOW_COUNT], (int)*m, k >= WINDOW_COUNT};
      icn_case_list list;
      if (t.folded && t.window[2] == 1) continue;
      const icn_case c = make_case(&list, t.window, &VARIANTS[0], channels_of(&t), OUTPUTS);
      const icn_winograd_sizes w = icn_winograd_fused_sizes(&c.problem, t.folded, t.m);
      icn_cases_free(&list);
      if (!icn_winograd_tile_ok(&w, t.m)) continue;
      test(f, &t, user);
      count++;
    }
  return count;
}

/* Every tile was run, on a CPU; a GPU may be too small for some. */
static void tell(const fixture *f, const char *what, const size_t *taken, const size_t *wanted) {
  for (size_t i = 0; i < ROW_COUNT; i++) print_message("%s: %s ran %zu tiles of %zu\n", what, ROWS[i], taken[i], wanted[i]);
  if (icn_runtime_desc(f->runtime)->kind != ICN_DEVICE_CPU) return;
  for (size_t i = 0; i < ROW_COUNT; i++) assert_int_equal(taken[i], wanted[i]);
}

typedef struct exact_counts {
  size_t taken[ROW_COUNT], drawn[WINOGRAD_DENSITIES], others;
} exact_counts;

/* Sparse data show few taps and places at a time: more of them. */
static void exact_on_tile(fixture *f, const winograd_tile *t, void *user) {
  exact_counts *counts = user;
  if (!winograd_is_dyadic(t)) {
    counts->others++;
    return;
  }
  for (size_t v = 0; v < VARIANT_COUNT; v++) {
    icn_case_list list;
    icn_case_data data;
    icn_error error;
    size_t sparse = 0;
    const icn_case c = make_case(&list, t->window, &VARIANTS[v], channels_of(t), OUTPUTS);
    if (icn_case_data_make(&data, &c, ICN_CASE_EXACT, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
    for (int set = 0; set == 0 || (sparse > 1 && set < 3); set++) {
      winograd_draw_exact(&f->random, &data, t, &sparse);
      counts->drawn[sparse]++;
      trial tried = {t, &data, NULL, 0, v == 0 && set == 0 ? counts->taken : NULL};
      run_rows(f->runtime, ICN_CASE_STRIDED, &tried);
      tried.taken = NULL;
      if (set == 0) run_rows(f->runtime, ICN_CASE_DENSE, &tried);
    }
    icn_case_data_free(&data);
    icn_cases_free(&list);
  }
}

static void dyadic_points_give_the_same_bits(void **state) {
  static const size_t WANTED[ROW_COUNT] = {4, 3, 18, 8, 33, 26, 26, 11}; /* not F(6, 5), F(4, 7), F(6, 7) across and down */
  fixture *f = *state;
  exact_counts counts;
  memset(&counts, 0, sizeof counts);
  if (f->runtime == NULL) skip();
  const size_t tiles = each_tile(f, exact_on_tile, &counts);
  for (size_t i = 0; i < WINOGRAD_DENSITIES; i++) print_message("exact: %zu data sets of density %zu\n", counts.drawn[i], i);
  assert_int_equal(tiles, TILE_COUNT);
  assert_int_equal(counts.others, 6);
  tell(f, "exact", counts.taken, WANTED);
}

/* A single 1 in each of some images, at places that are apart, in one channel; output channel k has the single weight 1 at tap k. */
static icn_case_data one_hot_data(const icn_case *c) {
  enum { CHANNEL = 1, STEP = 29 }; /* STEP: without a common divisor with the pixels of an image */
  icn_case_data data;
  icn_error error;
  if (icn_case_data_make(&data, c, ICN_CASE_EXACT, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  for (int i = 0; i < ICN_MAX_INPUTS; i++)
    if (data.input[i] != NULL) memset(data.input[i], 0, sizeof(float) * (size_t)icn_shape_elems(&c->problem.in[i].shape));
  const int64_t *x = c->problem.in[ICN_CONV_X].shape.dim, *w = c->problem.in[ICN_CONV_WEIGHT].shape.dim, taps = w[2] * w[3];
  for (int64_t n = 0; n < x[0]; n++) ((float *)data.input[ICN_CONV_X])[(n * x[1] + CHANNEL) * x[2] * x[3] + n * STEP % (x[2] * x[3])] = 1;
  for (int64_t k = 0; k < w[0]; k++) ((float *)data.input[ICN_CONV_WEIGHT])[(k * w[1] + CHANNEL) * taps + k] = 1;
  winograd_compute(&data);
  return data;
}

/* What a result of 0 or 1 may be off: 4 ulp, where an ulp is the distance of neighbouring floats at the sum of the absolute products that
 * the result is made of (at 1 where that sum is smaller); nothing where every product is 0. An ulp of 1 would be less than what rounding U
 * alone explains: the products of F(3x3, 3x3) come to 36 before they cancel, some of them with a U of 1/3. */
static double *one_hot_allowed(const icn_case_data *data, const winograd_tile *t) {
  const int64_t count = icn_shape_elems(&data->dense.out.shape);
  float *magnitude = winograd_magnitudes(data, t);
  double *allowed = calloc((size_t)count, sizeof *allowed);
  assert_non_null(allowed);
  for (int64_t i = 0; i < count; i++)
    if (magnitude[i] > 0) allowed[i] = MOST_ULPS * ldexp(1, ilogb(fmax(1, (double)magnitude[i])) - 23);
  free(magnitude);
  return allowed;
}

typedef struct one_hot_counts {
  size_t taken[ROW_COUNT];
  double most;
} one_hot_counts;

/* 40 images: as many places, edges among them. */
static const variant ONE_HOT = {40, 11, 13, false, false, true};

static void one_hot_on_tile(fixture *f, const winograd_tile *t, void *user) {
  one_hot_counts *counts = user;
  icn_case_list list;
  const icn_case c = make_case(&list, t->window, &ONE_HOT, 2, t->window[0] * t->window[1]);
  icn_case_data data = one_hot_data(&c);
  double *allowed = one_hot_allowed(&data, t);
  trial tried = {t, &data, allowed, 0, counts->taken};
  run_rows(f->runtime, ICN_CASE_STRIDED, &tried);
  if (tried.most > counts->most) counts->most = tried.most;
  free(allowed);
  icn_case_data_free(&data);
  icn_cases_free(&list);
}

static void a_single_one_is_within_4_ulp(void **state) {
  fixture *f = *state;
  one_hot_counts counts;
  memset(&counts, 0, sizeof counts);
  if (f->runtime == NULL) skip();
  assert_int_equal(each_tile(f, one_hot_on_tile, &counts), TILE_COUNT);
  print_message("one-hot: at most %.2f ulp off\n", counts.most * MOST_ULPS);
  tell(f, "one-hot", counts.taken, TILES_OF);
}

/* ------------------------------------------------------------ wrong coefficients */

/* One more `term` in the `sum` of the transforms of F(m, r) that `tile` begins. */
typedef struct plant {
  const char *tile, *sum, *term;
} plant;

static void write_source(const char *folder, const char *name, const char *text) {
  char path[600];
  icn_error error;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (icn_os_write_file(path, text, strlen(text), &error) != ICN_OK) fail_msg("%s", error.message);
}

static void write_planted(const char *folder, const char *name, const plant *p) {
  const icn_allocator allocator = icn_allocator_default();
  icn_text text, planted;
  icn_error error;
  icn_text_init(&text, &allocator);
  icn_text_init(&planted, &allocator);
  assert_int_equal(icn_source_text(NULL, name, &text, &error), ICN_OK);
  const char *at = strstr(text.data, p->tile);
  assert_non_null(at);
  at = strstr(at, p->sum);
  assert_non_null(at);
  at += strlen(p->sum);
  icn_text_append(&planted, "%.*s%s + %s", (int)(at - text.data), text.data, p->term, at);
  assert_false(planted.failed);
  write_source(folder, name, planted.data);
  icn_text_fini(&planted);
  icn_text_fini(&text);
}

/* A context whose Winograd kernels are planted, and its runtime. */
static void open_planted(fixture *f, const plant *p, const char *folder) {
  icn_context_options options;
  icn_error error;
  assert_true(icn_os_make_folder(folder));
  for (size_t i = 0; i < icn_kernel_source_count; i++) write_source(folder, icn_kernel_sources[i].name, icn_kernel_sources[i].text);
  write_planted(folder, "winograd.cl", p);
  write_planted(folder, "winograd_split.cl", p);
  icn_context_options_init(&options);
  options.kernel_dir = folder;
  options.cache_dir = "none";
  if (icn_context_create(&options, &f->context, &error) != ICN_OK) fail_msg("%s", error.message);
  if (icn_runtime_create(f->context, icn_context_device(f->context, 0), NULL, &f->runtime, &error) != ICN_OK) fail_msg("%s", error.message);
}

static void close_planted(fixture *f, const char *folder) {
  icn_runtime_destroy(f->runtime);
  icn_context_destroy(f->context);
  for (size_t i = 0; i < icn_kernel_source_count; i++) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, icn_kernel_sources[i].name);
    assert_true(icn_os_remove(path));
  }
  (void)icn_os_remove(folder);
}

/* Every row that has the tile must be found wrong, right without the plant. */
static void is_found(fixture *f, const plant *p, trial *t) {
  fixture planted = {0};
  char folder[64];
  size_t found = 0;
  snprintf(folder, sizeof folder, "winograd-planted-%lu", icn_os_process());
  open_planted(&planted, p, folder);
  for (size_t i = 0; i < ROW_COUNT; i++) {
    icn_check_result right, wrong;
    if (run_row(f->runtime, i, ICN_CASE_DENSE, t, &right) != ICN_CHECK_RIGHT) continue;
    if (run_row(planted.runtime, i, ICN_CASE_DENSE, t, &wrong) != ICN_CHECK_WRONG)
      fail_msg("%s: '%s' in %s is not found: %s", ROWS[i], p->term, p->tile, wrong.text);
    found++;
  }
  close_planted(&planted, folder);
  assert_in_range(found, icn_runtime_desc(f->runtime)->kind == ICN_DEVICE_CPU ? 4 : 1, 4); /* one launch, three with each product */
}

static void a_slightly_wrong_coefficient_is_found_by_both(void **state) {
  static const int64_t LINE[] = {1, 7, 1};
  static const plant BITS = {"#if WM == 4 && WR == 3 && WS == 1", "  z[0] = ", "1e-6f * d[1]"},
                     ULPS = {"#if WM == 6 && WR == 7 && WS == 1", "  y[0] = ", "1e-4f * z[1]"};
  fixture *f = *state;
  icn_case_list list;
  icn_error error;
  icn_case_data data;
  size_t sparse = 0;
  if (f->runtime == NULL) skip();
  const winograd_tile square = {WINDOWS[0], 4, false}, line = {LINE, 6, false};
  icn_case c = make_case(&list, square.window, &VARIANTS[0], CHANNELS, OUTPUTS);
  if (icn_case_data_make(&data, &c, ICN_CASE_EXACT, NULL, &error) != ICN_OK) fail_msg("%s", error.message);
  winograd_draw_exact(&f->random, &data, &square, &sparse);
  trial tried = {&square, &data, NULL, 0, NULL};
  is_found(f, &BITS, &tried);
  icn_case_data_free(&data);
  icn_cases_free(&list);

  c = make_case(&list, line.window, &ONE_HOT, 2, 7);
  data = one_hot_data(&c);
  double *allowed = one_hot_allowed(&data, &line);
  tried = (trial){&line, &data, allowed, 0, NULL};
  is_found(f, &ULPS, &tried);
  free(allowed);
  icn_case_data_free(&data);
  icn_cases_free(&list);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(dyadic_points_give_the_same_bits), cmocka_unit_test(a_single_one_is_within_4_ulp),
                                     cmocka_unit_test(a_slightly_wrong_coefficient_is_found_by_both)};
  return cmocka_run_group_tests_name("winograd_exact", tests, set_up, tear_down);
}
