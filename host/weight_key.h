/* What the packed weights of an executor's plan depend on, as one hash: the key of their entry in the cache. */
#ifndef ICN_HOST_WEIGHT_KEY_H
#define ICN_HOST_WEIGHT_KEY_H

#include "cache_folder.h"
#include "executor.h"
#include "plan_memory.h"

/* RESAMPLE reads its index (input 1) as int32; everything else reads floats. */
bool icn_is_resample_index(const icn_graph *graph, int value);
/* Over the library's version and sources, this machine's floats, and of each weight all that packing looks at: row, problem, configuration,
 * and the model's own numbers to the last byte. They are read once for it: 90 MB take some 10 ms, about as long as to look up whether the
 * file has changed in ways that its date and size would not tell, which nobody can. */
icn_cache_key icn_weight_key(const icn_executor *executor);

#endif
