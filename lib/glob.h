/* Patterns over the names that drivers give: vendors, devices, driver versions. */
#ifndef ICN_LIB_GLOB_H
#define ICN_LIB_GLOB_H

#include <stdbool.h>

/* True when `pattern` covers the whole of `text`, without regard to the case of ASCII letters. In a pattern
 *   *       any text, also none          ?  any one character
 *   [a-c7]  one character of a set       |  separates alternatives
 *   !       as the first character: true where the rest does not match
 * All else stands for itself. NULL and "" match everything. */
bool icn_glob(const char *pattern, const char *text);

#endif
