/* Models as PyTorch and timm export them (tests/data/exported), whose files hold no weights: filled from a seed. */
#ifndef ICN_TESTS_EXPORTED_H
#define ICN_TESTS_EXPORTED_H

#include "proto_writer.h"

/* The ONNX file `path` with every float initialiser that has no values filled: between 0.5 and 1.5, divided by the elements of one output
 * where it has two dimensions or more, so that activations keep their range and variances are positive. Ends the test when the file cannot
 * be read. Free with proto_free(). */
proto_writer exported_filled(const char *path, uint32_t seed);

#endif
