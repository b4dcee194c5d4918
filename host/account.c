/* The account of device memory (icn_memory_account): of an executor, and of a plan before anything is allocated. */

#include "account.h"

#include <string.h>

#include "executor.h"

void icn_memory_account_init_sized(icn_memory_account *account, size_t struct_bytes) { icn_struct_init(account, struct_bytes); }

icn_status icn_account_write(const icn_plan_memory *memory, icn_memory_account *account, icn_error *error) {
  icn_memory_account ours;
  icn_memory_account_init(&ours);
  if (!icn_struct_read(&ours, sizeof ours, account)) {
    return icn_error_set(error, ICN_ARGUMENT, "the memory account was not initialised (icn_memory_account_init)");
  }
  ours.struct_bytes = account->struct_bytes;
  ours.peak_bytes = memory->peak_bytes;
  ours.arena_bytes = memory->arena_bytes;
  ours.arena_bound_bytes = memory->arena_bound_bytes;
  ours.scratch_bytes = memory->scratch_bytes;
  ours.weight_bytes = memory->weight_bytes;
  ours.padding_bytes = memory->padding_bytes;
  ours.input_bytes = memory->input_bytes;
  ours.output_bytes = memory->output_bytes;
  ours.library_bytes = memory->library_bytes;
  memcpy(account, &ours, account->struct_bytes < sizeof ours ? account->struct_bytes : sizeof ours);
  return ICN_OK;
}

icn_status icn_executor_account(const icn_executor *executor, icn_memory_account *account, icn_error *error) {
  icn_plan_memory memory = {0};
  icn_error_clear(error);
  if (executor == NULL || account == NULL)
    return icn_error_set(error, ICN_ARGUMENT, "icn_executor_account: %s is NULL", executor == NULL ? "executor" : "account");
  if (executor->runtime != NULL) memory = icn_plan_memory_of(&executor->plan, icn_runtime_desc(executor->runtime));
  return icn_account_write(&memory, account, error);
}
