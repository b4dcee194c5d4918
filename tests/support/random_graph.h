/* Random graphs for tests of plans. */
#ifndef ICN_TEST_RANDOM_GRAPH_H
#define ICN_TEST_RANDOM_GRAPH_H

#include "support/graph_builder.h"

/* A graph of `count` random nodes. Dimensions stay small; every operation that lowering treats specially is among them. */
builder *random_graph(uint32_t *seed, int count, int64_t images, int outputs);

#endif
