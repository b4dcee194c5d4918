/* Small helpers over cJSON. */
#ifndef ICN_TOOLS_JSON_H
#define ICN_TOOLS_JSON_H

#include <cjson/cJSON.h>

#include "tool.h"

/* A number with as many digits as a float32 has; null when it is not finite. */
void json_real(cJSON *object, const char *name, double value);
/* A whole number to its last digit. */
void json_whole(cJSON *object, const char *name, uint64_t value);
cJSON *json_object_in(cJSON *array);
/* {"index": ..., "name": ..., ...} */
void json_device(cJSON *object, const char *name, const icn_device *device);
/* Prints the text with a line end, frees the object. TOOL_OK or TOOL_FAILED. */
int json_print(cJSON *object);

#endif
