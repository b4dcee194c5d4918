/* The rows of CONV and MATMUL without a device: what they decline, which tiles they take, how they pack. */
#include "cost.h"
#include "row_gpu_split.h"
#include "row_matmul.h"
#include "row_space.h"
#include "row_support.h"
#include "select.h"
#include "support/icn_test.h"

static icn_view view_of(int rank, const int64_t *dim) {
  const icn_shape shape = icn_shape_make(rank, dim);
  return icn_view_device(&shape, 0);
}

static icn_view dense_of(int rank, const int64_t *dim) {
  const icn_shape shape = icn_shape_make(rank, dim);
  return icn_view_dense(&shape);
}

/* A square window on a square image, stride 1, constant weights and bias. */
static icn_problem conv(int64_t c, int64_t side, int64_t oc, int64_t kernel, int64_t pad) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  const int64_t out = side + 2 * pad - kernel + 1;
  p.op = ICN_OP_CONV;
  p.params.groups = 1;
  for (int k = 0; k < 2; k++) {
    p.params.kernel[k] = kernel;
    p.params.stride[k] = p.params.dilation[k] = 1;
    p.params.pad_begin[k] = p.params.pad_end[k] = pad;
  }
  p.present = 7;
  p.constant = 6;
  p.in[0] = view_of(4, (const int64_t[]){1, c, side, side});
  p.in[1] = dense_of(4, (const int64_t[]){oc, c, kernel, kernel});
  p.in[2] = dense_of(1, (const int64_t[]){oc});
  p.out = view_of(4, (const int64_t[]){1, oc, out, out});
  return p;
}

static icn_problem matmul(int64_t m, int64_t n, int64_t k) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  p.op = ICN_OP_MATMUL;
  p.params.alpha = p.params.beta = 1;
  p.present = 3;
  p.constant = 2;
  p.in[0] = dense_of(2, (const int64_t[]){m, k});
  p.in[1] = dense_of(2, (const int64_t[]){k, n});
  p.out = dense_of(2, (const int64_t[]){m, n});
  return p;
}

static bool applies(const char *row, const icn_problem *p, const icn_device_desc *device, icn_reason *why) {
  snprintf(why->text, sizeof why->text, "%s", "");
  return icn_row_find(row)->applies(p, device, why);
}

static void expect_declined(const char *row, const icn_problem *p, const icn_device_desc *device, const char *part) {
  icn_reason why;
  if (applies(row, p, device, &why)) fail_msg("%s applies", row);
  if (strstr(why.text, part) == NULL) fail_msg("%s declined with '%s', not with '%s'", row, why.text, part);
}

static void expect_applies(const char *row, const icn_problem *p, const icn_device_desc *device) {
  icn_reason why;
  if (!applies(row, p, device, &why)) fail_msg("%s declined: %s", row, why.text);
}

static void convolutions_are_declined_with_a_reason(void **state) {
  (void)state;
  const icn_device_desc cpu = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_problem p = conv(16, 9, 32, 3, 1);
  expect_applies("conv_tile", &p, &cpu);
  expect_applies("conv_gpu", &p, &cpu);
  expect_applies("conv_direct", &p, &cpu);
  expect_declined("depthwise", &p, &cpu, "16 input and 32 output channels");
  expect_declined("depthwise4", &p, &cpu, "16 input and 32 output channels");
  expect_declined("clblast_conv", &p, &cpu, "CLBlast cannot be called");

  p.constant = 0;
  expect_declined("conv_tile", &p, &cpu, "weights are not constant");
  expect_applies("conv_direct", &p, &cpu);
  p.constant = 2;
  expect_declined("conv_gpu", &p, &cpu, "bias is not constant");

  p = conv(16, 9, 32, 3, 1);
  p.in[0] = icn_view_dense(&p.in[0].shape);
  expect_declined("conv_tile", &p, &cpu, "input is not NHWC");
  expect_applies("conv_direct", &p, &cpu);

  p = conv(16, 9, 32, 3, 1);
  p.params.groups = 5;
  expect_declined("conv_direct", &p, &cpu, "5 groups do not divide");
  p.params.groups = 2;
  expect_declined("conv_direct", &p, &cpu, "do not fit");
}

