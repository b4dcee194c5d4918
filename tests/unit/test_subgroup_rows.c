/* The rows by sub-groups without a device: where they decline, which tiles they take, which ones from elsewhere they refuse, their launch.
 */
#include "row_space.h"
#include "support/icn_test.h"

static icn_device_desc intel_gpu(void) {
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_GPU);
  strcat(device.extensions, " cl_khr_subgroups cl_intel_subgroups cl_intel_required_subgroup_size");
  device.compute_units = 24;
  device.wave = 32;
  device.has_subgroups = true;
  device.subgroup_sizes = 8 + 16 + 32;
  return device;
}

/* A 1x1 convolution of a square image. */
static icn_problem conv(int64_t c, int64_t side, int64_t oc) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  const icn_shape x = icn_shape_make(4, (const int64_t[]){1, c, side, side}), y = icn_shape_make(4, (const int64_t[]){1, oc, side, side}),
                  w = icn_shape_make(4, (const int64_t[]){oc, c, 1, 1});
  p.op = ICN_OP_CONV;
  p.params.groups = 1;
  for (int k = 0; k < 2; k++) p.params.kernel[k] = p.params.stride[k] = p.params.dilation[k] = 1;
  p.present = 1U << ICN_CONV_X | 1U << ICN_CONV_WEIGHT;
  p.constant = 1U << ICN_CONV_WEIGHT;
  p.in[ICN_CONV_X] = icn_view_device(&x, 0);
  p.in[ICN_CONV_WEIGHT] = icn_view_dense(&w);
  p.out = icn_view_device(&y, 0);
  return p;
}

static void expect_declined(const icn_device_desc *device, const char *part) {
  const icn_problem p = conv(64, 8, 64);
  static const char *const ROWS[] = {"conv_subgroup", "matmul_subgroup"};
  for (int i = 0; i < 2; i++) {
    icn_reason why;
    const icn_row *row = icn_row_find(ROWS[i]);
    assert_false(row->applies(&p, device, &why)); /* the device is asked about first: of no matter that it is no matrix product */
    if (strstr(why.text, part) == NULL) fail_msg("%s declined with '%s', not with '%s'", row->name, why.text, part);
    assert_false(icn_row_device_ok(row, device, NULL));
  }
  assert_true(icn_row_device_ok(icn_row_find("conv_gpu"), device, NULL));
}

static void devices_without_such_sub_groups_are_declined(void **state) {
  (void)state;
  const icn_problem p = conv(64, 8, 64);
  icn_device_desc device = intel_gpu();
  assert_true(icn_row_find("conv_subgroup")->applies(&p, &device, NULL));
  assert_true(icn_row_device_ok(icn_row_find("matmul_subgroup"), &device, NULL));
  device.has_subgroups = false;
  expect_declined(&device, "has no sub-groups");
  device = intel_gpu();
  snprintf(device.extensions, sizeof device.extensions, "cl_khr_subgroups cl_khr_subgroup_shuffle");
  expect_declined(&device, "cannot be required");
  device = intel_gpu();
  device.subgroup_sizes = 0;
  expect_declined(&device, "not known to have sub-groups of 8 or 16");
  device.subgroup_sizes = 4 + 32 + 64;
  expect_declined(&device, "not known to have sub-groups of 8 or 16");
  device = intel_gpu();
  device.max_work_group = 4;
  expect_declined(&device, "not known to have sub-groups of 8 or 16");
  device.max_work_group = 8;
  assert_true(icn_row_find("conv_subgroup")->applies(&p, &device, NULL));
}

static void expect_tile(const icn_problem *p, const icn_device_desc *device, int pixels, int columns, int lanes) {
  icn_config config;
  icn_row_find("conv_subgroup")->configure(p, device, &config);
  const int32_t *v = config.value;
  if (v[0] != pixels || v[1] != columns || v[2] != lanes || v[3] != 1)
    fail_msg("%d pixels, %d columns, %d lanes, %d deep; not %d, %d, %d", (int)v[0], (int)v[1], (int)v[2], (int)v[3], pixels, columns,
             lanes);
}

static void tiles_fill_the_device(void **state) {
  (void)state;
  icn_device_desc device = intel_gpu();
  const icn_problem large = conv(192, 71, 64), small = conv(1280, 8, 192);
  expect_tile(&large, &device, 8, 2, 16);
  expect_tile(&small, &device, 8, 1, 16); /* 64 pixels: 8 rows x 16 outputs */
  device.compute_units = 512;
  expect_tile(&large, &device, 8, 2, 16);
  device = intel_gpu();
  device.subgroup_sizes = 16 + 32;
  expect_tile(&large, &device, 8, 2, 16);
  device.subgroup_sizes = 8;
  expect_tile(&large, &device, 8, 4, 8);
}

