/* One operation with its sizes, views, fusion and precision: what a kernel row is asked to compute. No pointers: comparable, printable. */
#ifndef ICN_LIB_PROBLEM_H
#define ICN_LIB_PROBLEM_H

#include "graph.h"

enum { ICN_MAX_INPUTS = 5 };

typedef struct icn_problem {
  icn_op op; /* never a "graph only" operation */
  icn_params params;
  icn_epilogue epilogue;
  uint32_t present;            /* bit i: input i is there */
  uint32_t constant;           /* bit i: input i is a constant (weights can be packed) */
  icn_view in[ICN_MAX_INPUTS]; /* absent inputs are all zero */
  icn_view out;
  icn_precision precision;
  /* CONV in one group with a line for a window (1 x n or n x 1): the output channels from here on have it turned, so that h and w of
   * window, dilation and padding change places. Two convolutions of one tensor side by side, as Inception-v3's last blocks have them
   * (lower_pairs.c); taps are counted along the line, so that the weights of both are one tensor. 0: none is turned. */
  int32_t turned;
} icn_problem;

static inline bool icn_problem_has(const icn_problem *p, int input) { return (p->present >> input & 1U) != 0; }
static inline bool icn_problem_is_constant(const icn_problem *p, int input) { return (p->constant >> input & 1U) != 0; }

/* h and w of window, dilation and padding change places; strides stay, they belong to the output. */
icn_params icn_params_turned(const icn_params *params);

/* `view` broadcast to `shape` by the usual rule: right-aligned, a dim of 1 repeats with stride 0. */
icn_view icn_view_broadcast(const icn_view *view, const icn_shape *shape);
/* The problem of one graph node with every tensor dense in the model's order: what the reference computes. The graph-only operations come
 * out as COPY with suitable views, except CONCAT and RESHAPE: CONCAT is asked for one input at a time (`part` = which input; its place in
 * the output is in out.offset), RESHAPE becomes a rank-1 COPY. For all other operations part is 0.
 * BINARY's inputs and MATMUL's c come out broadcast to the output's shape (icn_view_broadcast): rows and the reference read all with one
 * set of indices. MATMUL's a and b keep their own shapes. */
icn_problem icn_problem_from_node(const icn_graph *graph, const icn_node *node, int part);
/* The view of `input` through a graph-only SLICE, TRANSPOSE or EXPAND node: `view` describes the node's input; the result has the node's
 * output shape. */
icn_view icn_problem_view_through(const icn_node *node, const icn_shape *out_shape, const icn_view *view);

enum { ICN_KEY_BYTES = 320 };
/* The canonical text key, e.g. "conv 1x192x17x17 k192 r1x7 s1x1 p0,3 bias relu f32": shared by selection, tuning rows, tests, benchmark,
 * profile. k: output channels; r: window; s: stride; p: padding (before, then after where that differs); d: dilation; g: groups; turned:
 * the first channel whose window is turned. Tensors are NHWC without gaps unless OPERAND:LAYOUT says "nchw", "/N" (a pixel is N channels
 * apart from the next, so the operand is a part of a joined tensor), "sA,B,..." (strides) or "at" (only the offset is unusual); "+N" is an
 * offset in elements. */
const char *icn_problem_key(const icn_problem *problem, char key[ICN_KEY_BYTES]);
/* Floating-point operations (a multiply-add is 2), direct count. */
double icn_problem_flop(const icn_problem *problem);
/* Bytes of all inputs and the output, each once. */
double icn_problem_bytes(const icn_problem *problem);

#endif
