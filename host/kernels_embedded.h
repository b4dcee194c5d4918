/* The kernel sources inside the library (made at build time from kernels/). */
#ifndef ICN_HOST_KERNELS_EMBEDDED_H
#define ICN_HOST_KERNELS_EMBEDDED_H

#include <stddef.h>

typedef struct icn_kernel_source {
  const char *name; /* "conv_tile.cl" */
  const char *text; /* NUL-terminated */
  size_t bytes;     /* without the NUL */
} icn_kernel_source;

extern const icn_kernel_source icn_kernel_sources[];
extern const size_t icn_kernel_source_count;

#endif
