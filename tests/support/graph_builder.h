/* Small graphs for tests of planning, and the comparison of a plan's run with the reference's. */
#ifndef ICN_TEST_GRAPH_BUILDER_H
#define ICN_TEST_GRAPH_BUILDER_H

#include "row_table.h"

enum { BUILDER_MOST_OUTPUTS = 8, BUILDER_MOST_INPUTS = 4 };

typedef struct builder {
  icn_graph graph;
  int outputs[BUILDER_MOST_OUTPUTS];
  const char *output_names[BUILDER_MOST_OUTPUTS];
  int inputs[BUILDER_MOST_INPUTS];
} builder;

builder *builder_new(void);
void builder_free(builder *b);

icn_shape shape4(int64_t n, int64_t c, int64_t h, int64_t w);
icn_shape shape2(int64_t n, int64_t c);
const icn_shape *shape_of(const builder *b, int value);

/* Each returns the value it makes. */
int add_input(builder *b, icn_shape shape);
void add_output(builder *b, int value);
int add_unary(builder *b, int x, const char *name);
int add_sum(builder *b, int x, int y);
int add_concat(builder *b, const int *parts, int count, int axis);
int add_reshape(builder *b, int x, icn_shape shape);
int add_slice(builder *b, int x, int axis, int64_t begin, int64_t count, int64_t step);
int add_transpose(builder *b, int x, const int *perm);
int add_max_pool(builder *b, int x); /* 2x2, stride 1, same size */
int add_softmax(builder *b, int x, int axis);
int add_mean(builder *b, int x, int axis);
int add_gram(builder *b, int x); /* x times itself transposed, over the last two dims */

/* The plan for the example CPU (or GPU); fails the test when it cannot be made or does not pass icn_plan_check. */
icn_plan plan_for(const builder *b, const icn_row_table *rows, const icn_plan_request *request, icn_device_kind kind);
/* Plans, runs in the plan's order and in random ones, compares outputs (and all values with keep_values) bit for bit with the reference. */
void check_run(const builder *b, const icn_row_table *rows, const icn_plan_request *request, icn_device_kind kind, uint32_t seed);
/* Runs the plan of a graph in slices, in its order and in another one, and compares outputs with those of the same graph whole. */
void check_sliced_run(const builder *whole, const builder *sliced, const icn_plan *plan, uint32_t seed);
/* check_run with each table of rows and each switch. */
void check_all_ways(const builder *b, uint32_t seed);

#endif
