/* What drivers get wrong and what is done about it: one table, lib/quirks.def. A row says who (patterns), what breaks, how that is known,
 * and which work-around follows. Work-arounds on limits and features change the description, so that selection, also for a device that is
 * not here, sees what the device really is; the others are asked for by whoever does what breaks (host/, mostly). */
#ifndef ICN_LIB_QUIRKS_H
#define ICN_LIB_QUIRKS_H

#include "device_family.h"

typedef enum icn_workaround {
  /* in the description */
  ICN_AVOID_UNITS_TIMES = 0, /* number: compute units are this many times what is reported */
  ICN_AVOID_MOST_UNITS,      /* number: compute units are reckoned as no more than this */
  ICN_AVOID_MOST_ITEMS,      /* number: work-groups of no more items than this */
  ICN_AVOID_NO_ITEMS,        /* number: the largest work-group where the driver reports 0 (of the device, or of a kernel) */
  ICN_AVOID_LOCAL,           /* no rows that go through local memory */
  ICN_AVOID_LOCAL_TILES,     /* no matrix products and convolutions that go through local memory, where a row in registers serves */
  ICN_AVOID_LOCAL_TYPE,      /* local memory is real, whatever is reported */
  ICN_AVOID_CONSTANT,        /* no weights in constant memory */
  ICN_AVOID_SUB_GROUPS,      /* no rows with sub-groups */
  ICN_AVOID_LAUNCHES,        /* number: nanoseconds that one launch costs */
  ICN_AVOID_ROWS,            /* text: kernel rows, separated by commas, that it computes wrongly: they are not taken */
  /* in what is done */
  ICN_AVOID_FMA,            /* multiply-adds may become mad(), never a slow fma(); the description's fast_fma is false too */
  ICN_AVOID_PROFILING,      /* no profiling queue; layer times are 0 */
  ICN_AVOID_SUB_DEVICES,    /* `cores` is refused */
  ICN_AVOID_BINARIES,       /* programs are always compiled from source */
  ICN_AVOID_UNASKED_CACHE,  /* binaries are kept only where somebody named the folder */
  ICN_AVOID_BUILD_OPTION,   /* text: added to the build options */
  ICN_AVOID_LARGE_PROGRAMS, /* a program for each kernel */
  ICN_AVOID_LONG_QUEUES,    /* number: clFlush after this many launches */
  ICN_AVOID_ENVIRONMENT,    /* text: NAME=VALUE; a log line says so where NAME is not set */
  ICN_AVOID_TRUST,          /* a log line: check the results on this device */
  ICN_WORKAROUND_COUNT
} icn_workaround;

typedef struct icn_quirk {
  const char *name;
  uint32_t families; /* ICN_QUIRK_FAMILY bits; 0: any */
  const char *vendor, *platform, *device,
      *driver; /* lib/glob.h; "" fits all. `device` is tried on the name and on the version text (Adreno
                * names its model only there), `driver` on the driver's version and on the version text */
  icn_workaround workaround;
  uint32_t number;  /* the work-around's parameter, 0 where it has none */
  const char *text; /* likewise, "" */
  const char *breaks, *evidence;
} icn_quirk;

#define ICN_QUIRK_FAMILY(family) (1U << (family))

size_t icn_quirk_count(void);
const icn_quirk *icn_quirk_at(size_t index);

/* `switches`: NULL, or names with '-' (off) or '+' (on, whatever the device is called) before each, separated by commas; "-all" turns every
 * row off that no '+' names. Fails: ICN_ARGUMENT, an unknown name. */
icn_status icn_quirks_check_switches(const char *switches, icn_error *error);

/* Changes what a driver reported into what holds, and notes in the description which rows are active: those that fit and make a difference.
 * Does nothing to a description that it has changed already. Pure; `switches` has been checked. */
void icn_quirks_apply(icn_device_desc *desc, const char *switches);
bool icn_quirk_active(const icn_device_desc *desc, size_t index);
/* The first active row with this work-around, NULL when there is none. */
const icn_quirk *icn_quirk_of(const icn_device_desc *desc, icn_workaround workaround);

enum { ICN_QUIRK_TEXT_BYTES = 160 };
/* What is done about it, for a person: "no profiling queue". Returns `text`. */
const char *icn_quirk_workaround_text(const icn_quirk *quirk, char text[ICN_QUIRK_TEXT_BYTES]);
/* A line for each active row: "quirk: NAME: what breaks; what is done (evidence)". */
void icn_quirks_print(const icn_device_desc *desc, icn_text *text);
/* Every active row's addition to the build options, each with a space before it. `options` has room for ICN_QUIRK_OPTIONS_BYTES. */
enum { ICN_QUIRK_OPTIONS_BYTES = 96 };
void icn_quirks_build_options(const icn_device_desc *desc, char options[ICN_QUIRK_OPTIONS_BYTES]);

#endif
