/* The configurations that rows offer, and what they take from elsewhere, for every convolution of two networks on every recorded device. */
#include "network_layers.h"
#include "row_space.h"
#include "support/device_files.h"
#include "support/icn_test.h"

static icn_problem problem_of(const icn_network_layer *l, int64_t batch) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  const int64_t oh = (l->h + 2 * l->pad_h - l->kh) / l->stride + 1, ow = (l->w + 2 * l->pad_w - l->kw) / l->stride + 1;
  const icn_shape x = icn_shape_make(4, (const int64_t[]){batch, l->ic, l->h, l->w}),
                  y = icn_shape_make(4, (const int64_t[]){batch, l->oc, oh, ow}),
                  w = icn_shape_make(4, (const int64_t[]){l->oc, l->ic, l->kh, l->kw}), b = icn_shape_make(1, (const int64_t[]){l->oc});
  p.op = ICN_OP_CONV;
  p.params = icn_network_layer_params(l);
  p.present = 7;
  p.constant = 6;
  p.in[0] = icn_view_device(&x, 0);
  p.in[1] = icn_view_dense(&w);
  p.in[2] = icn_view_dense(&b);
  p.out = icn_view_device(&y, 0);
  return p;
}

static icn_problem product_of(int64_t m, int64_t n, int64_t k) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  const icn_shape a = icn_shape_make(2, (const int64_t[]){m, k}), b = icn_shape_make(2, (const int64_t[]){k, n}),
                  y = icn_shape_make(2, (const int64_t[]){m, n});
  p.op = ICN_OP_MATMUL;
  p.params.alpha = p.params.beta = 1;
  p.present = 3;
  p.constant = 2;
  p.in[0] = icn_view_dense(&a);
  p.in[1] = icn_view_dense(&b);
  p.out = icn_view_dense(&y);
  return p;
}

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525U + 1013904223U;
  return *seed >> 8;
}

/* One of the row's own with some values changed: a little, to another's, or beyond all bounds. */
static icn_config spoilt(const icn_row *row, const icn_problem *p, const icn_device_desc *device, uint32_t *seed) {
  static const int32_t ODD[] = {0, 1, -1, 2, 3, 4, 5, 8, 14, 15, 16, 32, 63, 64, 65, 1000, INT32_MAX, INT32_MIN, 1 << 30};
  icn_config config;
  const size_t count = icn_row_space(row, p, device, 0, &config);
  (void)icn_row_space(row, p, device, next_random(seed) % count, &config);
  for (uint32_t changes = next_random(seed) % 3; changes > 0; changes--)
    config.value[next_random(seed) % 8] = ODD[next_random(seed) % (sizeof ODD / sizeof ODD[0])];
  return config;
}

static size_t offered, accepted, refused;

static void check_row(const icn_row *row, const icn_problem *p, const icn_device_desc *device, uint32_t *seed) {
  char key[ICN_KEY_BYTES];
  icn_config config;
  icn_reason why;
  if (!icn_row_common_ok(p, NULL) || !row->applies(p, device, NULL)) return;
  const size_t count = icn_row_space(row, p, device, 0, NULL);
  assert_true(count >= 1);
  for (size_t i = next_random(seed) % 8; i < count; i += i == 0 ? 1 : 8) {
    memset(&config, 0xFF, sizeof config);
    assert_int_equal(icn_row_space(row, p, device, i, &config), count);
    if (!icn_row_takes(row, p, device, &config, &why))
      fail_msg("%s on %s, %s: configuration %zu is not taken: %s", row->name, device->name, icn_problem_key(p, key), i, why.text);
    assert_true(row->cost(p, device, &config) > 0);
    offered++;
  }
  for (int i = 0; i < 4; i++) {
    config = spoilt(row, p, device, seed);
    if (icn_row_takes(row, p, device, &config, &why))
      accepted++;
    else
      refused++;
  }
}

static void all_that_is_offered_holds_and_what_is_spoilt_is_seen(void **state) {
  (void)state;
  size_t device_count, layer_count[2], products = 0;
  const icn_network_layer *layers[2] = {icn_inception_v3_layers(&layer_count[0]), icn_googlenet_layers(&layer_count[1])};
  device_file *devices = device_files_read(&device_count);
  uint32_t seed = 1;
  for (size_t d = 0; d < device_count; d++)
    for (size_t r = 0; r < icn_row_count(); r++) {
      const icn_row *row = icn_row_at(r);
      for (int network = 0; network < 2 && row->op == ICN_OP_CONV; network++)
        for (size_t l = d % 16; l < layer_count[network]; l += 16) { /* some of the layers each */
          const icn_problem p = problem_of(&layers[network][l], l % 2 == 0 ? 1 : 8);
          check_row(row, &p, &devices[d].desc, &seed);
        }
      for (int64_t m = 1; m <= 100 && row->op == ICN_OP_MATMUL; m *= 10, products++) {
        const icn_problem p = product_of(m, 1000, 2048);
        check_row(row, &p, &devices[d].desc, &seed);
      }
    }
  free(devices);
  print_message("%zu configurations offered; of spoilt ones %zu taken, %zu refused\n", offered, accepted, refused);
  assert_true(products > 0 && accepted > 0 && refused > accepted / 2);
}

static void winograd_offers_a_sensible_number(void **state) {
  (void)state;
  static const char *const ROWS[] = {"winograd_3x3", "winograd_5x5", "winograd_line", "winograd_stride2", "winograd_s2d"};
  size_t layers, seen[5] = {0};
  const icn_network_layer *layer = icn_inception_v3_layers(&layers);
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  for (size_t l = 0; l < layers; l++)
    for (int r = 0; r < 5; r++) {
      const icn_row *row = icn_row_find(ROWS[r]);
      const icn_problem p = problem_of(&layer[l], 1);
      if (!row->applies(&p, &device, NULL)) continue;
      const size_t count = icn_row_space(row, &p, &device, 0, NULL);
      if (count < 10 || count > 130) fail_msg("%s offers %zu configurations for layer %zu", row->name, count, l);
      seen[r]++;
    }
  for (int r = 0; r < 5; r++) assert_true(seen[r] > 0);
}

static void the_table_names_rows_that_there_are(void **state) {
  (void)state;
#define ICN_SPACE(name, space, valid) assert_non_null(icn_row_find(name));
#include "spaces.def"
#undef ICN_SPACE
}

static void a_row_that_is_not_tuned_has_its_own_choice(void **state) {
  (void)state;
  const icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  const icn_problem p = product_of(8, 100, 100);
  const icn_row *row = icn_row_find("matmul_direct");
  icn_config config;
  assert_int_equal(icn_row_space(row, &p, &device, 0, &config), 1);
  assert_true(icn_row_takes(row, &p, &device, &config, NULL));
  config.value[7] = 1;
  assert_false(icn_row_takes(row, &p, &device, &config, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_that_is_offered_holds_and_what_is_spoilt_is_seen),
      cmocka_unit_test(winograd_offers_a_sensible_number),
      cmocka_unit_test(the_table_names_rows_that_there_are),
      cmocka_unit_test(a_row_that_is_not_tuned_has_its_own_choice),
  };
  return cmocka_run_group_tests_name("row_space", tests, NULL, NULL);
}
