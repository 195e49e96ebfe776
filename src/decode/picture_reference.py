"""Writes pictures of every supported kind and, beside each, the pixels that OpenCV or Pillow see.

usage: picture_reference.py FOLDER

FOLDER/manifest.txt has a line for each: file, width, height, largest allowed difference. The
reference is FILE.rgb: width * height * 3 bytes. OpenCV's imread is the reference wherever it can
read the file as it is meant; Pillow where it cannot (the reason stands at the call).
"""
import pathlib
import struct
import sys

import cv2
import numpy as np
from PIL import Image, ImageOps

folder = pathlib.Path(sys.argv[1])
manifest = []
WIDTH, HEIGHT = 161, 120  # odd, so that the last chroma column is half a sample
rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
rgb = np.stack([columns * 255 // 160, rows * 255 // 119, (columns + rows) * 2 % 256], -1)
rgb = cv2.GaussianBlur(rgb.astype(np.uint8), (5, 5), 0)
alpha = np.dstack([rgb, (columns * 255 // 160).astype(np.uint8)])
deep_grey = (columns * 65535 // 160).astype(np.uint16)
picture = Image.fromarray(rgb)
translucent = Image.fromarray(alpha)


def note(name, pixels, tolerance):
    pixels = np.ascontiguousarray(pixels, dtype=np.uint8)
    (folder / f"{name}.rgb").write_bytes(pixels.tobytes())
    manifest.append(f"{name} {pixels.shape[1]} {pixels.shape[0]} {tolerance}")


def by_opencv(name, tolerance=0):
    pixels = cv2.imread(str(folder / name), cv2.IMREAD_COLOR)
    assert pixels is not None, name
    note(name, pixels[:, :, ::-1], tolerance)


def by_pillow(name, tolerance=0):
    with Image.open(folder / name) as opened:
        note(name, np.asarray(ImageOps.exif_transpose(opened).convert("RGB")), tolerance)


def save(image, name, **options):
    image.save(folder / name, **options)
    return name


def oriented(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def write_tiff(name, chunks, more_tags, bits, samples, photometric, planar=1):
    """A little-endian TIFF of strips or tiles, for variants that Pillow does not write."""
    body = b"".join(chunks)
    places = [8 + sum(map(len, chunks[:i])) for i in range(len(chunks))]
    tags = {256: [WIDTH], 257: [HEIGHT], 258: [bits] * samples, 259: [1], 262: [photometric],
            277: [samples], 284: [planar]}
    tags |= more_tags(places, [len(chunk) for chunk in chunks])
    start = 8 + len(body) + (len(body) & 1)
    overflow_at = start + 2 + 12 * len(tags) + 4
    entries, overflow = struct.pack("<H", len(tags)), b""
    for tag in sorted(tags):
        wide = tag in (256, 257, 273, 279, 324, 325)
        values = struct.pack(f"<{len(tags[tag])}{'I' if wide else 'H'}", *tags[tag])
        head = struct.pack("<HHI", tag, 4 if wide else 3, len(tags[tag]))
        if len(values) <= 4:
            entries += head + values.ljust(4, b"\0")
        else:
            entries += head + struct.pack("<I", overflow_at + len(overflow))
            overflow += values + b"\0" * (len(values) & 1)
    data = (struct.pack("<2sHI", b"II", 42, start) + body).ljust(start, b"\0")
    (folder / name).write_bytes(data + entries + b"\0" * 4 + overflow)
    return name


def in_strips(places, lengths):
    return {273: places, 279: lengths, 278: [HEIGHT]}


def in_tiles(places, lengths):
    return {324: places, 325: lengths, 322: [16], 323: [16]}


def write_jpegs():
    for name, options in {
        "420.jpg": {}, "444.jpg": {"subsampling": 0}, "422.jpg": {"subsampling": 1},
        "progressive.jpg": {"progressive": True}, "restart.jpg": {"restart_marker_blocks": 3},
    }.items():
        by_opencv(save(picture, name, quality=92, **options), 1)
    by_opencv(save(picture.convert("L"), "grey.jpg", quality=92), 1)
    by_opencv(save(picture.convert("CMYK"), "cmyk.jpg", quality=92), 1)
    for orientation in range(1, 9):
        name = save(picture, f"exif{orientation}.jpg", quality=92, exif=oriented(orientation))
        by_opencv(name, 1)
    by_opencv(save(Image.new("RGB", (1, 1), (10, 200, 30)), "one.jpg"), 1)
    large = cv2.resize(rgb, (3301, 3001), interpolation=cv2.INTER_LINEAR)
    by_opencv(save(Image.fromarray(large), "large.jpg", quality=80), 1)


def write_pngs():
    by_opencv(save(picture, "rgb.png"))
    by_opencv(save(translucent, "rgba.png"))
    by_opencv(save(picture.convert("L"), "grey.png"))
    by_opencv(save(picture.convert("LA"), "grey_alpha.png"))
    by_opencv(save(picture.convert("P"), "palette.png"))
    by_opencv(save(picture.convert("L").quantize(16), "palette4.png", bits=4))
    by_opencv(save(picture.convert("1"), "bits.png"))
    by_opencv(save(picture, "exif6.png", exif=oriented(6)))
    by_opencv(save(Image.new("RGB", (1, 1), (10, 200, 30)), "one.png"))
    cv2.imwrite(str(folder / "rgb16.png"), rgb.astype(np.uint16) * 257)
    by_opencv("rgb16.png")
    cv2.imwrite(str(folder / "grey16.png"), deep_grey)
    by_opencv("grey16.png")


def write_webps():
    by_opencv(save(picture, "lossy.webp", quality=90), 2)
    by_opencv(save(picture, "lossless.webp", lossless=True))
    by_opencv(save(translucent, "alpha.webp", quality=90), 2)
    by_opencv(save(translucent, "alpha_lossless.webp", lossless=True, exact=True))
    by_opencv(save(picture, "exif6.webp", lossless=True, exif=oriented(6)))
    picture.save(folder / "animated.webp", save_all=True, append_images=[picture.rotate(180)])


def write_bmps_and_gifs():
    by_opencv(save(picture, "rgb.bmp"))
    by_opencv(save(translucent, "rgba.bmp"))
    by_opencv(save(picture.convert("L"), "grey.bmp"))
    by_opencv(save(picture.convert("P"), "palette.bmp"))
    by_opencv(save(picture.convert("1"), "bits.bmp"))
    by_opencv(save(picture, "rgb.gif"))
    by_opencv(save(picture.convert("L"), "grey.gif"))
    by_opencv(save(picture, "animated.gif", save_all=True, append_images=[picture.rotate(180)]))


def write_tiffs():
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits"):
        by_opencv(save(picture, f"{compression}.tif", compression=compression))
    by_opencv(save(picture.convert("L"), "grey.tif"))
    by_opencv(save(picture.convert("P"), "palette.tif"))
    by_opencv(save(picture.convert("1"), "bits.tif"))
    by_opencv(save(picture.convert("CMYK"), "cmyk.tif"), 1)
    by_opencv(save(picture.convert("YCbCr"), "ycbcr.tif"), 1)
    by_opencv(save(Image.fromarray(deep_grey), "grey16.tif"))
    cv2.imwrite(str(folder / "rgb16.tif"), rgb.astype(np.uint16) * 257)
    by_opencv("rgb16.tif")
    by_pillow(save(translucent, "rgba.tif"))  # OpenCV multiplies TIFF's alpha in
    by_pillow(save(picture, "exif6.tif", exif=oriented(6)))  # OpenCV refuses a turned TIFF
    planes = [rgb[:, :, channel].tobytes() for channel in range(3)]
    by_opencv(write_tiff("planar.tif", planes, in_strips, 8, 3, 2, planar=2))
    by_opencv(write_tiff("white_is_zero.tif", [(255 - rgb[:, :, 0]).tobytes()], in_strips, 8, 1, 0))
    padded = np.pad(rgb, ((0, 8), (0, 15), (0, 0)))
    tiles = [padded[y:y + 16, x:x + 16].tobytes()
             for y in range(0, HEIGHT, 16) for x in range(0, WIDTH, 16)]
    write_tiff("tiles.tif", tiles, in_tiles, 8, 3, 2)
    save(picture, "jpeg_inside.tif", compression="jpeg")
    save(picture.convert("LAB"), "lab.tif")
    floats = (rgb[:, :, 0] / 255).astype("<f4").tobytes()
    write_tiff("float.tif", [floats], lambda p, n: in_strips(p, n) | {339: [3]}, 32, 1, 1)


write_jpegs()
write_pngs()
write_webps()
write_bmps_and_gifs()
write_tiffs()
(folder / "manifest.txt").write_text("\n".join(manifest) + "\n")
