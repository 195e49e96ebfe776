"""Pictures for the tests of the whole program: good ones, odd ones and broken ones."""

import io
import os
import pathlib
import struct

import numpy as np
from PIL import Image


def scene(width, height, seed=0):
    """A smooth colourful picture [height, width, 3] that compresses well and is nobody's."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.BICUBIC))


def save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def with_jpeg_size(jpeg, width, height):
    """The same bytes with another size in the frame header."""
    data = bytearray(jpeg)
    at = 2
    while data[at] == 0xFF and data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
    data[at + 5:at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def with_png_size(png, width, height):
    """The same PNG with another size in IHDR, its checksum repaired."""
    import zlib

    data = bytearray(png)
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def encoded(pixels, kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


class Pictures:
    """Makes pictures in one folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def good(self, name="good.jpg", width=320, height=240, seed=0):
        return self.write(name, encoded(scene(width, height, seed), "JPEG", quality=90))

    def blank(self, name="blank.png", width=320, height=240):
        return self.write(name, encoded(np.full((height, width, 3), 127, np.uint8), "PNG"))

    def empty(self, name="empty.jpg"):
        return self.write(name, b"")

    def text(self, name="text.jpg"):
        return self.write(name, b"this is not a picture\n" * 40)

    def headless(self, name="headless.jpg"):
        """A JPEG cut off within its headers: nothing can be decoded."""
        return self.write(name, encoded(scene(320, 240), "JPEG")[:100])

    def cut_png(self, name="cut.png"):
        data = encoded(scene(320, 240), "PNG")
        return self.write(name, data[:40])

    def bomb_jpeg(self, name="bomb.jpg"):
        return self.write(name, with_jpeg_size(encoded(scene(64, 64), "JPEG"), 20000, 20000))

    def bomb_png(self, name="bomb.png"):
        return self.write(name, with_png_size(encoded(scene(64, 64), "PNG"), 20000, 20000))

    def broken(self):
        """One of each, in a fixed order: all must be answered with an error."""
        return [self.empty(), self.text(), self.headless(), self.cut_png(), self.bomb_jpeg(),
                self.bomb_png()]


def link_copies(folder, sources, count):
    """`count` hard links in one folder, numbered so that their names sort in order."""
    folder.mkdir()
    copies = []
    for source in sources:
        copy = folder.parent / f"{folder.name}-{source.name}"
        copy.write_bytes(source.read_bytes())
        copies.append(copy)
    links = []
    for i in range(count):
        link = folder / f"{i:05d}{sources[i % len(sources)].suffix}"
        os.link(copies[i % len(copies)], link)
        links.append(link)
    return links
