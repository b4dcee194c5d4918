"""Export networks as PyTorch and timm users do, and keep the graphs without their weights.

    pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31 onnx onnxscript==0.7.2
    python tools/dev/export_models.py tests/data/exported [NAME ...]

For each network and each exporter (TorchScript, dynamo) OUT/NAME.EXPORTER.onnx is written with the data of every float tensor of more than 16 elements
removed (shape and type stay); tests/net/exported.py fills them with seeded weights. Debug metadata is dropped.
"""
import os, sys, tempfile, warnings
import onnx
import torch

warnings.filterwarnings("ignore")


def networks():
    import timm, torchvision.models as tv
    keep = dict(weights=None, init_weights=False)
    return {
        "tv_inception_v3": (lambda: tv.inception_v3(transform_input=True, **keep), 299),
        "tv_googlenet": (lambda: tv.googlenet(transform_input=True, **keep), 224),
        "tv_mobilenet_v2": (lambda: tv.mobilenet_v2(weights=None), 96),
        "timm_inception_v3": (lambda: timm.create_model("inception_v3", pretrained=False), 299),
        "timm_efficientnet_b0": (lambda: timm.create_model("efficientnet_b0", pretrained=False), 96),
    }


def strip(model):
    for tensor in model.graph.initializer:
        elements = 1
        for d in tensor.dims:
            elements *= d
        if tensor.data_type == onnx.TensorProto.FLOAT and elements > 16:
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    for node in model.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    del model.graph.value_info[:]
    for item in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        item.ClearField("doc_string")
        del item.metadata_props[:]
    del model.metadata_props[:], model.graph.metadata_props[:], model.functions[:]
    return model


def export(make, size, dynamo):
    net = make().eval()
    image = torch.rand(1, 3, size, size)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.onnx")
        names = dict(input_names=["image"], output_names=["scores"])
        if dynamo:
            batch = torch.export.Dim("batch", min=1, max=64)
            torch.onnx.export(net, (image,), path, dynamo=True, external_data=False, dynamic_shapes=({0: batch},), **names)
        else:
            torch.onnx.export(net, image, path, dynamo=False, dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}}, **names)
        return onnx.load(path)


def main(out, wanted):
    os.makedirs(out, exist_ok=True)
    for name, (make, size) in networks().items():
        if wanted and name not in wanted:
            continue
        for kind in ("torchscript", "dynamo"):
            path = os.path.join(out, "%s.%s.onnx" % (name, kind))
            try:
                model = strip(export(make, size, kind == "dynamo"))
            except Exception as error:
                print("%s %s: cannot be exported: %s" % (name, kind, str(error)[:300]), flush=True)
                continue
            onnx.save(model, path)
            print("%s: %d nodes, opset %d, %d bytes" % (path, len(model.graph.node), model.opset_import[0].version, os.path.getsize(path)), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], set(sys.argv[2:]))
