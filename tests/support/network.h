/* Networks for tests, as graphs after the passes: built-in ones and exported ones, whose weights are made up. */
#ifndef ICN_TESTS_NETWORK_H
#define ICN_TESTS_NETWORK_H

#include "source.h"

typedef struct test_network {
  icn_source source;
  icn_graph graph;
  uint8_t *file; /* NULL for a built-in one: the model as it is with its made-up weights */
  size_t file_bytes;
} test_network;

/* `name`: "builtin:SPEC", or the path of an .onnx file. Initialisers of floats without values (tests/data/exported has none) get small
 * positive ones from a generator with a fixed seed. On failure nothing is left to unload. */
icn_status test_network_load(const char *name, int64_t batch, test_network *network, icn_error *error);
void test_network_unload(test_network *network);

#endif
