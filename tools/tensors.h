/* The inputs, outputs and values of an executor as arrays, and how two of them differ. */
#ifndef ICN_TOOLS_TENSORS_H
#define ICN_TOOLS_TENSORS_H

#include "tool.h"

typedef struct tensors {
  size_t count;
  icn_tensor_info *info; /* names are copies: they outlive the executor */
  float **data;
} tensors;

/* Room for every input (output) of the executor, set to zero. */
tensors tensors_of_inputs(const icn_executor *executor);
tensors tensors_of_outputs(const icn_executor *executor);
/* Every value that a run with keep_values left; TOOL_OK or the exit code. */
int tensors_of_values(icn_executor *executor, tensors *values);
void tensors_fini(tensors *t);
/* The position of a name, t->count when it is not there. */
size_t tensors_find(const tensors *t, const char *name);

/* Uniform in [0, 1), the same numbers everywhere. */
void tensors_randomise(tensors *t);
/* The picture for the first input [1,3,H,W]; TOOL_OK or the exit code. */
int tensors_set_image(tensors *t, const icn_context *context, const char *path, const icn_preprocess *recipe);
/* One run. */
int tensors_run(icn_executor *executor, const tensors *inputs, tensors *outputs);

typedef struct difference {
  double largest;   /* of |a - b|; infinite where just one is a number, or both are different infinities */
  double magnitude; /* the largest finite |b| */
  size_t at;        /* where `largest` is */
} difference;
/* How a differs from b, which is taken to be right. */
difference tensors_compare(const float *a, const float *b, size_t count);
/* largest / magnitude; largest itself where everything is 0. */
double difference_relative(const difference *d);

#endif
