/* Which row computes a problem on a device, and why. Pure. Order: forced by name, least time among what the user's tuning file
 * holds for exactly this problem and device, the same of the lines that are shipped (tunedb.h; each of both is checked again here), least
 * expected time. */
#ifndef ICN_LIB_SELECT_H
#define ICN_LIB_SELECT_H

#include "kernel.h"

typedef struct icn_choice {
  const icn_row *row;
  icn_config config;
  const char *rule;    /* "forced", "tuned", "shipped", "cost", "only", "memory" (plan_fit.h) */
  double cost_seconds; /* expected, or as measured by the tuner */
  bool tuned;          /* configured as a tuning line says (forced rows can be, too) */
  bool shipped;        /* and that line came with the library */
} icn_choice;

/* `forced_rows`: comma-separated NAMEs of rows to prefer wherever they apply, -NAMEs of rows to leave out; a last '*' stands for any rest
 * ("-winograd*": only direct sums). NULL: none.
 * `why` may be NULL; else one line for each other row of this operation: its reason or its cost.
 * Fails: ICN_UNSUPPORTED with the problem's key and every row's reason. `name` is the layer's, for the sentence. */
icn_status icn_select(const icn_problem *problem, const icn_device_desc *device, const char *forced_rows, const char *name,
                      icn_choice *choice, icn_text *why, icn_error *error);

/* Comes the row into question: it is not refused by the device, not excluded by name, and applies. `why_not` may be NULL. */
bool icn_select_may(const icn_row *row, const icn_problem *problem, const icn_device_desc *device, const char *forced_rows,
                    icn_reason *why_not);

#endif
