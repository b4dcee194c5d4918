#include "cost.h"

#include <math.h>

/* Middling devices of today, for when nothing was measured. */
static const double CPU_HERTZ = 2.5e9, GPU_HERTZ = 1.0e9;
/* A CPU core or two draw what they can take; more of them share what the memory gives. GPUs: a compute unit. */
static const double CPU_BYTES_PER_SECOND = 20e9, CPU_MORE_BYTES_PER_SECOND = 5e9, GPU_BYTES_PER_SECOND = 8e9;
static const double CPU_LAUNCH_SECONDS = 20e-6, GPU_LAUNCH_SECONDS = 8e-6;
static const double WRONG_TARGET = 32.0;

static bool is_gpu(const icn_device_desc *device) { return device->kind == ICN_DEVICE_GPU; }
static double units(const icn_device_desc *device) { return device->compute_units > 0 ? device->compute_units : 1; }

double icn_cost_flop_per_second(const icn_device_desc *device) {
  if (device->flop_per_second > 0) return device->flop_per_second;
  /* Lanes of one unit: a CPU core has a multiply-add pipe or two of its vector width; a GPU's unit has about a wave of them. */
  double lanes = is_gpu(device) ? fmax(device->wave, 32) : 1.5 * fmax(device->vector_width, 4);
  return units(device) * lanes * 2 * (is_gpu(device) ? GPU_HERTZ : CPU_HERTZ);
}

double icn_cost_bytes_per_second(const icn_device_desc *device) {
  if (device->bytes_per_second > 0) return device->bytes_per_second;
  if (is_gpu(device)) return units(device) * GPU_BYTES_PER_SECOND;
  return fmin(units(device), 2) * CPU_BYTES_PER_SECOND + fmax(units(device) - 2, 0) * CPU_MORE_BYTES_PER_SECOND;
}

double icn_cost_launch_seconds(const icn_device_desc *device) {
  if (device->launch_seconds > 0) return device->launch_seconds;
  return is_gpu(device) ? GPU_LAUNCH_SECONDS : CPU_LAUNCH_SECONDS;
}

double icn_cost_core_cache(const icn_device_desc *device) {
  const double least = 512 << 10, most = 2048 << 10, reported = (double)device->local_bytes;
  return reported < least ? least : reported > most ? most : reported;
}

double icn_cost_of(const icn_device_desc *device, double flop, double bytes, double efficiency, int launches) {
  double arithmetic = flop / (icn_cost_flop_per_second(device) * fmax(efficiency, 1e-6));
  double traffic = bytes / icn_cost_bytes_per_second(device);
  return fmax(arithmetic, traffic) + launches * icn_cost_launch_seconds(device);
}

double icn_cost_on_target(const icn_device_desc *device, icn_target target, double seconds) {
  if (target == ICN_TARGET_ANY) return seconds;
  bool right = (target == ICN_TARGET_GPU) == is_gpu(device);
  return right ? seconds : WRONG_TARGET * seconds;
}

double icn_cost_utilisation(double items, double unit_items) {
  if (items <= 0 || unit_items <= 0) return 1;
  return items / (ceil(items / unit_items) * unit_items);
}
