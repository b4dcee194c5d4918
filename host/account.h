/* From a plan's memory to the public account. */
#ifndef ICN_HOST_ACCOUNT_H
#define ICN_HOST_ACCOUNT_H

#include "plan_memory.h"

/* Fails: ICN_ARGUMENT (not initialised). */
icn_status icn_account_write(const icn_plan_memory *memory, icn_memory_account *account, icn_error *error);

#endif
