/* A small network with a bit of everything (convolutions, pooling, join, fully connected, softmax) for tests of the public API. */
#ifndef ICN_TEST_API_MODEL_H
#define ICN_TEST_API_MODEL_H

#include "clinception/clinception.h"
#include "support/proto_writer.h"

enum { API_MODEL_CHANNELS = 3, API_MODEL_CLASSES = 10 };

/* x [N, 3, H, W] (N, H and W open) -> scores [N, 10] and features [N, 20]. proto_free() it. */
proto_writer api_model_write(void);
/* The same loaded; the bytes must outlive the model. Fails the test on an error. */
icn_model *api_model_load(icn_context *context, const proto_writer *file);
/* A context with the environment's OpenCL and cache. Fails the test on an error. */
icn_context *api_context(void);
/* values[i] in [-1, 1] from `seed`. */
void api_fill(float *values, size_t count, uint32_t seed);
/* The largest |a - b| / max(1, |b|); infinity where one of them is NaN and the other is not. */
double api_difference(const float *a, const float *b, size_t count);

#endif
