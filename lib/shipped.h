/* The tuning lines inside the library: lib/tuning/shipped.txt, embedded at build time. */
#ifndef ICN_LIB_SHIPPED_H
#define ICN_LIB_SHIPPED_H

#include <stddef.h>

extern const char *const icn_shipped_tuning; /* NUL-terminated */
extern const size_t icn_shipped_tuning_bytes;

#endif
