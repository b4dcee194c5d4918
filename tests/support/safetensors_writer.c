#include "support/safetensors_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

enum { LENGTH_BYTES = 8, ENTRY_BYTES = 1024 };

static void *grow(void *memory, size_t needed, size_t *room) {
  if (needed <= *room) return memory;
  *room = 2 * needed;
  void *moved = realloc(memory, *room);
  if (moved == NULL) abort();
  return moved;
}

uint8_t *safetensors_bytes(const char *header, const void *data, size_t data_bytes, size_t *bytes) {
  const size_t length = strlen(header);
  *bytes = LENGTH_BYTES + length + data_bytes;
  uint8_t *file = calloc(*bytes, 1);
  if (file == NULL) abort();
  for (int k = 0; k < LENGTH_BYTES; k++) file[k] = (uint8_t)((uint64_t)length >> 8 * k);
  memcpy(file + LENGTH_BYTES, header, length);
  if (data != NULL && data_bytes > 0) memcpy(file + LENGTH_BYTES + length, data, data_bytes);
  return file;
}

void safetensors_add(safetensors_writer *writer, const char *name, const char *type, int rank, const int64_t *dim, const void *data,
                     size_t bytes) {
  char entry[ENTRY_BYTES];
  int length = snprintf(entry, sizeof entry, "%c\"%s\":{\"dtype\":\"%s\",\"shape\":[", writer->header_length == 0 ? '{' : ',', name, type);
  for (int k = 0; k < rank; k++)
    length += snprintf(entry + length, sizeof entry - (size_t)length, "%s%lld", k == 0 ? "" : ",", (long long)dim[k]);
  length += snprintf(entry + length, sizeof entry - (size_t)length, "],\"data_offsets\":[%zu,%zu]}", writer->data_bytes,
                     writer->data_bytes + bytes);
  writer->header = grow(writer->header, writer->header_length + (size_t)length + 2, &writer->header_room);
  memcpy(writer->header + writer->header_length, entry, (size_t)length + 1);
  writer->header_length += (size_t)length;
  writer->data = grow(writer->data, writer->data_bytes + bytes, &writer->data_room);
  if (bytes > 0) memcpy(writer->data + writer->data_bytes, data, bytes);
  writer->data_bytes += bytes;
}

uint8_t *safetensors_end(safetensors_writer *writer, size_t *bytes) {
  if (writer->header_length > 0) strcat(writer->header, "}");
  uint8_t *file = safetensors_bytes(writer->header_length > 0 ? writer->header : "{}", writer->data, writer->data_bytes, bytes);
  free(writer->header);
  free(writer->data);
  memset(writer, 0, sizeof *writer);
  return file;
}

bool safetensors_write_network(const char *spec, const char *path) {
  icn_allocator allocator = icn_allocator_default();
  icn_source made;
  safetensors_writer writer = {0};
  size_t bytes = 0;
  icn_source_init(&made, &allocator);
  if (icn_builtin_make(spec, NULL, &made, NULL) != ICN_OK) return false;
  for (size_t i = 0; i < made.tensor_count; i++) {
    const icn_source_tensor *t = &made.tensors[i];
    safetensors_add(&writer, t->name, "F32", t->shape.rank, t->shape.dim, t->data, (size_t)icn_shape_elems(&t->shape) * sizeof(float));
  }
  icn_source_fini(&made);
  uint8_t *written = safetensors_end(&writer, &bytes);
  FILE *file = fopen(path, "wb");
  const bool whole = file != NULL && fwrite(written, 1, bytes, file) == bytes;
  free(written);
  return file != NULL && fclose(file) == 0 && whole;
}
