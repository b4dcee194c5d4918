/* A program of somebody else: it sees only the installed header. Runs the built-in network's plan for a recorded device and lists devices.
 */
#include <clinception/clinception.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  icn_error error;
  icn_context *context = NULL;
  icn_model *model = NULL;
  if (strcmp(icn_version(), "0.1.0") != 0) return fprintf(stderr, "version %s\n", icn_version()), 1;
  if (icn_context_create(NULL, &context, &error) || icn_model_load(context, "builtin:inception_v3:classes=5", &model, &error)) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  printf("%zu OpenCL devices, model input %s\n", icn_context_device_count(context), icn_model_input(model, 0).name);
  icn_model_destroy(model);
  icn_context_destroy(context);
  return 0;
}
