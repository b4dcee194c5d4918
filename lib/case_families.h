/* The families of kernel cases, a file each; called by cases.c only. */
#ifndef ICN_LIB_CASE_FAMILIES_H
#define ICN_LIB_CASE_FAMILIES_H

#include "cases.h"

void icn_cases_conv(icn_case_list *list);        /* CONV and CONV_TRANSPOSE */
void icn_cases_matmul(icn_case_list *list);      /* MATMUL */
void icn_cases_pool(icn_case_list *list);        /* POOL */
void icn_cases_elementwise(icn_case_list *list); /* UNARY, BINARY and AFFINE */
void icn_cases_reduce(icn_case_list *list);      /* REDUCE, SOFTMAX and LRN */
void icn_cases_move(icn_case_list *list);        /* COPY, PAD and RESAMPLE */

#endif
