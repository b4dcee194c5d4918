/* clinception convert: a built-in network, with weights of a file, as an ONNX file. */
#include <string.h>

#include "commands.h"

typedef struct convert {
  const char *weights, *out;
} convert;

static int write_model(const convert *c, const char *network) {
  icn_context_options options;
  icn_context *context = NULL;
  icn_model *model = NULL;
  icn_error error;
  int code = TOOL_OK;
  icn_context_options_init(&options);
  options.opencl_library = "none"; /* no device is asked */
  if (icn_context_create(&options, &context, &error) != ICN_OK ||
      icn_model_load_builtin(context, network, c->weights, &model, &error) != ICN_OK ||
      icn_model_save_onnx(model, c->out, &error) != ICN_OK)
    code = tool_error(&error);
  icn_model_destroy(model);
  icn_context_destroy(context);
  return code;
}

static int check_usage(const convert *c, const text_list *networks) {
  if (networks->count != 1)
    return tool_usage("convert: expected one built-in network such as builtin:inception_v3, got %zu", networks->count);
  if (strncmp(networks->items[0], "builtin:", strlen("builtin:")) != 0)
    return tool_usage("convert: expected a built-in network such as builtin:inception_v3, got '%s'", networks->items[0]);
  if (c->out == NULL) return tool_usage("convert: where to? expected -o M.onnx");
  return TOOL_OK;
}

static int run(int argc, char **argv) {
  convert c = {0};
  const option options[] = {
      {"o", "M.onnx", OPTION_TEXT, &c.out, 0, 0, "the file to write"},
      {"weights", "FILE", OPTION_TEXT, &c.weights, 0, 0,
       "a safetensors file with the network's weights, under PyTorch's names (torchvision, timm); default: synthetic ones"},
  };
  text_list networks = {0};
  int code = options_parse(&command_convert, options, sizeof options / sizeof options[0], argc, argv, &networks);
  if (code == TOOL_OK) code = check_usage(&c, &networks);
  if (code == TOOL_OK) code = write_model(&c, networks.items[0]);
  text_list_fini(&networks);
  return code == OPTIONS_HELP ? TOOL_OK : code;
}

const command command_convert = {"convert",
                                 "builtin:NAME [--weights FILE] -o M.onnx",
                                 "writes a built-in network as an ONNX file",
                                 "For other runtimes: opset 13, an open batch, weights as float32, a softmax at the end. No device is "
                                 "needed. The file is there whole or "
                                 "not at all.",
                                 "  clinception convert builtin:inception_v3 --weights tf_in1k.safetensors -o inception_v3.onnx\n"
                                 "  clinception convert builtin:googlenet:width=0.5,classes=10 -o small.onnx\n",
                                 run};