static void sizes_beyond_31_bits_are_declined(void **state) {
  (void)state;
  const icn_device_desc cpu = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_problem p = conv(1 << 16, 1, 1 << 16, 1, 0);
  expect_declined("conv_tile", &p, &cpu, "packed weights do not fit 31 bits");
  expect_declined("conv_gpu", &p, &cpu, "packed weights do not fit 31 bits");
  p = matmul(1, 1 << 16, 1 << 16);
  expect_declined("matmul_packed", &p, &cpu, "does not fit 31 bits");

  p = conv(1, 9, 1, 3, 1);
  p.params.stride[0] = (int64_t)1 << 29;
  expect_declined("conv_direct", &p, &cpu, "window coordinates do not fit 31 bits");
  p = conv(1, 9, 1, 3, 1);
  p.params.dilation[1] = (int64_t)1 << 40;
  expect_declined("conv_direct", &p, &cpu, "out of range");
  p = conv(1, 9, 1, 3, 1);
  p.params.pad_begin[1] = (int64_t)1 << 31;
  expect_declined("conv_direct", &p, &cpu, "out of range");
}

static void gpu_rows_keep_the_limits_of_the_device(void **state) {
  (void)state;
  icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  const icn_problem p = conv(64, 73, 192, 3, 1);
  const icn_row *row = icn_row_find("conv_gpu");
  icn_config config;
  row->configure(&p, &gpu, &config);
  assert_int_equal(config.value[0], 64);
  gpu.max_work_group = 128;
  row->configure(&p, &gpu, &config);
  assert_int_equal(config.value[0], 32);
  gpu.max_work_group = 256;
  gpu.local_bytes = 6000;
  row->configure(&p, &gpu, &config);
  assert_int_equal(config.value[0], 32);
  expect_applies("conv_gpu", &p, &gpu);
  gpu.local_bytes = 1024;
  expect_declined("conv_gpu", &p, &gpu, "local memory");
  gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  gpu.max_work_group = 32;
  expect_declined("conv_gpu", &p, &gpu, "work-groups of 64 items");
  gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  gpu.max_work_item[1] = 4;
  expect_declined("conv_gpu", &p, &gpu, "at most 256 x 4");
  gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  gpu.local_is_real = false;
  expect_declined("conv_gpu", &p, &gpu, "ordinary memory");
  expect_applies("conv_item", &p, &gpu);
  const icn_problem small = conv(64, 8, 64, 1, 0);
  gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  row->configure(&small, &gpu, &config); /* one large tile would leave 15 of 16 units idle */
  assert_int_equal(config.value[0], 32);
}

static void gpu_tile_of(const icn_problem *p, const icn_device_desc *device, int bm, int bn, int rows) {
  icn_config config;
  icn_row_find("conv_gpu")->configure(p, device, &config);
  if (config.value[ICN_GPU_BM] != bm || config.value[ICN_GPU_BN] != bn || config.value[ICN_GPU_ROWS] != rows)
    fail_msg("tile %dx%d of items of %d rows, not %dx%d of %d", (int)config.value[0], (int)config.value[1], (int)config.value[2], bm, bn,
             rows);
}

static void gpu_tiles_follow_the_shape(void **state) {
  (void)state;
  icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  gpu.compute_units = 20;
  const icn_problem map8 = conv(1280, 8, 320, 1, 0), map17 = conv(768, 17, 320, 1, 0), map35 = conv(288, 35, 240, 1, 0),
                    line = conv(1280, 4, 320, 1, 0), narrow = conv(64, 73, 32, 1, 0), large = conv(64, 128, 192, 1, 0);
  gpu_tile_of(&large, &gpu, 64, 64, 0);
  gpu_tile_of(&map35, &gpu, 64, 64, 0);
  gpu_tile_of(&map17, &gpu, 32, 64, 0);  /* 25 groups of 64 x 64, 50 of these */
  gpu_tile_of(&map8, &gpu, 32, 32, 0);   /* 20 groups whichever small tile it is */
  gpu_tile_of(&line, &gpu, 16, 64, 0);   /* 16 pixels */
  gpu_tile_of(&narrow, &gpu, 32, 32, 0); /* half of 64 columns would be surplus */
  snprintf(gpu.vendor, sizeof gpu.vendor, "NVIDIA Corporation");
  gpu_tile_of(&large, &gpu, 64, 128, 8);
  gpu_tile_of(&map17, &gpu, 32, 64, 8);
  gpu.max_work_group = 128; /* 256 items are too many */
  gpu_tile_of(&large, &gpu, 64, 64, 8);
  gpu.max_work_group = 64;
  gpu.local_bytes = 5000;
  gpu_tile_of(&large, &gpu, 32, 32, 0);
  gpu.local_bytes = 4096;
  expect_declined("conv_gpu", &large, &gpu, "4608 bytes of local memory are needed");
}

