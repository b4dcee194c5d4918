/* winograd_split, winograd_gpu, winograd_item: Winograd convolution in three launches, transform, product, inverse transform
 * (kernels/winograd_split.cl). The product of each point is a 1x1 convolution whose pixels are tiles and whose groups are points, so the
 * kernels of conv_tile (CPU devices), conv_gpu (GPUs) and conv_item (GPUs without local memory of their own) compute it.
 * config: value[0] = m of F(m, r), value[1] to [3] = value[0] to [2] of the row that multiplies, value[4] = lanes of a vector in the
 * transforms. */
#include <string.h>

#include "cost.h"
#include "row_gpu_split.h"
#include "row_gpu_tile.h"
#include "row_item_tile.h"
#include "row_support.h"
#include "row_winograd.h"
#include "rows.h"

enum { PRODUCT = 1, PRODUCT_VALUES = 3, VW = 4 };
_Static_assert((int)PRODUCT_VALUES == (int)ICN_SPLIT, "the products of Winograd rows are whole: what splits them is not taken over");

/* A row that multiplies: how wide its panels of packed weights are, and to what multiple their depth is padded. */
typedef struct product_row {
  icn_target target;
  icn_applies_fn *applies;
  icn_configure_fn *configure;
  icn_cost_fn *cost;
  icn_pack_bytes_fn *pack_bytes;
  icn_emit_fn *emit;
  int64_t (*panel_width)(const icn_config *config);
  int64_t depth_multiple;
  int most_side; /* points along one side in two dimensions: what an item of a transform holds in registers */
} product_row;

static int64_t tile_width(const icn_config *config) { return (int64_t)config->value[1] * config->value[2]; }
static int64_t gpu_width(const icn_config *config) { return config->value[ICN_GPU_BN]; }
static int64_t item_width(const icn_config *config) { return config->value[ICN_ITEM_PANEL]; }

static const product_row TILE = {ICN_TARGET_CPU,
                                 icn_conv_tile_applies,
                                 icn_conv_tile_configure,
                                 icn_conv_tile_cost,
                                 icn_conv_tile_pack_bytes,
                                 icn_conv_tile_emit,
                                 tile_width,
                                 1,
                                 11};
static const product_row GPU = {ICN_TARGET_GPU,    icn_conv_gpu_applies,    icn_conv_gpu_configure,
                                icn_conv_gpu_cost, icn_conv_gpu_pack_bytes, icn_conv_gpu_emit,
                                gpu_width,         ICN_GPU_DEPTH,           7};
static const product_row ITEM = {ICN_TARGET_GPU,
                                 icn_conv_item_applies,
                                 icn_conv_item_configure,
                                 icn_conv_item_cost,
                                 icn_conv_item_pack_bytes,
                                 icn_conv_item_emit,
                                 item_width,
                                 1,
                                 7};

icn_problem icn_winograd_product(const icn_winograd_sizes *w) {
  icn_problem p;
  memset(&p, 0, sizeof p);
  const icn_shape v = icn_shape_make(4, (const int64_t[]){1, w->points * w->s.c, w->tiles, 1});
  const icn_shape u = icn_shape_make(4, (const int64_t[]){w->points * w->s.k, w->s.c, 1, 1});
  const icn_shape m = icn_shape_make(4, (const int64_t[]){1, w->points * w->s.k, w->tiles, 1});
  p.op = ICN_OP_CONV;
  p.params.groups = w->points;
  for (int axis = 0; axis < 2; axis++) p.params.kernel[axis] = p.params.stride[axis] = p.params.dilation[axis] = 1;
  p.present = 1U << ICN_CONV_X | 1U << ICN_CONV_WEIGHT;
  p.constant = 1U << ICN_CONV_WEIGHT;
  p.in[ICN_CONV_X] = icn_view_device(&v, 0);
  p.in[ICN_CONV_WEIGHT] = icn_view_dense(&u);
  p.out = icn_view_device(&m, 0);
  return p;
}

static icn_config product_config(const icn_config *config) {
  icn_config product = {{0}};
  memcpy(product.value, config->value + PRODUCT, PRODUCT_VALUES * sizeof product.value[0]);
  return product;
}

/* A tile that this row has, whose transforms fit an item's registers. */
static bool tile_ok(const product_row *row, const icn_winograd_sizes *w, int m) {
  return icn_winograd_tile_ok(w, m) && (w->dims == 1 || w->n <= row->most_side);
}

static bool applies(const product_row *row, const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_winograd_problem_ok(problem, why_not)) return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  int64_t most;
  if (!icn_mul_ok(s.pixels + s.pixels_in, ICN_WINOGRAD_MAX_N * ICN_WINOGRAD_MAX_N * (s.c + s.k), &most) || most > INT32_MAX)
    return icn_decline(why_not, "the transformed input or output may not fit 31 bits");
  bool any = false;
  for (const int32_t *m = icn_winograd_ms; *m != 0; m++) {
    const icn_winograd_sizes w = icn_winograd_sizes_of(problem, *m);
    const icn_problem product = icn_winograd_product(&w);
    if (!tile_ok(row, &w, *m)) continue;
    if (!row->applies(&product, device, why_not)) return false;
    any = true;
  }
  return any || icn_decline(why_not, "no tile whose transform fits an item's registers");
}

