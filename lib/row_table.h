/* The rows that selection chooses from. The library's own are icn_row_at(); a test may hand in its own. */
#ifndef ICN_LIB_ROW_TABLE_H
#define ICN_LIB_ROW_TABLE_H

#include "plan.h"

typedef struct icn_row_table {
  const icn_row *(*at)(size_t index);
  size_t count;
} icn_row_table;

/* icn_select and icn_plan_make with the rows given. */
icn_status icn_select_from(const icn_row_table *rows, const icn_problem *problem, const icn_device_desc *device, const char *forced_rows,
                           const char *name, icn_choice *choice, icn_text *why, icn_error *error);
/* The same with what was measured before; tuning may be NULL. */
icn_status icn_select_tuned(const icn_row_table *rows, const icn_problem *problem, const icn_device_desc *device, const char *forced_rows,
                            const icn_tunedb *tuning, const char *name, icn_choice *choice, icn_text *why, icn_error *error);
/* Every item of a list of rows (select.h) fits a row. Fails: ICN_ARGUMENT. */
icn_status icn_check_rows(const icn_row_table *rows, const char *list, icn_error *error);
icn_status icn_plan_make_from(const icn_row_table *rows, const icn_graph *graph, const icn_device_desc *device,
                              const icn_plan_request *request, icn_plan *plan, icn_error *error);

#endif