static void only_tiles_that_there_are(void **state) {
  (void)state;
  const icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  const icn_problem p = conv(64, 73, 192, 3, 1), product = matmul(64, 64, 64);
  const icn_row *row = icn_row_find("conv_gpu");
  icn_reason why;
  assert_true(icn_row_takes(row, &p, &gpu, &(icn_config){{16, 128}}, &why));
  assert_true(icn_row_takes(row, &p, &gpu, &(icn_config){{64, 128, 8}}, &why));
  assert_false(icn_row_takes(row, &p, &gpu, &(icn_config){{128, 64}}, &why));
  assert_non_null(strstr(why.text, "no tiles of 128 x 64"));
  assert_false(icn_row_takes(row, &p, &gpu, &(icn_config){{16, 64, 8}}, &why));
  assert_non_null(strstr(why.text, "with items of 8 rows"));
  assert_false(icn_row_takes(row, &p, &gpu, &(icn_config){{64, 64, 4}}, &why));
  assert_false(icn_row_takes(row, &p, &gpu, &(icn_config){{64, 128}}, &why)); /* 512 items */
  assert_non_null(strstr(why.text, "work-groups of 512 items"));
  assert_false(icn_row_takes(icn_row_find("matmul_gpu"), &product, &gpu, &(icn_config){{64, 64, 8}}, &why));
}

static void first_of(const icn_problem *p, const icn_device_desc *device, int pixels, int outputs, int place) {
  icn_config config;
  const icn_row *row = icn_row_find("conv_first_gpu");
  row->configure(p, device, &config);
  if (config.value[0] != pixels || config.value[1] != outputs || config.value[2] != place)
    fail_msg("%d pixels, %d channels, weights at %d", (int)config.value[0], (int)config.value[1], (int)config.value[2]);
  assert_true(icn_row_takes(row, p, device, &config, NULL));
}

static void first_layers_have_a_row(void **state) {
  (void)state;
  icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  const icn_problem p = conv(3, 65, 32, 3, 0), wide = conv(3, 65, 64, 7, 3), narrow = conv(3, 65, 8, 3, 0);
  icn_problem other = conv(5, 9, 32, 3, 1);
  expect_declined("conv_first_gpu", &other, &gpu, "5 input channels, at most 4");
  other = conv(3, 9, 129, 3, 1);
  expect_declined("conv_first_gpu", &other, &gpu, "129 output channels, at most 128");
  other = conv(3, 9, 32, 8, 1);
  expect_declined("conv_first_gpu", &other, &gpu, "a window of 8x8, at most 7x7");
  other = conv(4, 9, 32, 3, 1);
  other.params.groups = 2;
  other.in[ICN_CONV_WEIGHT] = dense_of(4, (const int64_t[]){32, 2, 3, 3});
  expect_declined("conv_first_gpu", &other, &gpu, "2 groups");
  first_of(&p, &gpu, 1, 16, 0);
  snprintf(gpu.vendor, sizeof gpu.vendor, "NVIDIA Corporation");
  first_of(&p, &gpu, 1, 32, 1);
  first_of(&narrow, &gpu, 1, 8, 1);
  gpu.local_bytes = 4096; /* a panel is 3456: no room for another group */
  first_of(&p, &gpu, 1, 32, 0);
  gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  snprintf(gpu.vendor, sizeof gpu.vendor, "Advanced Micro Devices, Inc.");
  snprintf(gpu.name, sizeof gpu.name, "gfx1030");
  first_of(&p, &gpu, 1, 32, 2);
  first_of(&wide, &gpu, 1, 32, 0); /* 37 KB of weights, 18 KB a panel */
  const icn_row *row = icn_row_find("conv_first_gpu");
  assert_false(icn_row_takes(row, &p, &gpu, &(icn_config){{3, 16, 0}}, NULL));
  assert_false(icn_row_takes(row, &p, &gpu, &(icn_config){{1, 64, 0}}, NULL));
  assert_false(icn_row_takes(row, &p, &gpu, &(icn_config){{1, 32, 3}}, NULL));
  assert_true(icn_row_takes(row, &wide, &gpu, &(icn_config){{1, 32, 1}}, NULL));
  gpu.constant_bytes = 1024;
  assert_false(icn_row_takes(row, &p, &gpu, &(icn_config){{1, 32, 2}}, NULL));
  first_of(&p, &gpu, 1, 32, 1);
}