static void tiles_from_elsewhere_are_bounded(void **state) {
  (void)state;
  static const struct {
    icn_config config;
    const char *reason; /* NULL: it is taken */
  } CASES[] = {{{{8, 2, 16, 1}}, NULL},
               {{{8, 4, 8, 2}}, NULL},
               {{{1, 1, 8, 1}}, NULL},
               {{{8, 2, 32, 1}}, "no sub-groups of 32"},
               {{{8, 2, 0, 1}}, "no sub-groups of 0"},
               {{{8, 2, 24, 1}}, "no sub-groups of 24"},
               {{{8, 2, INT32_MIN, 1}}, "no sub-groups of"},
               {{{16, 1, 8, 1}}, "no tiles of 16 pixels"},
               {{{3, 1, 16, 1}}, "no tiles of 3 pixels"},
               {{{INT32_MIN, 1, 16, 1}}, "no tiles of"},
               {{{8, 8, 16, 1}}, "and 8 columns a lane"},
               {{{8, 0, 16, 1}}, "and 0 columns a lane"},
               {{{8, 2, 16, 4}}, "4 deep"},
               {{{8, 2, 16, 0}}, "0 deep"},
               {{{16, 2, 16, 1}}, "more than registers hold"},
               {{{8, 2, 16, 2}}, NULL},
               {{{8, 4, 16, 1}}, "more than registers hold"},
               {{{8, 2, 16, 1, 1}}, "it has 4 parameters, not 5"}};
  const icn_device_desc device = intel_gpu();
  const icn_problem p = conv(64, 8, 64);
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    icn_reason why = {""};
    const bool taken = icn_row_takes(icn_row_find("conv_subgroup"), &p, &device, &CASES[i].config, &why);
    if (taken != (CASES[i].reason == NULL)) fail_msg("case %zu: %s", i, why.text);
    if (!taken && strstr(why.text, CASES[i].reason) == NULL) fail_msg("case %zu: '%s', not '%s'", i, why.text, CASES[i].reason);
  }
}

static void offers_are_sensible(void **state) {
  (void)state;
  const icn_row *row = icn_row_find("conv_subgroup");
  icn_device_desc device = intel_gpu();
  const icn_problem usual = conv(192, 17, 192), odd = conv(20, 17, 192);
  const size_t count = icn_row_space(row, &usual, &device, 0, NULL), of_odd = icn_row_space(row, &odd, &device, 0, NULL);
  assert_true(count >= 20 && count <= 60 && of_odd < count); /* 20 channels do not end with a pair of 16 or of 8 */
  device.subgroup_sizes = 16;
  assert_true(icn_row_space(row, &usual, &device, 0, NULL) < count);
}

static void a_group_is_one_sub_group(void **state) {
  (void)state;
  const icn_device_desc device = intel_gpu();
  const icn_problem p = conv(64, 9, 70);
  const icn_config config = {{8, 2, 16, 1}};
  const icn_row *row = icn_row_find("conv_subgroup");
  static icn_emit emit;
  memset(&emit, 0, sizeof emit);
  assert_int_equal(row->emit(&p, &device, &config, &emit, NULL), ICN_OK);
  const icn_launch *launch = &emit.launch[0];
  assert_int_equal(emit.launch_count, 1);
  assert_string_equal(launch->options, "-D PIXELS=8 -D COLUMNS=2 -D LANES=16 -D DEPTH=1");
  assert_true(launch->local[0] == 16 && launch->local[1] == 1 && launch->local[2] == 1);
  assert_true(launch->global[0] == 3 * 16 && launch->global[1] == 11 && launch->global[2] == 1); /* 70 in 32s, 81 in 8s */
  assert_int_equal(row->pack_bytes(&p, &config), 3 * 32 * (64 + 1) * sizeof(float));
  assert_true(icn_launch_within_limits(launch, &device, NULL));
}

/* Others take what is written for them: a CPU device with sub-groups its own rows, a GPU whose wave is unlike no such row at all. */
static void only_gpus_prefer_it(void **state) {
  (void)state;
  const icn_problem p = conv(192, 35, 64);
  const icn_row *by_subgroups = icn_row_find("conv_subgroup"), *others[] = {icn_row_find("conv_gpu"), icn_row_find("conv_tile")};
  icn_device_desc device = intel_gpu();
  for (int kind = 0; kind < 2; kind++) {
    icn_config own, other;
    device.kind = kind == 0 ? ICN_DEVICE_GPU : ICN_DEVICE_CPU;
    by_subgroups->configure(&p, &device, &own);
    others[kind]->configure(&p, &device, &other);
    const bool cheaper = by_subgroups->cost(&p, &device, &own) < others[kind]->cost(&p, &device, &other);
    assert_true(cheaper == (kind == 0));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(devices_without_such_sub_groups_are_declined),
      cmocka_unit_test(tiles_fill_the_device),
      cmocka_unit_test(tiles_from_elsewhere_are_bounded),
      cmocka_unit_test(offers_are_sensible),
      cmocka_unit_test(a_group_is_one_sub_group),
      cmocka_unit_test(only_gpus_prefer_it),
  };
  return cmocka_run_group_tests_name("subgroup_rows", tests, NULL, NULL);
}
