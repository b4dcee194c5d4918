/* conv_first_gpu: few input channels on NHWC, as a network's first layer has them, for GPUs (kernels/conv_first.cl). What bounds it is
 * storing the result, so an item computes many channels of a pixel from the same few inputs.
 * config: value[0] = pixels of an item, value[1] = its channels (the width of a panel of packed weights), value[2] = where its group reads
 * the weights. */
#include <string.h>

#include "cost.h"
#include "device_family.h"
#include "row_conv.h"
#include "row_spaces.h"
#include "row_support.h"
#include "rows.h"

enum { PIXELS = 0, OUTPUTS = 1, WEIGHTS = 2, PARAMETERS = 3 };
enum { GLOBAL_WEIGHTS = 0, LOCAL_WEIGHTS = 1, CONSTANT_WEIGHTS = 2, PLACES = 3 };
enum { MOST_CHANNELS = 4, WIDEST_WINDOW = 7, MOST_OUTPUTS = 128, GROUP = 64, LINEAR_MULTIPLE = 8 };
static const int32_t WIDTHS[] = {32, 16, 8};
enum { WIDTH_COUNT = sizeof WIDTHS / sizeof WIDTHS[0], MOST_PIXELS = 2 };

bool icn_conv_first_gpu_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  (void)device;
  if (!icn_conv_fits(problem, why_not) || !icn_conv_packable(problem, why_not) || !icn_conv_is_nhwc(problem, why_not) ||
      !icn_conv_linear_ok(problem, LINEAR_MULTIPLE, why_not) || !icn_conv_turned_ok(problem, 0, why_not))
    return false;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  if (s.groups != 1) return icn_decline(why_not, "%lld groups, only 1 is computed", (long long)s.groups);
  if (s.ic > MOST_CHANNELS) return icn_decline(why_not, "%lld input channels, at most %d", (long long)s.ic, MOST_CHANNELS);
  if (s.oc > MOST_OUTPUTS) return icn_decline(why_not, "%lld output channels, at most %d", (long long)s.oc, MOST_OUTPUTS);
  if (s.kh > WIDEST_WINDOW || s.kw > WIDEST_WINDOW)
    return icn_decline(why_not, "a window of %lldx%lld, at most %dx%d", (long long)s.kh, (long long)s.kw, WIDEST_WINDOW, WIDEST_WINDOW);
  if (s.pixels > INT32_MAX - GROUP * MOST_PIXELS) return icn_decline(why_not, "%lld output pixels do not fit 31 bits", (long long)s.pixels);
  return true;
}

/* ------------------------------------------------------ configurations */

static int64_t depth_of(const icn_conv_sizes *s) { return s->kh * s->kw * s->ic; }
static int64_t panels_of(const icn_conv_sizes *s, const icn_config *config) { return icn_div_up(s->oc, config->value[OUTPUTS]); }

/* A panel as floats in local memory. */
static uint64_t local_bytes(const icn_conv_sizes *s, const icn_config *config) {
  return config->value[WEIGHTS] == LOCAL_WEIGHTS ? (uint64_t)(depth_of(s) * config->value[OUTPUTS]) * sizeof(float) : 0;
}

static uint64_t constant_bytes(const icn_problem *problem, const icn_config *config) {
  const uint64_t elems = icn_conv_first_gpu_pack_bytes(problem, config) / sizeof(float);
  return elems * (uint64_t)icn_weight_bytes(problem);
}

/* What each place has room for. */
static bool weights_fit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const uint64_t constant = constant_bytes(problem, config);
  if (config->value[WEIGHTS] == CONSTANT_WEIGHTS && constant > device->constant_bytes)
    return icn_decline(why_not, "%d bytes of constant memory are needed, the device has %d", (int)constant, (int)device->constant_bytes);
  return icn_group_ok(device, 1, 1, local_bytes(&s, config), why_not);
}

/* Constant memory is fast only while all of it fits a small cache (TensorFlow's delegate has these numbers). NVIDIA's is slow beyond what
 * it broadcasts, so that the weights go through local memory; there, and where constant memory is too small, if a panel of them leaves room
 * for other groups. Mali and Intel read them from where they are. */
static void place_weights(const icn_problem *problem, const icn_device_desc *device, icn_device_family family, icn_config *config) {
  const bool amd = family == ICN_FAMILY_AMD_GCN || family == ICN_FAMILY_AMD_RDNA;
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  config->value[WEIGHTS] = CONSTANT_WEIGHTS;
  const uint64_t fast = amd ? 4096 : family == ICN_FAMILY_ADRENO ? 3584 : 0;
  if (constant_bytes(problem, config) <= fast && weights_fit(problem, device, config, NULL)) return;
  config->value[WEIGHTS] = LOCAL_WEIGHTS;
  const bool local = (amd || family == ICN_FAMILY_NVIDIA) && device->local_is_real;
  if (local && local_bytes(&s, config) <= device->local_bytes / 4 && weights_fit(problem, device, config, NULL)) return;
  config->value[WEIGHTS] = GLOBAL_WEIGHTS;
}

void icn_conv_first_gpu_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  const icn_device_family family = icn_device_family_of(device);
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  /* AMD's compiler keeps the weights of a pixel in scalar registers, of which GCN has too few for 3 x 32: it spills them. */
  const bool mali = icn_family_is_mali(family);
  const bool few = family == ICN_FAMILY_ADRENO || family == ICN_FAMILY_UNKNOWN || family == ICN_FAMILY_AMD_GCN;
  memset(config, 0, sizeof *config);
  config->value[PIXELS] = mali ? 2 : 1;
  config->value[OUTPUTS] = mali ? 8 : few ? 16 : 32;
  while (config->value[OUTPUTS] > 8 && s.oc <= config->value[OUTPUTS] / 2) config->value[OUTPUTS] /= 2;
  place_weights(problem, device, family, config);
}