static int32_t parts_of(const char *name, const icn_problem *p, const icn_device_desc *device) {
  icn_config config;
  icn_row_find(name)->configure(p, device, &config);
  return config.value[ICN_SPLIT];
}

static void a_depth_is_split_where_that_pays(void **state) {
  (void)state;
  icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  gpu.compute_units = 60;
  const icn_problem deep = conv(1280, 8, 320, 1, 0), shallow = conv(192, 8, 320, 1, 0), large = conv(1280, 128, 320, 1, 0);
  const icn_problem product = matmul(1, 1000, 2048);
  assert_true(parts_of("conv_gpu", &deep, &gpu) >= 4 && parts_of("conv_item", &deep, &gpu) >= 2);
  assert_true(parts_of("matmul_packed_gpu", &product, &gpu) >= 2 && parts_of("matmul_item", &product, &gpu) >= 2);
  assert_int_equal(parts_of("conv_gpu", &shallow, &gpu), 0); /* parts of less than 128 */
  assert_int_equal(parts_of("conv_gpu", &large, &gpu), 0);   /* fills the device as it is */
  assert_int_equal(parts_of("conv_item", &large, &gpu), 0);
  gpu.memory_is_short = true;
  assert_int_equal(parts_of("conv_gpu", &deep, &gpu), 0);
  gpu.memory_is_short = false;
  gpu.launch_seconds = 1e-3; /* another launch costs more than idle units */
  assert_int_equal(parts_of("conv_gpu", &deep, &gpu), 0);
  assert_int_equal(parts_of("matmul_item", &product, &gpu), 0);
}

static void parts_go_through_scratch(void **state) {
  (void)state;
  const icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  const icn_problem p = conv(64, 8, 30, 1, 0);
  const icn_row *row = icn_row_find("conv_gpu");
  icn_config config;
  static icn_emit emit;
  row->configure(&p, &gpu, &config);
  config.value[ICN_SPLIT] = 4;
  assert_true(icn_row_takes(row, &p, &gpu, &config, NULL));
  memset(&emit, 0, sizeof emit);
  assert_int_equal(row->emit(&p, &gpu, &config, &emit, NULL), ICN_OK);
  assert_int_equal(emit.launch_count, 2);
  assert_int_equal(emit.scratch_bytes[0], 4 * 64 * 32 * 4); /* parts, pixels, channels in whole vectors, floats */
  assert_int_equal(emit.launch[0].global[2], 4);
  assert_non_null(strstr(emit.launch[0].options, "-D SPLIT"));
  assert_int_equal(emit.launch[0].args[3].as.operand, ICN_OPERAND_SCRATCH);
  assert_string_equal(emit.launch[1].kernel, "sum_parts");
  assert_int_equal(emit.launch[1].args[3].as.operand, ICN_OPERAND_OUT);
  double flop, bytes;
  icn_emit_work(&emit, &p, &flop, &bytes);
  assert_true(bytes > icn_problem_bytes(&p) + 2 * 4 * 64 * 30 * 4 && flop >= icn_problem_flop(&p));
}

static void refuses_parts(const char *name, const icn_problem *p, int32_t parts, const char *part) {
  const icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  const icn_row *row = icn_row_find(name);
  icn_reason why;
  icn_config config;
  row->configure(p, &gpu, &config);
  config.value[ICN_SPLIT] = parts;
  if (icn_row_takes(row, p, &gpu, &config, &why)) fail_msg("%s takes %d parts", name, (int)parts);
  if (strstr(why.text, part) == NULL) fail_msg("%s declined with '%s', not with '%s'", name, why.text, part);
}

