#!/usr/bin/env python3
"""Makes tests/data/images: small synthetic pictures in every format that the library reads, and what Pillow makes of them.

NAME.EXT has NAME.expected.png beside it (decoded, upright, RGB); resized_METHOD_WxH.png is `picture.png` resized by Pillow.
Needs Pillow and numpy; run from the top of the repository. The files are committed: only run this to change them.
"""
import io
import os
import struct
import sys
import zlib

import numpy
from PIL import Image, ImageOps

FOLDER = sys.argv[1] if len(sys.argv) > 1 else "tests/data/images"


def picture(width, height, seed=1):
    """Smooth colours, a hard edge and some noise."""
    y, x = numpy.mgrid[0:height, 0:width].astype(float)
    noise = numpy.random.default_rng(seed).integers(0, 40, (height, width, 3))
    red = 120 + 110 * numpy.sin(x / 7.0 + y / 11.0)
    green = 255 * x / max(width - 1, 1)
    blue = 255 * (((x // 9) + (y // 6)) % 2)
    return numpy.clip(numpy.stack([red, green, blue], 2) * 0.85 + noise, 0, 255).astype(numpy.uint8)


def path(name):
    return os.path.join(FOLDER, name)


def write(name, data):
    with open(path(name), "wb") as file:
        file.write(data)


def expect(name, rgb):
    Image.fromarray(numpy.ascontiguousarray(rgb)).save(path(name + ".expected.png"), optimize=True)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, interlace=0, extra=b""):
    """A PNG from unfiltered rows, for the kinds that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(rows, 9)) + png_chunk(b"IEND", b""))


def interlaced(rgb):
    rows = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        part = rgb[y0::dy, x0::dx]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    return png(rgb.shape[1], rgb.shape[0], 8, 2, rows, interlace=1)


def exif_block(orientation, order):
    pack = (">" if order == b"MM" else "<")
    mark = order + struct.pack(pack + "HI", 42, 8)
    entries = struct.pack(pack + "HHIHH", 0x0100, 3, 1, 7, 0) + struct.pack(pack + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(pack + "H", 2) + entries + struct.pack(pack + "I", 0)


def decoded(data):
    return numpy.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def lossless(rgb):
    height, width, _ = rgb.shape
    image = Image.fromarray(rgb)
    grey = numpy.asarray(image.convert("L"))
    grey_rgb = numpy.repeat(grey[:, :, None], 3, 2)
    alpha = (numpy.arange(height * width).reshape(height, width) * 3 % 256).astype(numpy.uint8)
    for name in ("rgb.png", "rgb.bmp", "rgb.tga", "rgb.ppm"):
        image.save(path(name))
        expect(name, rgb)
    image.save(path("rle.tga"), compression="tga_rle")
    expect("rle.tga", rgb)
    for name in ("grey.png", "grey.pgm", "grey.bmp"):
        Image.fromarray(grey).save(path(name))
        expect(name, grey_rgb)
    Image.fromarray(numpy.dstack([rgb, alpha])).save(path("alpha.png"))
    expect("alpha.png", rgb)
    write("grey_alpha.png", png(width, height, 8, 4, b"".join(b"\0" + numpy.dstack([g, a]).tobytes() for g, a in zip(grey, alpha))))
    expect("grey_alpha.png", grey_rgb)
    deep = rgb.astype(">u2") * 256 + 77
    write("rgb16.png", png(width, height, 16, 2, b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)))
    expect("rgb16.png", rgb)
    deep = grey.astype(">u2") * 256 + 200
    write("grey16.png", png(width, height, 16, 0, b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)))
    expect("grey16.png", grey_rgb)
    write("interlaced.png", interlaced(rgb))
    expect("interlaced.png", rgb)
    few = image.quantize(13)
    for name in ("palette.png", "palette.bmp", "palette.gif"):
        few.save(path(name))
        expect(name, numpy.asarray(few.convert("RGB")))
    few.save(path("transparent.gif"), transparency=3)
    expect("transparent.gif", numpy.asarray(few.convert("RGB")))
    bits = image.convert("1")
    bits.save(path("bits.png"))
    expect("bits.png", numpy.asarray(bits.convert("RGB")))
    rows = " ".join(str(v) for v in rgb.reshape(-1))
    write("text.ppm", ("P3\n# synthetic\n%d %d\n255\n%s\n" % (width, height, rows)).encode())
    expect("text.ppm", rgb)
    write("grey16.pgm", b"P5 %d %d 65535\n" % (width, height) + (grey.astype(">u2") * 257).astype(">u2").tobytes())
    expect("grey16.pgm", grey_rgb)
    first, second = few, Image.fromarray(255 - rgb).quantize(13)
    first.save(path("animated.gif"), save_all=True, append_images=[second])
    expect("animated.gif", numpy.asarray(first.convert("RGB")))
    image.save(path("orientation6.png"), exif=exif_block(6, b"MM"))
    expect("orientation6.png", decoded(open(path("orientation6.png"), "rb").read()))


def jpegs(rgb):
    image = Image.fromarray(rgb)
    kinds = {"rgb.jpg": image, "grey.jpg": image.convert("L"), "cmyk.jpg": image.convert("CMYK")}
    for name, kind in kinds.items():
        kind.save(path(name), quality=92, subsampling=0)
    image.save(path("subsampled.jpg"), quality=92, subsampling=2)
    image.save(path("progressive.jpg"), quality=92, subsampling=0, progressive=True)
    image.save(path("restarts.jpg"), quality=92, subsampling=0, restart_marker_blocks=3)
    for name in list(kinds) + ["subsampled.jpg", "progressive.jpg", "restarts.jpg"]:
        expect(name, decoded(open(path(name), "rb").read()))
    for orientation in range(1, 9):
        name = "orientation%d.jpg" % orientation
        image.save(path(name), quality=92, subsampling=0, exif=b"Exif\0\0" + exif_block(orientation, b"II" if orientation % 2 else b"MM"))
        expect(name, decoded(open(path(name), "rb").read()))


METHODS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR, "nearest": Image.NEAREST}


def resizes():
    source = Image.fromarray(picture(61, 47, 2))
    source.save(path("picture.png"), optimize=True)
    for method, number in METHODS.items():
        for width, height in ((23, 19), (90, 71), (61, 20), (20, 47), (7, 100), (1, 1)):
            source.resize((width, height), number).save(path("resized_%s_%dx%d.png" % (method, width, height)), optimize=True)
    # torchvision's Resize(32) and CenterCrop(28); a central crop of 87.5 %, then 28x28
    wide = source.resize((32 * 61 // 47, 32), Image.BILINEAR)
    left, top = round((wide.width - 28) / 2.0), round((wide.height - 28) / 2.0)
    wide.crop((left, top, left + 28, top + 28)).save(path("torchvision_28.png"), optimize=True)
    width, height = int(61 * 0.875 + 0.5), int(47 * 0.875 + 0.5)
    left, top = (61 - width) // 2, (47 - height) // 2
    source.crop((left, top, left + width, top + height)).resize((28, 28), Image.BILINEAR).save(path("tf-slim_28.png"), optimize=True)


def extremes():
    Image.fromarray(picture(1, 1, 3)).save(path("1x1.png"))
    long = Image.fromarray(picture(20000, 1, 4) // 32 * 32)
    long.save(path("20000x1.png"), optimize=True)
    long.resize((64, 64), Image.BICUBIC).save(path("20000x1_64.png"), optimize=True)


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    lossless(picture(21, 13))
    jpegs(picture(21, 13))
    resizes()
    extremes()
