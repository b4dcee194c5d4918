/* Kernel rows for tests of planning: one for each operation, takes everything (or only what it says), launches nothing real. */
#ifndef ICN_TEST_FAKE_ROWS_H
#define ICN_TEST_FAKE_ROWS_H

#include "row_table.h"

/* One launch; reads its operands where they lie. */
extern const icn_row_table icn_fake_plain;
/* Two launches that share scratch; weights packed. */
extern const icn_row_table icn_fake_two_launches;
/* Rank-4 operands must be NHWC without gaps, COPY takes all. */
extern const icn_row_table icn_fake_compact;
/* Rank-4 operands must be in the model's order, COPY takes all. */
extern const icn_row_table icn_fake_model_order;

#endif