static void parts_are_bounded(void **state) {
  (void)state;
  static const char *const ROWS[] = {"conv_gpu", "conv_item"};
  const icn_problem p = conv(16, 8, 64, 3, 1), wide = conv(16, 1 << 11, 64, 1, 0);
  for (int r = 0; r < 2; r++) {
    refuses_parts(ROWS[r], &p, 3, "not split in 3");
    refuses_parts(ROWS[r], &p, -2, "not split in -2");
    refuses_parts(ROWS[r], &p, 16, "not split in 16");
    refuses_parts(ROWS[r], &wide, 8, r == 0 ? "8 parts of a depth of 1 steps" : "8 parts of a depth of 4 steps");
  }
  const icn_problem many = conv(64, 1 << 11, 128, 1, 0);
  refuses_parts("conv_gpu", &many, 4, "sums of 4 parts do not fit 31 bits"); /* 2^22 pixels, 2^7 channels, 2^2 parts */
  refuses_parts("conv_item", &wide, 4, "scratch is above the largest allocation");
}

static void each_kind_of_device_gets_its_depthwise_row(void **state) {
  (void)state;
  icn_problem p = conv(96, 35, 96, 3, 1);
  p.params.groups = 96;
  const int64_t weight[] = {96, 1, 3, 3};
  p.in[ICN_CONV_WEIGHT] = dense_of(4, weight);
  const icn_device_desc cpu = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  icn_choice choice;
  assert_int_equal(icn_select(&p, &cpu, NULL, "layer", &choice, NULL, NULL), ICN_OK);
  assert_string_equal(choice.row->name, "depthwise");
  assert_int_equal(icn_select(&p, &gpu, NULL, "layer", &choice, NULL, NULL), ICN_OK);
  assert_string_equal(choice.row->name, "depthwise4");
  gpu.max_work_group = 32;
  expect_declined("depthwise4", &p, &gpu, "work-groups of 8 x 8 items");
  expect_applies("depthwise", &p, &gpu);
}

static void tile_of(const icn_problem *p, uint32_t width, int mr, int nv, int vw) {
  icn_device_desc cpu = icn_device_desc_example(ICN_DEVICE_CPU);
  icn_config config;
  cpu.vector_width = width;
  icn_row_find("conv_tile")->configure(p, &cpu, &config);
  if (config.value[0] != mr || config.value[1] != nv || config.value[2] != vw)
    fail_msg("tile %dx%dx%d, not %dx%dx%d", (int)config.value[0], (int)config.value[1], (int)config.value[2], mr, nv, vw);
}

static void tiles_waste_little(void **state) {
  (void)state;
  icn_problem p = conv(192, 17, 192, 1, 0);
  tile_of(&p, 16, 14, 2, 16);
  tile_of(&p, 8, 6, 2, 8);
  tile_of(&p, 4, 6, 2, 4);
  tile_of(&p, 1, 6, 2, 4); /* no vectors known: four lanes at least */
  p = conv(384, 8, 384, 1, 0);
  tile_of(&p, 16, 8, 3, 16); /* 64 pixels: 8 tiles of 8, not 5 of 14 */
  p = conv(288, 35, 48, 1, 0);
  tile_of(&p, 16, 8, 3, 16); /* 48 channels: one panel of 48, not two of 32 */
}

static void packing_is_what_the_kernels_read(void **state) {
  (void)state;
  enum { C = 2, OC = 35, K = 3 };
  float weight[OC * C * K * K], bias[OC], scale[OC];
  for (int i = 0; i < OC * C * K * K; i++) weight[i] = (float)i;
  for (int i = 0; i < OC; i++) {
    bias[i] = (float)(1000 + i);
    scale[i] = (float)(i + 1);
  }
  icn_problem p = conv(C, 5, OC, K, 1);
  p.in[ICN_CONV_SCALE] = dense_of(1, (const int64_t[]){OC});
  p.present |= 1U << ICN_CONV_SCALE;
  p.constant |= 1U << ICN_CONV_SCALE;
  const icn_value values[3] = {{.data = weight}, {.data = bias}, {.data = scale}};
  const icn_value *constants[ICN_MAX_INPUTS] = {NULL, &values[0], &values[1], NULL, &values[2]};
  const icn_row *row = icn_row_find("conv_tile");
  const icn_config config = {{14, 2, 16}};
  assert_int_equal(row->pack_bytes(&p, &config), (2 * 32 * (K * K * C + 1)) * sizeof(float));
  float packed[2 * 32 * (K * K * C + 1)];
  row->pack(&p, &config, constants, packed);
  for (int oc = 0; oc < 64; oc++) {
    const int panel = oc / 32, lane = oc % 32;
    for (int tap = 0; tap < K * K; tap++)
      for (int ic = 0; ic < C; ic++) {
        const float want = oc < OC ? weight[(oc * C + ic) * K * K + tap] * scale[oc] : 0;
        assert_true(packed[((panel * K * K + tap) * C + ic) * 32 + lane] == want);
      }
    assert_true(packed[2 * 32 * K * K * C + oc] == (oc < OC ? bias[oc] : 0));
  }
}

