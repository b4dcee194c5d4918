/* Rewrites of the graph that keep its results. Each has a name by which it can be turned off. */
#ifndef ICN_LIB_PASSES_H
#define ICN_LIB_PASSES_H

#include "graph.h"

typedef struct icn_pass {
  const char *name;
  const char *summary;
  icn_status (*run)(icn_graph *graph, int *changed, icn_error *error); /* *changed += rewrites made */
  bool late; /* waits for a round in which nothing before it found anything to do */
} icn_pass;

size_t icn_pass_count(void);
const icn_pass *icn_pass_at(size_t index);
/* True for the name of a pass, of one of the plan's switches (concat_view, memory_reuse, merge_pairs, reshape_view, slice_batch), or "all".
 */
bool icn_pass_known(const char *name);
/* Runs all but the disabled ones (comma-separated names), in order, until nothing changes; `report` (may be NULL) gets a line for
 * each pass that rewrote something or was off, and one that names the others.
 * Fails: ICN_ARGUMENT (unknown name in `disabled`; the known ones are listed), ICN_NO_MEMORY. */
icn_status icn_passes_run(icn_graph *graph, const char *disabled, icn_text *report, icn_error *error);

#endif
