#include "quirks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "glob.h"

enum {
  ANY = 0,
  RDNA = ICN_QUIRK_FAMILY(ICN_FAMILY_AMD_RDNA),
  AMD = RDNA | ICN_QUIRK_FAMILY(ICN_FAMILY_AMD_GCN),
  INTEL_GPU = ICN_QUIRK_FAMILY(ICN_FAMILY_INTEL_GEN9) | ICN_QUIRK_FAMILY(ICN_FAMILY_INTEL_XE),
  MIDGARD = ICN_QUIRK_FAMILY(ICN_FAMILY_MALI_MIDGARD),
  MALI = MIDGARD | ICN_QUIRK_FAMILY(ICN_FAMILY_MALI_BIFROST) | ICN_QUIRK_FAMILY(ICN_FAMILY_MALI_VALHALL),
  ADRENO = ICN_QUIRK_FAMILY(ICN_FAMILY_ADRENO),
  NVIDIA = ICN_QUIRK_FAMILY(ICN_FAMILY_NVIDIA),
  POCL = ICN_QUIRK_FAMILY(ICN_FAMILY_POCL),
  REAL_LOCAL = AMD | INTEL_GPU | ADRENO | NVIDIA,
  SLOW_FMA = ADRENO | MIDGARD
};

#define ICN_QUIRK(name, families, vendor, platform, device, driver, workaround, number, text, breaks, evidence) \
  {#name, families, vendor, platform, device, driver, ICN_AVOID_##workaround, number, text, breaks, evidence},
static const icn_quirk QUIRKS[] = {
#include "quirks.def"
};
#undef ICN_QUIRK

enum { QUIRK_COUNT = sizeof QUIRKS / sizeof QUIRKS[0] };
static_assert((int)QUIRK_COUNT <= 64, "icn_device_desc.quirks has a bit a row");

size_t icn_quirk_count(void) { return QUIRK_COUNT; }

const icn_quirk *icn_quirk_at(size_t index) {
  assert(index < QUIRK_COUNT);
  return &QUIRKS[index];
}

/* ---------------------------------------------------------------- switches */

/* The next name of the list: *sign is its '-' or '+' (else 0), *bytes its length without. NULL at the end. */
static const char *next_switch(const char **list, char *sign, size_t *bytes) {
  while (**list == ',' || **list == ' ') (*list)++;
  if (**list == '\0') return NULL;
  *sign = **list == '-' || **list == '+' ? *(*list)++ : '\0';
  const char *name = *list;
  *bytes = strcspn(name, ", ");
  *list += *bytes;
  return name;
}

static bool is_name(const char *name, size_t bytes, const char *wanted) {
  return strlen(wanted) == bytes && memcmp(name, wanted, bytes) == 0;
}

static bool is_row(const char *name, size_t bytes) {
  for (size_t i = 0; i < QUIRK_COUNT; i++)
    if (is_name(name, bytes, QUIRKS[i].name)) return true;
  return false;
}

icn_status icn_quirks_check_switches(const char *switches, icn_error *error) {
  icn_status status = ICN_OK;
  const char *name;
  char sign = '\0';
  size_t bytes = 0;
  if (switches == NULL) return ICN_OK;
  while ((name = next_switch(&switches, &sign, &bytes)) != NULL) {
    ICN_REQUIRE(sign != '\0', ICN_ARGUMENT, "quirk '%.*s' has neither '-' (off) nor '+' (on) before it", (int)icn_min64((int64_t)bytes, 60),
                name);
    ICN_REQUIRE(is_row(name, bytes) || (sign == '-' && is_name(name, bytes, "all")), ICN_ARGUMENT,
                "there is no quirk '%.*s' (those of a device are listed by 'clinception devices')", (int)icn_min64((int64_t)bytes, 60),
                name);
  }
done:
  return status;
}

/* '-', '+' or 0 for a row that is not named. The last one that names it decides; "all" is the weakest. */
static char switch_of(const char *switches, const char *row) {
  const char *name;
  char result = '\0', sign = '\0';
  size_t bytes = 0;
  bool all = false;
  if (switches == NULL) return '\0';
  while ((name = next_switch(&switches, &sign, &bytes)) != NULL) {
    if (is_name(name, bytes, row)) result = sign;
    if (is_name(name, bytes, "all")) all = true;
  }
  return result != '\0' ? result : all ? '-' : '\0';
}

/* ------------------------------------------------------------------- apply */

static bool fits(const icn_quirk *quirk, const icn_device_desc *desc, icn_device_family family) {
  if (desc->kind == ICN_DEVICE_REFERENCE) return false;
  if (quirk->families != ANY && (quirk->families & ICN_QUIRK_FAMILY(family)) == 0) return false;
  return icn_glob(quirk->vendor, desc->vendor) && icn_glob(quirk->platform, desc->platform) &&
         (icn_glob(quirk->device, desc->name) || icn_glob(quirk->device, desc->version)) &&
         (icn_glob(quirk->driver, desc->driver) || icn_glob(quirk->driver, desc->version));
}

static bool limit_items(icn_device_desc *desc, uint64_t most) {
  bool changed = desc->max_work_group > most;
  if (changed) desc->max_work_group = most;
  for (int k = 0; k < 3; k++) {
    changed = changed || desc->max_work_item[k] > most;
    if (desc->max_work_item[k] > most) desc->max_work_item[k] = most;
  }
  return changed;
}

static bool repair_items(icn_device_desc *desc, uint64_t items) {
  bool changed = desc->max_work_group == 0;
  if (changed) desc->max_work_group = items;
  for (int k = 0; k < 3; k++) {
    changed = changed || desc->max_work_item[k] == 0;
    if (desc->max_work_item[k] == 0) desc->max_work_item[k] = items;
  }
  return changed;
}

static bool set_flag(bool *flag, bool value) {
  const bool changed = *flag != value;
  *flag = value;
  return changed;
}

/* Adds rows to those that the device is known to refuse; false when they do not fit. */
static bool refuse_rows(icn_device_desc *desc, const char *rows) {
  const size_t length = strlen(desc->refused_rows);
  if (length + strlen(rows) + 2 > sizeof desc->refused_rows) return false;
  snprintf(desc->refused_rows + length, sizeof desc->refused_rows - length, "%s%s", length == 0 ? "" : ",", rows);
  return true;
}

/* Changes the description; false where it already is as the row wants it. */
static bool change(const icn_quirk *quirk, icn_device_desc *desc) {
  switch (quirk->workaround) {
    case ICN_AVOID_UNITS_TIMES:
      if (desc->compute_units > UINT32_MAX / quirk->number) return false;
      desc->compute_units *= quirk->number;
      return true;
    case ICN_AVOID_MOST_UNITS:
      if (desc->compute_units <= quirk->number) return false;
      desc->compute_units = quirk->number;
      return true;
    case ICN_AVOID_MOST_ITEMS:
      return limit_items(desc, quirk->number);
    case ICN_AVOID_NO_ITEMS:
      return repair_items(desc, quirk->number);
    case ICN_AVOID_LOCAL:
      return set_flag(&desc->local_is_real, false);
    case ICN_AVOID_LOCAL_TYPE:
      return set_flag(&desc->local_is_real, true);
    case ICN_AVOID_CONSTANT:
      if (desc->constant_bytes == 0) return false;
      desc->constant_bytes = 0;
      return true;
    case ICN_AVOID_SUB_GROUPS:
      return set_flag(&desc->has_subgroups, false);
    case ICN_AVOID_LAUNCHES:
      if (desc->launch_seconds > 0) return false; /* measured */
      desc->launch_seconds = quirk->number * 1e-9;
      return true;
    case ICN_AVOID_ROWS:
      return refuse_rows(desc, quirk->text);
    case ICN_AVOID_FMA:
      desc->fast_fma = false;
      return true;
    default:
      return true;
  }
}

void icn_quirks_apply(icn_device_desc *desc, const char *switches) {
  if (desc->quirks_applied) return;
  const icn_device_family family = icn_device_family_of(desc);
  desc->quirks_applied = true;
  desc->quirks = 0;
  for (size_t i = 0; i < QUIRK_COUNT; i++) {
    const char sign = switch_of(switches, QUIRKS[i].name);
    if (sign == '-' || (sign != '+' && !fits(&QUIRKS[i], desc, family))) continue;
    if (change(&QUIRKS[i], desc)) desc->quirks |= (uint64_t)1 << i;
  }
}

bool icn_quirk_active(const icn_device_desc *desc, size_t index) { return index < QUIRK_COUNT && (desc->quirks >> index & 1U) != 0; }

const icn_quirk *icn_quirk_of(const icn_device_desc *desc, icn_workaround workaround) {
  for (size_t i = 0; i < QUIRK_COUNT; i++)
    if (QUIRKS[i].workaround == workaround && icn_quirk_active(desc, i)) return &QUIRKS[i];
  return NULL;
}

/* -------------------------------------------------------------------- text */

const char *icn_quirk_workaround_text(const icn_quirk *quirk, char text[ICN_QUIRK_TEXT_BYTES]) {
  static const char *const FORMATS[ICN_WORKAROUND_COUNT] = {
      [ICN_AVOID_UNITS_TIMES] = "compute units are counted %u times",
      [ICN_AVOID_MOST_UNITS] = "compute units are reckoned as %u",
      [ICN_AVOID_MOST_ITEMS] = "work-groups have at most %u items",
      [ICN_AVOID_NO_ITEMS] = "work-groups have at most %u items",
      [ICN_AVOID_LOCAL] = "no rows that use local memory",
      [ICN_AVOID_LOCAL_TILES] = "matrix products in registers alone",
      [ICN_AVOID_LOCAL_TYPE] = "local memory counts as real",
      [ICN_AVOID_CONSTANT] = "no weights in constant memory",
      [ICN_AVOID_SUB_GROUPS] = "sub-groups count as absent",
      [ICN_AVOID_LAUNCHES] = "a launch is reckoned as %u ns",
      [ICN_AVOID_ROWS] = "without the kernel rows %s",
      [ICN_AVOID_FMA] = "-cl-mad-enable, and no fma()",
      [ICN_AVOID_PROFILING] = "no profiling queue, layer times are 0",
      [ICN_AVOID_SUB_DEVICES] = "the device is not divided",
      [ICN_AVOID_BINARIES] = "no program binaries are kept or taken",
      [ICN_AVOID_UNASKED_CACHE] = "binaries are kept only in a folder that was named",
      [ICN_AVOID_BUILD_OPTION] = "built with %s",
      [ICN_AVOID_LARGE_PROGRAMS] = "a program for each kernel",
      [ICN_AVOID_LONG_QUEUES] = "a flush after every %u launches",
      [ICN_AVOID_ENVIRONMENT] = "wants %s in the environment",
      [ICN_AVOID_TRUST] = "run 'clinception check' before trusting results",
  };
  const char *format = FORMATS[quirk->workaround], *place = strchr(format, '%');
  if (place == NULL) {
    snprintf(text, ICN_QUIRK_TEXT_BYTES, "%s", format);
  } else if (place[1] == 'u') {
    snprintf(text, ICN_QUIRK_TEXT_BYTES, "%.*s%u%s", (int)(place - format), format, quirk->number, place + 2);
  } else {
    snprintf(text, ICN_QUIRK_TEXT_BYTES, "%.*s%s%s", (int)(place - format), format, quirk->text, place + 2);
  }
  return text;
}

void icn_quirks_print(const icn_device_desc *desc, icn_text *text) {
  char done[ICN_QUIRK_TEXT_BYTES];
  for (size_t i = 0; i < QUIRK_COUNT; i++) {
    if (!icn_quirk_active(desc, i)) continue;
    icn_text_append(text, "quirk: %s: %s; %s (%s)\n", QUIRKS[i].name, QUIRKS[i].breaks, icn_quirk_workaround_text(&QUIRKS[i], done),
                    QUIRKS[i].evidence);
  }
}

void icn_quirks_build_options(const icn_device_desc *desc, char options[ICN_QUIRK_OPTIONS_BYTES]) {
  size_t length = 0;
  options[0] = '\0';
  for (size_t i = 0; i < QUIRK_COUNT; i++) {
    if (!icn_quirk_active(desc, i)) continue;
    const char *option = QUIRKS[i].workaround == ICN_AVOID_FMA ? "-cl-mad-enable" : QUIRKS[i].text;
    if (QUIRKS[i].workaround != ICN_AVOID_FMA && QUIRKS[i].workaround != ICN_AVOID_BUILD_OPTION) continue;
    if (strstr(options, option) != NULL) continue;
    assert(length + strlen(option) + 2 <= ICN_QUIRK_OPTIONS_BYTES);
    length += (size_t)snprintf(options + length, ICN_QUIRK_OPTIONS_BYTES - length, " %s", option);
  }
}
