"""The crops of a picture (lib/crops.h) against a few lines of NumPy and Pillow: every kind, every recipe, wide, upright and square pictures.

    python tests/net/crops.py libclinception.so [PICTURE ...]

Tensors must agree to float32's rounding: Pillow resizes to 8 bits as the library does. Ends with a line "crops: N passed, N failed".
"""
import ctypes, os, sys, tempfile
import numpy as np
from PIL import Image

KINDS = (1, 5, 10, 12, 144)


class Preprocess(ctypes.Structure):
    _fields_ = [("struct_bytes", ctypes.c_size_t), ("name", ctypes.c_char_p), ("resize", ctypes.c_int), ("resize_shorter", ctypes.c_int),
                ("bgr", ctypes.c_int), ("scale", ctypes.c_float), ("mean", ctypes.c_float * 3), ("std", ctypes.c_float * 3), ("central", ctypes.c_float)]


# ------------------------------------------------------------------------------------------------------------------ the reference

RECIPES = {  # filter, what the picture becomes for a side of S, blue first, value of a pixel
    "unit": (Image.BICUBIC, None, False, lambda p: p / 255),
    "torchvision": (Image.BILINEAR, "shorter", False, lambda p: (p / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
    "tf-slim": (Image.BILINEAR, 0.875, False, lambda p: (p - 127.5) / 127.5),
    "keras": (Image.BILINEAR, None, False, lambda p: (p - 127.5) / 127.5),
    "caffe": (Image.BILINEAR, None, True, lambda p: p - [104, 117, 123]),
}


def resize(picture, w, h, method):
    """Along rows, then along columns: so Pillow did it always until it began (13.0 does) to take the other order for some shapes."""
    return picture.resize((w, picture.size[1]), method).resize((w, h), method)


def to_shorter(picture, shorter, method):
    w, h = picture.size
    return resize(picture, *((shorter, shorter * h // w) if w < h else (shorter * w // h, shorter)), method)


def corners_and_middle(picture, w, h):
    right, below = picture.size[0] - w, picture.size[1] - h
    for x, y in (0, 0), (right, 0), (0, below), (right, below), (round(right / 2), round(below / 2)):
        yield picture.crop((x, y, x + w, y + h))


def of_square(picture, method, scale, which, w, h):
    side = int(max(w, h) * scale / 224 + 0.5)
    picture = to_shorter(picture, side, method)
    x, y = [(0, round(room / 2), room)[which] for room in (picture.size[0] - side, picture.size[1] - side)]
    square = picture.crop((x, y, x + side, y + side))
    return list(corners_and_middle(square, w, h)) + [resize(square, w, h, method)]


def mirrored(crops):
    return [c for crop in crops for c in (crop, crop.transpose(Image.FLIP_LEFT_RIGHT))]


def reference(picture, kind, method, size, w, h):
    if kind == 12:
        return mirrored(of_square(picture, method, 256, 1, w, h))
    if kind == 144:
        return mirrored([c for scale in (256, 288, 320, 352) for which in range(3) for c in of_square(picture, method, scale, which, w, h)])
    if size == "shorter":
        resized = to_shorter(picture, int(max(w, h) * 256 / 224 + 0.5), method)
    elif kind > 1:
        part = size or 0.875
        resized = resize(picture, int(w / part + 0.5), int(h / part + 0.5), method)
    else:
        pw, ph = [int(side * (size or 1) + 0.5) for side in picture.size]
        x, y = (picture.size[0] - pw) // 2, (picture.size[1] - ph) // 2
        resized = resize(picture.crop((x, y, x + pw, y + ph)), w, h, method)
    five = list(corners_and_middle(resized, w, h))
    return five[4:] if kind == 1 else mirrored(five) if kind == 10 else five


def tensor(crops, bgr, value):
    pixels = np.stack([np.asarray(crop, np.float64) for crop in crops])
    return value(pixels[..., ::-1] if bgr else pixels).transpose(0, 3, 1, 2)


# -------------------------------------------------------------------------------------------------------------------- the library


def library_crops(library, context, path, recipe, kind, w, h):
    error, image, preprocess = ctypes.create_string_buffer(1024), ctypes.c_void_p(), Preprocess()
    got = np.full((kind, 3, h, w), np.nan, np.float32)
    half = kind // 2 if kind > 1 else 1  # in two calls, the second from the middle on
    assert library.icn_preprocess_init_sized(ctypes.byref(preprocess), ctypes.sizeof(preprocess), recipe.encode(), error) == 0, error.raw
    assert library.icn_image_load(context, path.encode(), ctypes.byref(image), error) == 0, error.raw
    for first, count in ((0, half), (half, kind - half)):
        place = got[first:].ctypes.data_as(ctypes.c_void_p)
        if count:
            assert library.icn_image_to_crops(image, ctypes.byref(preprocess), kind, first, count, w, h, place, error) == 0, error.raw
    library.icn_image_destroy(image)
    return got


def main():
    library, context = ctypes.CDLL(os.path.abspath(sys.argv[1])), ctypes.c_void_p()
    library.icn_image_destroy.argtypes = [ctypes.c_void_p]
    os.environ["CLINCEPTION_OPENCL_LIBRARY"] = "none"
    assert library.icn_context_create(None, ctypes.byref(context), None) == 0
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        pictures = list(sys.argv[2:])
        for w, h in (97, 64), (64, 97), (71, 71), (300, 40), (40, 301), (700, 533):
            x, y = np.meshgrid(np.linspace(0, 1, w), np.linspace(0, 1, h))
            noise = np.random.default_rng(w * h).uniform(-60, 60, (h, w, 3))
            wave = np.stack([np.sin(9 * x + 4 * y), np.cos(7 * x * y), x - y], -1) * 90 + 128
            pictures.append(os.path.join(folder, "%dx%d.png" % (w, h)))
            Image.fromarray(np.clip(wave + noise, 0, 255).astype(np.uint8)).save(pictures[-1])
        for path in pictures:
            picture = Image.open(path).convert("RGB")
            for recipe, (method, size, bgr, value) in RECIPES.items():
                for kind in KINDS:
                    for w, h in ((28, 28), (33, 33), (40, 24)):
                        want = tensor(reference(picture, kind, method, size, w, h), bgr, value)
                        got = library_crops(library, context, path, recipe, kind, w, h)
                        good = want.shape == got.shape and np.abs(got - want).max() <= 1e-5 * max(1, np.abs(want).max())
                        passed, failed = passed + good, failed + (not good)
                        if not good:
                            print("%s, %s, %d crops of %dx%d: differs" % (os.path.basename(path), recipe, kind, w, h),
                                  np.abs(got - want).reshape(kind, -1).max(1) if want.shape == got.shape else (want.shape, got.shape))
    print("crops: %d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


sys.exit(main())
