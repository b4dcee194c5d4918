/* libFuzzer target: bytes -> source -> graph -> passes. Whatever comes in, each step gives a status, a failure has a sentence, and a graph
 * that was made is valid, before and after the passes.
 *
 *     CC=clang cmake -S . -B build-fuzz -DICN_FUZZ=ON -DCMAKE_BUILD_TYPE=Debug && cmake --build build-fuzz --target fuzz_onnx
 *     build-fuzz/tests/fuzz_onnx -max_len=4096 -timeout=20 build-fuzz/fuzz-onnx       (ctest -L fuzz: the same for ten seconds)
 *
 * The corpus begins with the operator cases of tests/data/ops. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "passes.h"
#include "source.h"

enum { MOST_BYTES = 16 * 1024 * 1024 };

/* Memory ends early: a model of a few bytes may ask for a constant of any size. */
static size_t bytes_left;

static void *limited_allocate(void *user, size_t bytes) {
  icn_allocator plain = icn_allocator_default();
  (void)user;
  if (bytes > bytes_left) return NULL;
  bytes_left -= bytes;
  return plain.allocate(plain.user, bytes);
}

static void plain_release(void *user, void *memory) {
  icn_allocator plain = icn_allocator_default();
  (void)user;
  plain.release(plain.user, memory);
}

static icn_status open_zeros(void *user, const char *location, const void **data, uint64_t *bytes, icn_error *error) {
  static const char zeros[4096];
  (void)user;
  if (location[0] == '/') return icn_error_set(error, ICN_FORMAT, "'%s' is outside", location);
  *data = zeros;
  *bytes = sizeof zeros;
  return ICN_OK;
}

static void require(int condition, const char *what, const icn_error *error) {
  if (condition) return;
  fprintf(stderr, "fuzz_onnx: %s: status %d: %s\n", what, (int)error->status, error->message);
  abort();
}

static void check_status(icn_status status, const icn_error *error) {
  require(status == ICN_OK || (error->status == status && strlen(error->message) > 8), "a failure without a sentence", error);
}

static void import(const icn_source *source, const icn_allocator *allocator) {
  icn_graph graph;
  icn_error error = {ICN_OK, ""};
  icn_graph_init(&graph, allocator);
  icn_status status = icn_import(source, NULL, 0, 1, &graph, &error);
  check_status(status, &error);
  if (status == ICN_OK) {
    require(icn_graph_validate(&graph, &error) == ICN_OK, "the imported graph is not valid", &error);
    status = icn_passes_run(&graph, NULL, NULL, &error);
    check_status(status, &error);
  }
  if (status == ICN_OK) require(icn_graph_validate(&graph, &error) == ICN_OK, "the graph after the passes is not valid", &error);
  icn_graph_fini(&graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  icn_allocator allocator = {NULL, limited_allocate, plain_release};
  icn_external external = {NULL, open_zeros};
  icn_source source;
  icn_error error = {ICN_OK, ""};
  bytes_left = MOST_BYTES;
  icn_source_init(&source, &allocator);
  icn_status status = icn_onnx_parse(data, bytes, &external, &source, &error);
  check_status(status, &error);
  if (status == ICN_OK) import(&source, &allocator);
  icn_source_fini(&source);
  return 0;
}
