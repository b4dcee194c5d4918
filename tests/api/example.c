#include <clinception/clinception.h>
#include <stdio.h>
int main(int argc, char **argv) {
  icn_error error;
  icn_context *context = NULL;
  icn_model *model = NULL;
  icn_executor *executor = NULL;
  icn_image *image = NULL;
  icn_class top[5];
  size_t count = 5;
  int failed =
      argc != 3 ||
      icn_context_create(NULL, &context, &error) ||
      icn_model_load(context, argv[1], &model, &error) ||
      icn_executor_create(model, NULL, &executor, &error) ||
      icn_image_load(context, argv[2], &image, &error) ||
      icn_classify(executor, image, NULL, top, &count, &error);
  for (size_t i = 0; !failed && i < count; i++) printf("%.4f  class %d\n", top[i].score, top[i].index);
  if (failed) fprintf(stderr, "%s\n", argc != 3 ? "usage: example MODEL.onnx PHOTO" : error.message);
  icn_image_destroy(image);
  icn_executor_destroy(executor);
  icn_model_destroy(model);
  icn_context_destroy(context);
  return failed ? 1 : 0;
}