static double cost(const product_row *row, const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_winograd_sizes w = icn_winograd_sizes_of(problem, config->value[ICN_WINOGRAD_M]);
  const icn_problem product = icn_winograd_product(&w);
  const icn_config inner = product_config(config);
  const int m = config->value[ICN_WINOGRAD_M];
  const double flop = icn_winograd_input_flop(&w, m) + icn_winograd_output_flop(&w, m);
  /* V and M are written once and read once; the product counts the other time. On a CPU a write is a read, too; for
   * M that is counted here, since the product counts its write once. */
  const double passes = row->target == ICN_TARGET_CPU ? 2 : 1;
  const double bytes = icn_problem_bytes(problem) + passes * 4.0 * (double)(w.tiles * w.points * (w.s.c + w.s.k));
  return row->cost(&product, device, &inner) + icn_cost_on_target(device, row->target, icn_cost_of(device, flop, bytes, 0.25, 2));
}

static void configure(const product_row *row, const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  double least = -1;
  for (const int32_t *m = icn_winograd_ms; *m != 0; m++) {
    const icn_winograd_sizes w = icn_winograd_sizes_of(problem, *m);
    if (!tile_ok(row, &w, *m) || (least >= 0 && !icn_winograd_m_wanted(device, *m))) continue;
    const icn_problem product = icn_winograd_product(&w);
    icn_config inner, candidate = {{*m}};
    row->configure(&product, device, &inner);
    memcpy(candidate.value + PRODUCT, inner.value, PRODUCT_VALUES * sizeof inner.value[0]);
    candidate.value[VW] = row->target == ICN_TARGET_CPU ? icn_cpu_vector(device) : w.dims == 2 ? 1 : 4;
    const double seconds = cost(row, problem, device, &candidate);
    if (least >= 0 && seconds >= least) continue;
    least = seconds;
    *config = candidate;
  }
}

static uint64_t product_bytes(const product_row *row, const icn_winograd_sizes *w, const icn_config *config) {
  const icn_problem product = icn_winograd_product(w);
  const icn_config inner = product_config(config);
  return row->pack_bytes(&product, &inner);
}

static uint64_t pack_bytes(const product_row *row, const icn_problem *problem, const icn_config *config) {
  const icn_winograd_sizes w = icn_winograd_sizes_of(problem, config->value[ICN_WINOGRAD_M]);
  return product_bytes(row, &w, config) + (uint64_t)w.s.k * sizeof(float);
}

/* U as the product's row has its weights, [point][panel][ic][lane] and biases of zero, then bias[oc]. */
static void pack(const product_row *row, const icn_problem *problem, const icn_config *config, const icn_value *const *constants,
                 float *packed) {
  const icn_winograd_sizes w = icn_winograd_sizes_of(problem, config->value[ICN_WINOGRAD_M]);
  const icn_config inner = product_config(config);
  const int64_t width = row->panel_width(&inner), panel = icn_round_up(w.s.c, row->depth_multiple) * width;
  const icn_winograd_packing packing = {width, panel, icn_div_up(w.s.k, width) * panel, false};
  float *bias = packed + product_bytes(row, &w, config) / sizeof(float);
  memset(packed, 0, (size_t)pack_bytes(row, problem, config));
  icn_winograd_pack_panels(problem, config->value[ICN_WINOGRAD_M], &packing, constants, packed);
  for (int64_t oc = 0; oc < w.s.k; oc++) bias[oc] = icn_conv_bias(problem, constants, oc);
}

/* ------------------------------------------------------------ launches */

static icn_launch *transform_launch(const product_row *row, const icn_winograd_sizes *w, const icn_device_desc *device,
                                    const icn_config *config, const char *kernel, int64_t channels, icn_emit *emit) {
  icn_launch *launch = icn_emit_launch(emit, "winograd_split.cl", kernel);
  icn_launch_options(launch, "-D WM=%d -D WR=%d -D WS=%d -D WDIM=%d -D VW=%d%s", (int)config->value[ICN_WINOGRAD_M], w->r, w->stride,
                     w->dims, (int)config->value[VW], row->target == ICN_TARGET_GPU ? " -D UNROLL" : "");
  icn_launch_grid(launch, device, row->target == ICN_TARGET_GPU ? 64 : 1, true, icn_div_up(channels, config->value[VW]), w->tiles, 1);
  return launch;
}

static void push_grid(icn_launch *launch, const icn_winograd_sizes *w) {
  icn_launch_int8(launch, (const int64_t[8]){w->tiles_y, w->tiles_x, w->tiles});
}

