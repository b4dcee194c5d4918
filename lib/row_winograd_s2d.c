/* winograd_s2d (3x3, 5x5, 7x7 of stride 2): Winograd convolution for CPU devices where x has few channels, as in a network's first layer.
 *
 * Space to depth: 2 x 2 pixels become one of 4 C channels, and stride 2 with r taps along an axis becomes stride 1 with (r + 1) / 2 taps,
 * the last of which may be zero. Output o reads x[2 o - pad + k]; with X[j] = (x[2 j - pad], x[2 j - pad + 1]) and k = 2 t + phase it is
 * the sum of X[o + t][phase] w[2 t + phase]. So each point of F(m, (r + 1) / 2) has products of a depth of 4 C, where winograd_stride2 has
 * a point for each phase and depths of C. A 7x7 window takes 49 / 16 * 4 C products an output with F(4x4, 4x4), where it has 49 C itself.
 *
 * Nothing is moved for it: kernels/winograd.cl reads a folded pixel as two runs of x, which is why pixels must stand side by side.
 * config: as in row_winograd.c, m being that of F(m, (r + 1) / 2). */
#include "row_spaces.h"
#include "row_support.h"
#include "row_winograd.h"
#include "rows.h"

/* Both columns of a folded pixel are one load of 8. */
enum { MOST_CHANNELS = 4 };

bool icn_winograd_s2d_applies(const icn_problem *problem, const icn_device_desc *device, icn_reason *why_not) {
  if (!icn_winograd_fused_applies(problem, device, 2, ICN_WINOGRAD_FOLDED_LANES, why_not)) return false;
  const icn_view *x = &problem->in[ICN_CONV_X];
  const int64_t c = x->shape.dim[1], pixel_stride = icn_view_pixel_stride(x);
  int64_t two_rows;
  if (c > MOST_CHANNELS) return icn_decline(why_not, "%lld input channels, at most %d are folded", (long long)c, MOST_CHANNELS);
  if (pixel_stride != c)
    return icn_decline(why_not, "pixels of %lld channels are %lld apart, not side by side", (long long)c, (long long)pixel_stride);
  if (!icn_mul_ok(2 * c, x->shape.dim[3], &two_rows) || two_rows > INT32_MAX)
    return icn_decline(why_not, "two rows of the input do not fit 31 bits");
  return true;
}

void icn_winograd_s2d_configure(const icn_problem *problem, const icn_device_desc *device, icn_config *config) {
  icn_winograd_fused_configure(problem, true, device, config);
}

double icn_winograd_s2d_cost(const icn_problem *problem, const icn_device_desc *device, const icn_config *config) {
  return icn_winograd_fused_cost(problem, true, device, config);
}

uint64_t icn_winograd_s2d_pack_bytes(const icn_problem *problem, const icn_config *config) {
  return icn_winograd_fused_pack_bytes(problem, true, config);
}

void icn_winograd_s2d_pack(const icn_problem *problem, const icn_config *config, const icn_value *const *constants, float *packed) {
  icn_winograd_fused_pack(problem, true, config, constants, packed);
}

icn_status icn_winograd_s2d_emit(const icn_problem *problem, const icn_device_desc *device, const icn_config *config, icn_emit *emit,
                                 icn_error *error) {
  (void)error;
  icn_winograd_fused_emit(problem, true, device, config, emit);
  return ICN_OK;
}
