/* cl_khr_command_buffer: a run's launches recorded once and replayed as one command. */
#ifndef ICN_HOST_COMMAND_BUFFER_H
#define ICN_HOST_COMMAND_BUFFER_H

#include "runtime_cl.h"

typedef struct icn_command_buffer icn_command_buffer;

/* Begins to record for the runtime's own queue, which keeps the order of what is recorded. Fails: ICN_UNSUPPORTED (the device has no
 * cl_khr_command_buffer, or none that takes our queue), ICN_DEVICE, ICN_NO_MEMORY. */
icn_status icn_command_buffer_begin(icn_runtime *runtime, icn_command_buffer **result, icn_error *error);
/* The launch as its arguments are now; `bound` must live as long as the command buffer. */
icn_status icn_command_buffer_add(icn_command_buffer *commands, const icn_bound *bound, icn_error *error);
icn_status icn_command_buffer_end(icn_command_buffer *commands, icn_error *error);
/* The last replay must have ended. */
icn_status icn_command_buffer_replay(icn_command_buffer *commands, icn_error *error);
void icn_command_buffer_destroy(icn_command_buffer *commands);

#endif
