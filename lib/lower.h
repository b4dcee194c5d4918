/* Lowering: graph -> where each value lies (lower_views.c) -> layers (lower.c, lower_layers.c) -> steps (plan_steps.c). Only icn_plan_make
 * and these files see this. */
#ifndef ICN_LIB_LOWER_H
#define ICN_LIB_LOWER_H

#include "row_table.h"

/* One piece of memory that values (and views of them) lie in. While lowering, an icn_place's `buffer` is a storage. */
typedef struct icn_storage {
  icn_buffer_kind kind;
  int index;           /* INPUT, OUTPUT: position in the graph's list; PACKED: layer */
  int value;           /* CONSTANT: graph value */
  uint64_t bytes;      /* of all that lies in it */
  int64_t slice_elems; /* from one slice of the batch to the next, for the layers that are computed once for each; 0: the same place */
} icn_storage;

/* Where one value lies. */
typedef struct icn_slot {
  int storage; /* -1: nowhere (a constant, an empty tensor, a value that nothing makes) */
  icn_view view;
} icn_slot;

typedef struct icn_lowering {
  const icn_row_table *rows;
  const icn_graph *graph;
  const icn_device_desc *device;
  const icn_plan_request *request;
  icn_plan *plan; /* layers grow here; its arena owns everything */
  size_t layer_capacity;
  icn_storage *storages;
  size_t storage_count, storage_capacity;
  icn_slot *slots;    /* by graph value: what kernels read and write */
  icn_slot *raw;      /* by graph value: a graph input as it arrives, a constant as uploaded */
  bool *input_copied; /* by graph value: the layer "input NAME" is there */
  int *constants;     /* by graph value: storage of a constant, -1: none yet */
  int *concat_uses;   /* by graph value */
  int *uses;          /* by graph value, graph outputs included */
  bool *lowered;      /* by graph node: computed by the layer of another one */
  bool slicing;       /* the layers being made are computed once for each slice of the batch */
  int zeros, library; /* storages, -1: none yet */
} icn_lowering;

/* A new storage, or -1 when memory ran out. */
int icn_lower_storage(icn_lowering *lowering, icn_buffer_kind kind, int index, int value, uint64_t bytes);

/* --- lower_views.c */

/* Fills slots and raw for every value that is stored. */
icn_status icn_lower_views(icn_lowering *lowering, icn_error *error);
/* `view` with its elements in the model's order, adjacent and from the same offset on, as a tensor of `shape` on a device: true when that
 * is possible without moving anything. */
bool icn_lower_reshaped(const icn_view *view, const icn_shape *shape, icn_view *reshaped);
/* The part of a CONCAT's output view that input `part` fills. */
icn_view icn_lower_concat_part(const icn_graph *graph, const icn_node *concat, int part, const icn_view *joined);
/* True when kernels take the view as it is: NHWC for rank 4, dense for others. */
bool icn_lower_plain(const icn_view *view);
/* True when both name the same elements at the same places. */
bool icn_lower_same_place(const icn_slot *a, const icn_slot *b);

/* --- lower_layers.c: layers into the plan */

/* Where the operands of a layer lie. */
typedef struct icn_operands {
  icn_slot in[ICN_MAX_INPUTS]; /* storage -1: absent, or a constant (its view is the uploaded one) */
  icn_slot out;
} icn_operands;

/* Where a node's operands lie, and its problem there. */
icn_status icn_lower_operands(icn_lowering *lowering, const icn_node *node, icn_operands *operands, icn_error *error);
icn_problem icn_lower_problem(const icn_lowering *lowering, const icn_node *node, const icn_operands *operands);
/* A new layer; `beside` as in icn_plan_layer. */
icn_status icn_lower_layer(icn_lowering *lowering, const char *name, int node, int beside, const icn_problem *problem,
                           const icn_operands *operands, icn_error *error);

/* The slot that kernels read `value` from; makes the layer "input NAME" when it is the first reader of a graph input that needs one. */
icn_status icn_lower_read(icn_lowering *lowering, int value, icn_slot *slot, icn_error *error);
/* The slot for a COPY to read from: graph inputs as they arrive, constants as uploaded. */
icn_status icn_lower_read_raw(icn_lowering *lowering, int value, icn_slot *slot, icn_error *error);
/* A layer that copies `from` to `to`. The shapes are equal. */
icn_status icn_lower_copy(icn_lowering *lowering, const char *name, int node, const icn_slot *from, const icn_slot *to, icn_error *error);
/* The layer of a node that kernels compute. */
icn_status icn_lower_kernel(icn_lowering *lowering, int node, icn_error *error);

/* --- lower_pairs.c */

/* The layer of a node and of another one behind it, where one launch for both is expected to take less time than two layers: *paired, and
 * lowering->lowered for the other. Where two layers take less, that of the node, *paired too. Else nothing. */
icn_status icn_lower_pair(icn_lowering *lowering, int node, bool *paired, icn_error *error);

/* --- lower.c */

/* All layers of the graph, in its order. */
icn_status icn_lower_layers(icn_lowering *lowering, icn_error *error);

/* --- plan_steps.c */

/* Steps from layers, memory for the storages, buffers, places, values, dependencies. */
icn_status icn_plan_finish(icn_lowering *lowering, icn_error *error);

/* --- plan_access.c: what a step touches */

typedef struct icn_access {
  int buffer;
  bool writes;
  bool sliced;        /* each slice of the batch has its own part of it; else all slices use the same bytes, one after the other */
  icn_view view;      /* offset: from the buffer's first element, in elements */
  int64_t begin, end; /* elements; the least range that holds the view */
} icn_access;

/* Writes at most ICN_OPERAND_COUNT accesses; returns their number. */
int icn_plan_accesses(const icn_plan *plan, const icn_plan_step *step, icn_access accesses[ICN_OPERAND_COUNT]);
/* True when the two touch a common element. May say true for interleaved views that only share a range. */
bool icn_accesses_overlap(const icn_access *a, const icn_access *b);
/* True when the order of the two steps matters: they overlap and one of them writes. */
bool icn_accesses_conflict(const icn_access *a, int a_count, const icn_access *b, int b_count);

#endif
