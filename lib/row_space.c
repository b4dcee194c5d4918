#include "row_space.h"

#include <stdio.h>
#include <string.h>

#include "row_spaces.h"

typedef struct tunable {
  const char *row;
  icn_space_fn *space;
  icn_valid_fn *valid;
} tunable;

#define ICN_SPACE(name, space, valid) {name, space, valid},
static const tunable TUNABLE[] = {
#include "kernels/spaces.def"
};
#undef ICN_SPACE

static const tunable *find(const icn_row *row) {
  for (size_t i = 0; i < sizeof TUNABLE / sizeof TUNABLE[0]; i++)
    if (strcmp(TUNABLE[i].row, row->name) == 0) return &TUNABLE[i];
  return NULL;
}

size_t icn_row_space(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, size_t index, icn_config *config) {
  const tunable *known = find(row);
  if (index == 0 && config != NULL) row->configure(problem, device, config);
  if (known == NULL) return 1;
  return 1 + known->space(problem, device, index - 1, index > 0 ? config : NULL);
}

bool icn_config_ends(const icn_config *config, int used, icn_reason *why_not) {
  for (size_t i = (size_t)used; i < sizeof config->value / sizeof config->value[0]; i++)
    if (config->value[i] != 0) return icn_decline(why_not, "it has %d parameters, not %zu", used, i + 1);
  return true;
}

/* No launch is above the device's limits, none needs more memory at once than there is. */
static bool within_limits(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, const icn_config *config,
                          icn_reason *why_not) {
  icn_emit emit;
  icn_error error;
  memset(&emit, 0, sizeof emit);
  icn_error_clear(&error);
  if (row->emit == NULL) return true;
  if (icn_row_emit(row, problem, device, config, &emit, &error) != ICN_OK) return icn_decline(why_not, "%.120s", error.message);
  for (int i = 0; i < emit.launch_count; i++)
    if (!icn_launch_within_limits(&emit.launch[i], device, why_not)) return false;
  for (int i = 0; i < ICN_MAX_SCRATCH; i++)
    if (emit.scratch_bytes[i] > device->max_allocation_bytes) return icn_decline(why_not, "its scratch is above the largest allocation");
  if (row->pack_bytes != NULL && row->pack_bytes(problem, config) > device->max_allocation_bytes)
    return icn_decline(why_not, "its packed weights are above the largest allocation");
  return true;
}

bool icn_row_takes(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, const icn_config *config,
                   icn_reason *why_not) {
  const tunable *known = find(row);
  icn_config own;
  if (known != NULL) return known->valid(problem, device, config, why_not) && within_limits(row, problem, device, config, why_not);
  row->configure(problem, device, &own);
  return memcmp(&own, config, sizeof own) == 0 || icn_decline(why_not, "its parameters are not those that the row chooses here");
}
