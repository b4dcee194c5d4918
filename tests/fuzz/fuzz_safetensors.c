/* libFuzzer target: bytes -> tensors of a safetensors file. Whatever comes in, there is a status, a failure has a sentence, and of what was
 * read every byte can be read, every tensor is found by its name, and memory is a small multiple of the file's.
 *
 *     CC=clang cmake -S . -B build-fuzz -DICN_FUZZ=ON -DCMAKE_BUILD_TYPE=Debug && cmake --build build-fuzz --target fuzz_safetensors
 *     build-fuzz/tests/fuzz_safetensors -max_len=4096 -timeout=20 build-fuzz/fuzz-safetensors   (ctest -L fuzz: the same for ten seconds)
 *
 * The corpus begins with tests/data/safetensors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "safetensors.h"

enum { MOST_BYTES_FOR_EACH = 256, MOST_BYTES_ANYWAY = 65536 };

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

static void require(int condition, const char *what, const icn_error *error) {
  if (condition) return;
  fprintf(stderr, "fuzz_safetensors: %s: status %d: %s\n", what, (int)error->status, error->message);
  abort();
}

static void check_tensors(const icn_safetensors *file, size_t bytes, const icn_error *error) {
  size_t sum = 0, size_of_all = 0;
  for (size_t i = 0; i < file->count; i++) {
    const icn_stored_tensor *tensor = &file->tensors[i];
    require(icn_safetensors_find(file, tensor->name) == tensor, "a tensor is not found by its name", error);
    if (!tensor->supported) continue;
    const size_t size = (size_t)icn_shape_elems(&tensor->shape) * icn_dtype_bytes(tensor->dtype);
    for (size_t k = 0; k < size; k++) sum += ((const uint8_t *)tensor->data)[k];
    size_of_all += size;
  }
  require(size_of_all <= bytes && sum <= UINT8_MAX * bytes, "the tensors have more bytes than the file", error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  const icn_allocator allocator = {NULL, limited_allocate, plain_release};
  icn_arena arena;
  icn_safetensors file;
  icn_error error = {ICN_OK, ""};
  bytes_left = MOST_BYTES_ANYWAY + MOST_BYTES_FOR_EACH * bytes;
  icn_arena_init(&arena, &allocator);
  icn_status status = icn_safetensors_parse(data, bytes, &arena, &file, &error);
  require(status == ICN_OK || (error.status == status && strlen(error.message) > 8), "a failure without a sentence", &error);
  require(status != ICN_NO_MEMORY, "memory out of proportion", &error);
  if (status == ICN_OK) check_tensors(&file, bytes, &error);
  icn_arena_fini(&arena);
  return 0;
}
