/* Programs: built once for each (file, options) of a share, from the disk cache where it has the binary. */
#ifndef ICN_HOST_PROGRAM_H
#define ICN_HOST_PROGRAM_H

#include "cache.h"
#include "kernel.h"
#include "share.h"

/* A NEW kernel object of `kernel` in `file` built with `options`. `subject` names the layer in messages.
 * Fails: ICN_BUILD (file, options, the log's first error line; the whole log goes to the logger), ICN_DEVICE, ICN_NO_MEMORY. */
icn_status icn_program_kernel(icn_share *share, const char *file, const char *options, const char *kernel, const char *subject,
                              cl_kernel *result, icn_error *error);
void icn_programs_destroy(icn_share *share);
/* What makes a program what it is, without building it. Fails: ICN_IO (a kernel folder of the user's own), ICN_NO_MEMORY. */
icn_status icn_program_key(icn_share *share, const char *file, const char *options, const char *kernel, icn_cache_key *key,
                           icn_error *error);

/* The complete build options: OpenCL C 1.2, then the row's own, then what the device's quirks ask for. */
enum { ICN_PROGRAM_OPTIONS_BYTES = ICN_OPTIONS_BYTES + 128 };
void icn_program_options(const icn_device_desc *desc, const char *row_options, char options[ICN_PROGRAM_OPTIONS_BYTES]);

#endif
