/* clinception cache fill: what a model's next start finds ready. */
#ifndef ICN_TOOLS_CACHE_FILL_H
#define ICN_TOOLS_CACHE_FILL_H

#include "session.h"

/* Prepares each of models[count] on each device that the options name, and keeps all that the cache can hold, program binaries of
 * drivers that keep their own included. Prints what came of it. Returns the exit code. */
int cache_fill(const session_options *options, const char *const *models, size_t count, bool json);
/* The name of an option that belongs to fill alone and was given, NULL: none. */
const char *cache_fill_option(const session_options *options);

#endif
