/* Plans that need no more memory than they may: layer by layer, what saves memory for the least time. Pure and deterministic. */
#ifndef ICN_LIB_PLAN_FIT_H
#define ICN_LIB_PLAN_FIT_H

#include "row_table.h"

/* One way to compute a layer, and what it takes. */
typedef struct icn_fit_option {
  icn_choice choice;
  uint64_t weight_bytes;  /* of the device: packed, or the constants that it reads as they are; rounding included */
  uint64_t scratch_bytes; /* of the arena */
  double seconds;         /* expected, of all slices */
} icn_fit_option;

/* The ways that are worth looking at: first the layer's own, then those of every row that applies (as it configures itself, without a depth
 * in parts, with smaller Winograd tiles) that are not worse in all three than another one. *options lies in `arena`; *count is 0 for a
 * layer that takes neither weights nor scratch. Fails: ICN_NO_MEMORY. */
icn_status icn_fit_options(const icn_row_table *rows, const icn_plan_layer *layer, const icn_device_desc *device, const char *forced_rows,
                           icn_arena *arena, icn_fit_option **options, size_t *count, icn_error *error);

/* Makes of a plan whose memory is above request->memory_limit one that is not, of the same graph. From the fastest way of each layer on,
 * one layer after the other takes a way with less memory: always the one that loses the least expected time for a byte. The order does not
 * depend on the limit, and of the plans on the way that fit the fastest is taken: so a larger limit never gives a slower plan.
 * With request->keep_values the plan given is one without; the limit is for that, and the one that is made has its rows.
 * Fails: ICN_DEVICE_MEMORY (with every layer at its least it does not fit; the sentence says how much is missing, and where it goes; *least
 * is then what the smallest plan needs), ICN_NO_MEMORY. On failure the plan is gone (icn_plan_fini has been called). */
icn_status icn_plan_fit(const icn_row_table *rows, const icn_graph *graph, const icn_device_desc *device, const icn_plan_request *request,
                        icn_plan *plan, uint64_t *least, icn_error *error);

/* icn_plan_make; *least: as above where no plan fits the limit, else UINT64_MAX. */
icn_status icn_plan_make_least(const icn_graph *graph, const icn_device_desc *device, const icn_plan_request *request, icn_plan *plan,
                               uint64_t *least, icn_error *error);

/* From an imported graph to its plan: passes (`passes` may be NULL, or gets their report), slices of the batch, the plan; *graph is
 * rewritten as the plan has it. Where the plan does not fit the device's memory or request->memory_limit, also other forms of the graph are
 * planned (the siblings that merge_siblings joins apart, other slices of the batch), and the one that is expected to be the fastest is
 * taken. Fails: as icn_passes_run and icn_plan_make do. */
icn_status icn_plan_network(icn_graph *graph, const icn_device_desc *device, const icn_plan_request *request, icn_text *passes,
                            icn_plan *plan, icn_error *error);

#endif
