/* A batch in slices: the first nodes of a network, whose activations are large, for one image (or a few) at a time, so that what one
 * of them writes is in a cache when the next one reads it; the others for the whole batch, so that their weights are read once. */
#ifndef ICN_LIB_SLICE_H
#define ICN_LIB_SLICE_H

#include "device_desc.h"
#include "graph.h"

/* The first `nodes` nodes in slices of so many images. *sliced false: that is not possible (they mix images, more than one value leaves
 * them, both sides read an input, the batch has no such slices), and nothing was done. Fails: ICN_NO_MEMORY. */
icn_status icn_slice_nodes(icn_graph *graph, int nodes, int64_t slice_images, bool *sliced, icn_error *error);

/* Slices that are asked for whatever time they cost: of all places where slices of so many images can end, in the graph's order, the one
 * that is `part` of `parts` of the way (1 to parts: the last one). *lost_seconds: what a run is expected to take more than in the slices of
 * icn_slice_batch (at least 0). Fails: ICN_NO_MEMORY. */
icn_status icn_slice_part(icn_graph *graph, const icn_device_desc *device, int64_t slice_images, int part, int parts, bool *sliced,
                          double *lost_seconds, icn_error *error);

/* Rewrites the graph where that is expected to take less time on the device, which only a CPU's caches do: graph->sliced_nodes nodes, all
 * of which treat every image of the batch by itself, get the shapes of one slice, and the one value that leaves them goes through a STACK,
 * the last of them. Nothing else knows of slices but lowering and who runs a plan. Off by the name "slice_batch" in `disabled`.
 * Fails: ICN_NO_MEMORY. */
icn_status icn_slice_batch(icn_graph *graph, const icn_device_desc *device, const char *disabled, icn_error *error);

#endif
