/* A model written by a test, parsed and imported: file bytes, source and graph live together. */
#ifndef ICN_TESTS_IMPORTED_H
#define ICN_TESTS_IMPORTED_H

#include "proto_writer.h"
#include "source.h"

typedef struct imported {
  proto_writer file;
  icn_source source;
  icn_graph graph;
  icn_status status; /* of parsing, then of importing */
  icn_error error;
} imported;

/* Ends and frees the writer. */
imported *import_model(model_writer *model, const icn_input_shape *shapes, size_t shape_count, int64_t batch);
void imported_free(imported *it);

/* The value of a name, NULL when the graph has none. */
const icn_value *imported_value(const imported *it, const char *name);
/* How many nodes have this operation. */
size_t imported_count(const imported *it, icn_op op);

#endif