bool icn_conv_first_gpu_valid(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_reason *why_not) {
  const int32_t pixels = config->value[PIXELS], outputs = config->value[OUTPUTS], place = config->value[WEIGHTS];
  if (!icn_config_ends(config, PARAMETERS, why_not)) return false;
  if (pixels < 1 || pixels > MOST_PIXELS || (outputs != 8 && outputs != 16 && outputs != 32) || place < 0 || place >= PLACES)
    return icn_decline(why_not, "there are no items of %d pixels and %d channels with weights at %d", (int)pixels, (int)outputs,
                       (int)place);
  return weights_fit(problem, device, config, why_not);
}

size_t icn_conv_first_gpu_space(const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  size_t count = 0;
  for (int i = 0; i < WIDTH_COUNT * MOST_PIXELS * PLACES; i++) {
    icn_config candidate = {{1 + i % MOST_PIXELS, WIDTHS[i / MOST_PIXELS % WIDTH_COUNT], i / MOST_PIXELS / WIDTH_COUNT}};
    if (candidate.value[OUTPUTS] > 8 && s.oc <= candidate.value[OUTPUTS] / 2) continue;
    if (!icn_conv_first_gpu_valid(problem, device, &candidate, NULL)) continue;
    if (count++ == index && config != NULL) *config = candidate;
  }
  return count;
}

/* ---------------------------------------------------- cost, weights, launch */

/* What an item reaches of the peak, by its multiply-adds for each weight and input that it loads: a guess. Weights from where they are ask
 * for as many loads as there are vectors of sums. */
static double efficiency(const icn_config *config) {
  const int32_t sums = config->value[PIXELS] * config->value[OUTPUTS];
  return (sums >= 32 ? 0.4 : sums >= 16 ? 0.35 : 0.25) * (config->value[WEIGHTS] == GLOBAL_WEIGHTS ? 0.75 : 1);
}

double icn_conv_first_gpu_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const int64_t pixels = config->value[PIXELS], outputs = config->value[OUTPUTS];
  const double items = (double)icn_div_up(s.pixels, pixels) * (double)panels_of(&s, config);
  const double flop = items * 2 * (double)(pixels * outputs * depth_of(&s));
  const double busy = icn_cost_utilisation(items, (double)device->compute_units * GROUP);
  return icn_cost_on_target(device, ICN_TARGET_GPU, icn_cost_of(device, flop / busy, icn_problem_bytes(problem), efficiency(config), 1));
}

uint64_t icn_conv_first_gpu_pack_bytes(const icn_problem *problem, const icn_config *config) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  return (uint64_t)(panels_of(&s, config) * config->value[OUTPUTS] * (depth_of(&s) + 1)) * sizeof(float);
}

void icn_conv_first_gpu_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  icn_conv_pack_panels(problem, config->value[OUTPUTS], depth_of(&s), constants, packed);
}

icn_status icn_conv_first_gpu_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                   icn_error *error) {
  (void)error;
  static const char *const PLACE[PLACES] = {"", " -D LOCAL_WEIGHTS", " -D CONSTANT_WEIGHTS"};
  const icn_conv_sizes s = icn_conv_sizes_of(problem);
  const icn_params *p = &problem->params;
  icn_launch *launch = icn_emit_launch(emit, "conv_first.cl", "conv_first");
  icn_launch_options(launch, "-D PIXELS=%d -D OUTPUTS=%d -D CHANNELS=%d%s", (int)config->value[PIXELS], (int)config->value[OUTPUTS],
                     (int)s.ic, PLACE[config->value[WEIGHTS]]);
  icn_launch_grid(launch, device, GROUP, false, icn_div_up(s.pixels, config->value[PIXELS]), panels_of(&s, config), 1);
  if (config->value[WEIGHTS] == CONSTANT_WEIGHTS) launch->constant_bytes = constant_bytes(problem, config);
  icn_launch_tensor(launch, ICN_OPERAND_IN + ICN_CONV_X);
  icn_launch_tensor(launch, ICN_OPERAND_PACKED);
  icn_launch_optional(launch, problem, ICN_CONV_RESIDUAL);
  icn_launch_tensor(launch, ICN_OPERAND_OUT);
  icn_launch_int8(launch, (const int64_t[8]){s.h, s.w, icn_view_pixel_stride(&problem->in[ICN_CONV_X])});
  icn_launch_int8(launch, (const int64_t[8]){s.pixels, s.oh, s.ow, icn_view_pixel_stride(&problem->out), s.oc, problem->epilogue.from});
  icn_launch_int8(
      launch, (const int64_t[8]){s.kh, s.kw, p->stride[0], p->stride[1], p->dilation[0], p->dilation[1], p->pad_begin[0], p->pad_begin[1]});
  icn_launch_int(launch, icn_problem_has(problem, ICN_CONV_RESIDUAL) ? icn_view_pixel_stride(&problem->in[ICN_CONV_RESIDUAL]) : 0);
  icn_launch_epilogue(launch, problem);
  if (local_bytes(&s, config) > 0) icn_launch_local(launch, (size_t)local_bytes(&s, config));
  return ICN_OK;
}