static void products_collapse_their_leading_dimensions(void **state) {
  (void)state;
  icn_problem p = matmul(5, 20, 7);
  icn_matmul_sizes s;
  p.in[0] = dense_of(3, (const int64_t[]){3, 5, 7});
  p.out = dense_of(3, (const int64_t[]){3, 5, 20});
  assert_true(icn_matmul_collapse(&p, &s, NULL));
  assert_true(s.batch == 1 && s.m == 15 && s.n == 20 && s.k == 7 && s.a_m == 7 && s.y_m == 20);
  assert_true(icn_matmul_packable(&p, NULL));
  p.in[1] = dense_of(3, (const int64_t[]){3, 7, 20});
  assert_true(icn_matmul_collapse(&p, &s, NULL));
  assert_true(s.batch == 3 && s.m == 5 && s.b_batch == 140);
  assert_false(icn_matmul_packable(&p, NULL));

  p = matmul(5, 20, 7);
  p.params.transpose_a = 1;
  const icn_device_desc cpu = icn_device_desc_example(ICN_DEVICE_CPU);
  expect_declined("matmul_direct", &p, &cpu, "matrices of 7x5 and 7x20 do not give 5x20");
  p = matmul(5, 20, 7);
  p.in[2] = dense_of(2, (const int64_t[]){5, 20});
  p.present |= 4;
  p.params.beta = 2;
  expect_declined("matmul_packed", &p, &cpu, "third input is scaled");
  expect_applies("matmul_tile", &p, &cpu);
}

static void clblast_is_asked_only_for_what_it_can(void **state) {
  (void)state;
  icn_device_desc gpu = icn_device_desc_example(ICN_DEVICE_GPU);
  strcat(gpu.extensions, " icn_clblast");
  icn_problem p = conv(64, 8, 32, 1, 0);
  const icn_row *row = icn_row_find("clblast_conv");
  const icn_config config = {{0}};
  static icn_emit emit;
  expect_applies("clblast_conv", &p, &gpu);
  memset(&emit, 0, sizeof emit);
  assert_int_equal(row->emit(&p, &gpu, &config, &emit, NULL), ICN_OK);
  assert_int_equal(emit.launch_count, 2); /* the product, then the bias */
  assert_int_equal(emit.launch[0].kind, ICN_LAUNCH_CLBLAST_GEMM);
  assert_int_equal(emit.launch[0].arg_count, 14);
  assert_int_equal(emit.library_bytes, 3 * 128 * 128 * 4); /* 64x64, 64x32 and 64x32 in whole tiles of 128 */
  p = conv(64, 8, 32, 3, 1);
  expect_declined("clblast_conv", &p, &gpu, "only 1x1 windows");
  p = matmul(5, 20, 7);
  memset(&emit, 0, sizeof emit);
  assert_int_equal(icn_row_find("clblast_matmul")->emit(&p, &gpu, &config, &emit, NULL), ICN_OK);
  assert_int_equal(emit.launch_count, 1);
  p.in[0].stride[1] = 3; /* neither rows nor columns adjacent */
  expect_declined("clblast_matmul", &p, &gpu, "leading dimension");
}