/* The product's launch, reading V and writing M: both are scratch. */
static icn_status product_launch(const product_row *row, const icn_winograd_sizes *w, const icn_device_desc *device,
                                 const icn_config *config, icn_emit *emit, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_problem product = icn_winograd_product(w);
  const icn_config inner = product_config(config);
  const int first = emit->launch_count;
  ICN_TRY(row->emit(&product, device, &inner, emit, error));
  for (int i = first; i < emit->launch_count; i++)
    for (int k = 0; k < emit->launch[i].arg_count; k++) {
      icn_arg *arg = &emit->launch[i].args[k];
      if (arg->kind != ICN_ARG_TENSOR) continue;
      if (arg->as.operand == ICN_OPERAND_IN + ICN_CONV_X) arg->as.operand = ICN_OPERAND_SCRATCH;
      if (arg->as.operand == ICN_OPERAND_OUT) arg->as.operand = ICN_OPERAND_SCRATCH + 1;
    }
done:
  return status;
}

/* The transforms read and write an operand and V or M; the product both of these and U. */
static void count_work(const icn_problem *problem, const icn_winograd_sizes *w, int m, icn_emit *emit) {
  const double v = (double)(w->points * w->tiles * w->s.c), product = (double)(w->points * w->tiles * w->s.k);
  const double y = (double)(w->s.pixels * w->s.k) * (icn_problem_has(problem, ICN_CONV_RESIDUAL) ? 2 : 1);
  icn_launch *last = &emit->launch[emit->launch_count - 1];
  icn_launch_work(&emit->launch[0], icn_winograd_input_flop(w, m), 4 * ((double)(w->s.pixels_in * w->s.c) + v));
  icn_launch_work(&emit->launch[1], icn_winograd_product_flop(w),
                  4 * (v + product) + icn_weight_bytes(problem) * (double)(w->points * w->s.c * w->s.k));
  icn_launch_work(last, icn_winograd_output_flop(w, m), 4 * (product + y));
}

static icn_status emit_all(const product_row *row, const icn_problem *problem, const icn_device_desc *device, const icn_config *config,
                           icn_emit *emit, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_winograd_sizes w = icn_winograd_sizes_of(problem, config->value[ICN_WINOGRAD_M]);
  const icn_params *p = &problem->params;
  icn_launch *launch = transform_launch(row, &w, device, config, "winograd_input", w.s.c, emit);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_SCRATCH);
  icn_launch_int8(launch, (const int64_t[8]){w.s.h, w.s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X]), w.s.c, p->pad_begin[0],
                                             p->pad_begin[1], w.down});
  push_grid(launch, &w);
  ICN_TRY(product_launch(row, &w, device, config, emit, error));
  launch = transform_launch(row, &w, device, config, "winograd_output", w.s.k, emit);
  icn_launch_tensor(launch, ICN_OPERAND_SCRATCH + 1);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_int(launch, (int64_t)(product_bytes(row, &w, config) / sizeof(float)));
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){w.s.oh, w.s.ow, icn_view_pixel_stride(&problem->out), w.s.k, w.down});
  push_grid(launch, &w);
  icn_launch_int(launch, icn_problem_has(problem, ICN_CONV_RESIDUAL) ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  count_work(problem, &w, config->value[ICN_WINOGRAD_M], emit);
  emit->scratch_bytes[0] = (uint64_t)(w.tiles * w.points * w.s.c) * sizeof(float);
  emit->scratch_bytes[1] = (uint64_t)(w.tiles * w.points * w.s.k) * sizeof(float);
done:
  return status;
}

/* ------------------------------------------------------------ the three rows */

#define SPLIT_ROW(name, product)                                                                                             \
  bool icn_winograd_##name##_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {       \
    return applies(&(product), problem, device, why_not);                                                                    \
  }                                                                                                                          \
  void icn_winograd_##name##_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {      \
    configure(&(product), problem, device, config);                                                                          \
  }                                                                                                                          \
  double icn_winograd_##name##_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {   \
    return cost(&(product), problem, device, config);                                                                        \
  }                                                                                                                          \
  uint64_t icn_winograd_##name##_pack_bytes(const icn_problem *problem, const icn_config *config) {                          \
    return pack_bytes(&(product), problem, config);                                                                          \
  }                                                                                                                          \
  void icn_winograd_##name##_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants,   \
                                  float *packed) {                                                                           \
    pack(&(product), problem, config, constants, packed);                                                                    \
  }                                                                                                                          \
  icn_status icn_winograd_##name##_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, \
                                        icn_emit *emit, icn_error *error) {                                                  \
    return emit_all(&(product), problem, device, config, emit, error);                                                       \
  }

SPLIT_ROW(split, TILE)
SPLIT_ROW(gpu, GPU)
SPLIT_ROW(item, ITEM)
