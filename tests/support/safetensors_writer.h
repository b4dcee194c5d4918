/* Writes safetensors files, right ones and wrong ones, into memory. */
#ifndef ICN_TEST_SAFETENSORS_WRITER_H
#define ICN_TEST_SAFETENSORS_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A header that is given as text, and `data_bytes` of data (NULL: zeros). free() the result, which has exactly *bytes bytes. */
uint8_t *safetensors_bytes(const char *header, const void *data, size_t data_bytes, size_t *bytes);

/* A file put together tensor by tensor. */
typedef struct safetensors_writer {
  char *header;
  size_t header_length, header_room;
  uint8_t *data;
  size_t data_bytes, data_room;
} safetensors_writer;

/* `type` as the format has it, `bytes` of data. Names must not need escapes. */
void safetensors_add(safetensors_writer *writer, const char *name, const char *type, int rank, const int64_t *dim, const void *data,
                     size_t bytes);
/* Ends the file; free() the result. The writer may be used again. */
uint8_t *safetensors_end(safetensors_writer *writer, size_t *bytes);

/* The generated weights of a built-in network ("googlenet_bn:width=0.1"), as the file at `path`. False: it could not be written. */
bool safetensors_write_network(const char *spec, const char *path);

#endif
