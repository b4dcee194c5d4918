#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void json_real(cJSON *object, const char *name, double value) {
  char text[40];
  snprintf(text, sizeof text, "%.9g", value);
  cJSON_AddRawToObject(object, name, isfinite(value) ? text : "null");
}

void json_whole(cJSON *object, const char *name, uint64_t value) {
  char text[40];
  snprintf(text, sizeof text, "%" PRIu64, value);
  cJSON_AddRawToObject(object, name, text);
}

cJSON *json_object_in(cJSON *array) {
  cJSON *object = cJSON_CreateObject();
  cJSON_AddItemToArray(array, object);
  return object;
}

void json_device(cJSON *object, const char *name, const icn_device *device) {
  static const char *const kinds[] = {"", "cpu", "gpu", "other", "reference"};
  icn_device_info info = icn_device_get_info(device);
  cJSON *o = cJSON_AddObjectToObject(object, name);
  cJSON_AddNumberToObject(o, "index", info.index);
  cJSON_AddStringToObject(o, "kind", kinds[info.kind]);
  cJSON_AddStringToObject(o, "name", info.name);
  cJSON_AddStringToObject(o, "vendor", info.vendor);
  cJSON_AddStringToObject(o, "platform", info.platform);
  cJSON_AddStringToObject(o, "version", info.version);
  cJSON_AddStringToObject(o, "driver", info.driver);
}

int json_print(cJSON *object) {
  char *text = cJSON_Print(object);
  cJSON_Delete(object);
  if (text == NULL) return tool_fail("out of memory while the JSON text was made");
  puts(text);
  cJSON_free(text);
  return TOOL_OK;
}