static void count_items(const char *row, const icn_problem *p, const icn_device_desc *device, size_t global[3], int64_t *blocks) {
  icn_config config;
  icn_emit emit;
  icn_error error;
  memset(&emit, 0, sizeof emit);
  icn_row_find(row)->configure(p, device, &config);
  if (icn_row_find(row)->emit(p, device, &config, &emit, &error) != ICN_OK) fail_msg("%s", error.message);
  memcpy(global, emit.launch[0].global, 3 * sizeof *global);
  for (int i = 0; i < emit.launch[0].arg_count; i++)
    if (emit.launch[0].args[i].kind == ICN_ARG_INT8) { /* the first one is `in` */
      *blocks = emit.launch[0].args[i].as.i8[4];
      return;
    }
  fail_msg("%s has no sizes", row);
}

/* What does not fit a core's cache is computed in blocks that do, where that moves fewer bytes; no tile is left out. */
static void large_inputs_come_in_blocks(void **state) {
  (void)state;
  icn_device_desc device = icn_device_desc_example(ICN_DEVICE_CPU);
  const double cache = icn_cost_core_cache(&device);
  const icn_problem fits = conv(64, 17, 640, 1, 0), large = conv(256, 128, 256, 1, 0), narrow = conv(256, 128, 16, 1, 0);
  const icn_problem product = matmul(20000, 512, 128);
  const struct {
    const char *row;
    const icn_problem *problem;
    int64_t rows;
    bool cut;
  } CASES[] = {{"conv_tile", &fits, 17 * 17, false},
               {"conv_tile", &large, 128 * 128, true},
               {"conv_tile", &narrow, 128 * 128, false}, /* one panel: the input comes by once anyway */
               {"matmul_packed", &product, 20000, true}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    size_t global[3];
    int64_t blocks = 0;
    icn_config config;
    icn_row_find(CASES[i].row)->configure(CASES[i].problem, &device, &config);
    count_items(CASES[i].row, CASES[i].problem, &device, global, &blocks);
    const int64_t tile = config.value[0], tiles = (CASES[i].rows + tile - 1) / tile;
    assert_int_equal(blocks > 1, CASES[i].cut);
    assert_int_equal((int64_t)global[2], blocks);
    assert_in_range(global[0] * global[2], (size_t)tiles, (size_t)(tiles + blocks - 1)); /* all, and less than one more a block */
    const double depth = i == 3 ? 128 : 256;
    if (CASES[i].cut) assert_true((double)global[0] * (double)tile * depth * 4 <= cache / 2 + (double)tile * depth * 4);
  }
}

/* Each kind of device takes the row that is written for it, with room to spare. */
static void rows_for_the_device_are_cheaper(void **state) {
  (void)state;
  const icn_problem p = conv(192, 17, 192, 3, 1);
  for (int kind = ICN_DEVICE_CPU; kind <= ICN_DEVICE_GPU; kind++) {
    const icn_device_desc device = icn_device_desc_example((icn_device_kind)kind);
    double cost[3];
    const char *const names[] = {"conv_tile", "conv_gpu", "conv_direct"};
    for (int i = 0; i < 3; i++) {
      icn_config config;
      const icn_row *row = icn_row_find(names[i]);
      row->configure(&p, &device, &config);
      cost[i] = row->cost(&p, &device, &config);
    }
    const int best = kind == ICN_DEVICE_CPU ? 0 : 1;
    assert_true(cost[best] * 2 < cost[1 - best] && cost[best] * 2 < cost[2]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(convolutions_are_declined_with_a_reason),
      cmocka_unit_test(sizes_beyond_31_bits_are_declined),
      cmocka_unit_test(gpu_rows_keep_the_limits_of_the_device),
      cmocka_unit_test(first_layers_have_a_row),
      cmocka_unit_test(gpu_tiles_follow_the_shape),
      cmocka_unit_test(only_tiles_that_there_are),
      cmocka_unit_test(a_depth_is_split_where_that_pays),
      cmocka_unit_test(parts_go_through_scratch),
      cmocka_unit_test(parts_are_bounded),
      cmocka_unit_test(each_kind_of_device_gets_its_depthwise_row),
      cmocka_unit_test(tiles_waste_little),
      cmocka_unit_test(packing_is_what_the_kernels_read),
      cmocka_unit_test(products_collapse_their_leading_dimensions),
      cmocka_unit_test(clblast_is_asked_only_for_what_it_can),
      cmocka_unit_test(large_inputs_come_in_blocks),
      cmocka_unit_test(rows_for_the_device_are_cheaper),
  };
  return cmocka_run_group_tests_name("gemm_rows", tests, NULL, NULL);
}
