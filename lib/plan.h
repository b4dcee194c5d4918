/* The plan: what will run, where every byte lies, in which order. Plain data made from a graph and a device description. */
#ifndef ICN_LIB_PLAN_H
#define ICN_LIB_PLAN_H

#include "select.h"
#include "tunedb.h"

typedef enum icn_buffer_kind {
  ICN_BUFFER_ARENA = 0, /* one: activations and scratch */
  ICN_BUFFER_INPUT,     /* graph input `index`, dense in the model's order */
  ICN_BUFFER_OUTPUT,    /* graph output `index`, dense in the model's order */
  ICN_BUFFER_CONSTANT,  /* constant `value`, uploaded as dense f32 (int32 for RESAMPLE's index) */
  ICN_BUFFER_PACKED,    /* weights of layer `index`, as its row packs them */
  ICN_BUFFER_ZEROS,
  ICN_BUFFER_LIBRARY /* what a called library (CLBlast) wants for itself: the largest need of any layer */
} icn_buffer_kind;

typedef struct icn_plan_buffer {
  icn_buffer_kind kind;
  int index;      /* INPUT, OUTPUT: position in the graph's list; PACKED: layer */
  int value;      /* CONSTANT: graph value */
  uint64_t bytes; /* at least 4 */
} icn_plan_buffer;

/* Where a tensor lies: a buffer and its first element there (the view's own offset not included). */
typedef struct icn_place {
  int buffer;     /* -1: operand not used */
  int64_t offset; /* elements */
} icn_place;

typedef struct icn_plan_layer {
  const char *name; /* node's name; "input NAME" / "output NAME" for layout changes */
  int node;         /* graph node, -1 for layout changes */
  int beside;       /* graph node whose channels follow those of `node` (problem.turned), -1: none. Each constant input is then that of
                     * `node` and, behind it, that of this one: only a row that packs them is chosen. */
  icn_problem problem;
  icn_choice choice;
  icn_emit emit;
  icn_place place[ICN_OPERAND_COUNT];
  int slices;                             /* how often a run computes it: once for each slice of the batch (slice.h), else 1 */
  int64_t slice_elems[ICN_OPERAND_COUNT]; /* how much further each operand's place is for the next slice */
  const char *why;                        /* other rows' reasons (when asked for), else NULL */
} icn_plan_layer;

/* How a layer, or two, might have been computed instead (lower_pairs.c): the tuner measures that too. */
typedef struct icn_plan_other {
  icn_problem problem;
  icn_choice choice;
} icn_plan_other;

/* A layer's choice that is made beforehand, because memory is short (plan_fit.h). */
typedef struct icn_fixed_choice {
  icn_choice choice; /* row NULL: as selection has it */
  const char *why;
} icn_fixed_choice;

typedef struct icn_plan_step {
  int layer, launch;
  int *depends; /* earlier steps whose bytes this one reads, or overwrites (reads before writes included) */
  int depend_count;
} icn_plan_step;

/* A graph value that has a place of its own or inside another one (views). */
typedef struct icn_plan_value {
  int value; /* graph value */
  icn_place place;
  icn_view view;
  bool materialised; /* false: never stored (fused away) */
} icn_plan_value;

typedef struct icn_plan {
  icn_arena arena;
  icn_plan_buffer *buffers;
  size_t buffer_count;
  icn_plan_layer *layers;
  size_t layer_count;
  icn_plan_other *others;
  size_t other_count, other_capacity;
  icn_plan_step *steps; /* in an order that an in-order queue may run */
  size_t step_count;
  /* Steps [sliced_begin, sliced_end) run once for each slice: all of them for the first, then all for the next. A slice begins when the one
   * before it has ended (they share memory); `depends` says what holds within one. */
  size_t sliced_begin, sliced_end;
  int slices; /* at least 1 */
  icn_plan_value *values;
  size_t value_count;
  uint64_t arena_bytes, arena_lower_bound_bytes; /* lower bound: most bytes alive at one step */
  uint64_t weight_bytes;
  uint64_t library_bytes;
  uint64_t *alive_bytes; /* by step: activations and scratch */
  const char *fitted;    /* what was done so that the plan needs no more memory than it may; NULL: nothing */
  bool sliced_to_fit;    /* the slices are for memory's sake, not for that of caches */
  double lost_seconds;   /* what a run is expected to take more because of that */
  const char *untuned;   /* which tuning rows were left out and why: with them the plan was above a limit; NULL: none were */
} icn_plan;

typedef struct icn_plan_request {
  const char *disabled_passes; /* here: "concat_view", "memory_reuse", "merge_pairs", "reshape_view" */
  const char *forced_rows;
  bool keep_values; /* as disabling memory_reuse */
  bool why;
  const icn_tunedb *tuning;      /* NULL: none */
  icn_precision precision;       /* of convolutions and matrix products with constant weights: FP32 or FP16W */
  uint64_t memory_limit;         /* bytes that icn_plan_memory.peak_bytes may be at most; 0: what the device has */
  const icn_fixed_choice *fixed; /* by graph node; NULL: none. For plan_fit.c. */
} icn_plan_request;

/* Seconds that a run takes by what is expected of its layers. */
double icn_plan_seconds(const icn_plan *plan);
/* The graph must outlive the plan. With a memory limit: as fast a plan as fits (plan_fit.h). Fails: ICN_UNSUPPORTED (no row applies),
 * ICN_NO_MEMORY, ICN_DEVICE_MEMORY (no plan fits the limit), and as icn_plan_check_limits does. */
icn_status icn_plan_make(const icn_graph *graph, const icn_device_desc *device, const icn_plan_request *request, icn_plan *plan,
                         icn_error *error);
void icn_plan_fini(icn_plan *plan);
/* Constant input `input` of a layer, dense in the model's order: its number of elements, and the elements as floats. */
int64_t icn_plan_constant_elems(const icn_graph *graph, const icn_plan_layer *layer, int input);
void icn_plan_constant(const icn_graph *graph, const icn_plan_layer *layer, int input, float *to);
/* No two steps without a path between them share bytes that one of them writes; every operand is inside its buffer. ICN_MISMATCH otherwise.
 */
icn_status icn_plan_check(const icn_plan *plan, icn_error *error);
/* No limit of the device is broken: work-groups, local memory and argument bytes of every launch (ICN_UNSUPPORTED: which layer, row, how
 * much), the largest allocation and all memory (ICN_DEVICE_MEMORY). A plan that was made has passed. Buffers in __constant memory are
 * not counted: no kernel takes one. */
icn_status icn_plan_check_limits(const icn_plan *plan, const icn_graph *graph, const icn_device_desc *device, icn_error *error);
/* What a person reads: a line a layer (name, problem key, row, MFLOP, KiB), then totals. */
void icn_plan_print(const icn_plan *plan, const icn_graph *graph, const icn_device_desc *device, icn_text *text);

#endif
