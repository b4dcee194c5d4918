/* The recorded devices of tests/data/devices. */
#ifndef ICN_TESTS_DEVICE_FILES_H
#define ICN_TESTS_DEVICE_FILES_H

#include "device_desc.h"

typedef struct device_file {
  char name[64];        /* without ".txt" */
  icn_device_desc desc; /* what the driver reported, with today's quirks applied */
  bool has_source;      /* a comment line "# source: ..." says where it comes from */
} device_file;

/* All of them, sorted by name; free() the result. What cannot be read ends the test. */
device_file *device_files_read(size_t *count);

#endif
