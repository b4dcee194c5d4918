/* The kernel sources: inside the library, or in a folder while developing. */
#ifndef ICN_HOST_SOURCE_TEXT_H
#define ICN_HOST_SOURCE_TEXT_H

#include "base.h"

/* Appends the source of `file` to `text` (initialised by the caller) with every `#include "NAME"` replaced by that file, each file once.
 * `kernel_dir` NULL: the sources inside the library. Fails: ICN_BUILD (no such file, includes too deep), ICN_IO, ICN_NO_MEMORY. */
icn_status icn_source_text(const char *kernel_dir, const char *file, icn_text *text, icn_error *error);

/* Blanks every kernel of an expanded source but `kernel`; lines keep their numbers. A kernel is what stands between a line that begins with
 * "__kernel" and the next line that is "}". */
void icn_source_keep_kernel(char *source, const char *kernel);

#endif
