"""Writes small videos for the tests of sources. usage: video_files.py FOLDER

50 frames of 160x120 at 25 frames a second in whole.{mp4,avi,mkv,ts,mpg}; faststart.mp4 with its
index in front; cut_*: their first 60 %; turned.mp4, whose display matrix turns it by 90 degrees;
no_frames.{avi,mp4}: containers without a frame; sound.wav: a container without a picture.
"""
import pathlib
import struct
import sys
import wave

import cv2
import numpy as np

folder = pathlib.Path(sys.argv[1])
texture = cv2.GaussianBlur(
    np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8), (5, 5), 0)


def write(name, codec, frames):
    writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter_fourcc(*codec), 25, (160, 120))
    assert writer.isOpened(), name
    for i in range(frames):
        writer.write(np.roll(texture, 3 * i, axis=1))
    writer.release()


def atoms(data, start, end):
    while start < end:
        size, kind = struct.unpack(">I4s", data[start:start + 8])
        yield kind, start, start + size
        start += size


def find(data, path, start, end):
    for kind, first, last in atoms(data, start, end):
        if kind == path[0]:
            return (first, last) if len(path) == 1 else find(data, path[1:], first + 8, last)
    raise KeyError(path)


for name, codec in {"whole.mp4": "mp4v", "whole.avi": "MJPG", "whole.mkv": "mp4v",
                    "whole.ts": "mp4v", "whole.mpg": "MPG1"}.items():
    write(name, codec, 50)
whole = (folder / "whole.mp4").read_bytes()

first, last = find(whole, [b"moov"], 0, len(whole))
moov = bytearray(whole[first:last])
tables = find(moov, [b"trak", b"mdia", b"minf", b"stbl", b"stco"], 8, len(moov))
count = struct.unpack(">I", moov[tables[0] + 12:tables[0] + 16])[0]
data_at = find(whole, [b"mdat"], 0, len(whole))[0]
for i in range(count):  # the chunks move back by the index that now stands before them
    at = tables[0] + 16 + 4 * i
    moov[at:at + 4] = struct.pack(">I", struct.unpack(">I", moov[at:at + 4])[0] + len(moov))
(folder / "faststart.mp4").write_bytes(whole[:data_at] + moov + whole[data_at:first])

turned = bytearray(whole)
header = first + find(moov, [b"trak", b"tkhd"], 8, len(moov))[0]
turned[header + 48:header + 84] = struct.pack(
    ">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 120 << 16, 0, 1 << 30)
(folder / "turned.mp4").write_bytes(turned)

for name in ("whole.mp4", "whole.avi", "whole.mkv", "whole.ts", "whole.mpg", "faststart.mp4"):
    data = (folder / name).read_bytes()
    (folder / f"cut_{name}").write_bytes(data[:len(data) * 6 // 10 + 37])

write("no_frames.avi", "MJPG", 0)
write("no_frames.mp4", "mp4v", 0)
with wave.open(str(folder / "sound.wav"), "wb") as sound:
    sound.setparams((1, 2, 8000, 8000, "NONE", "not compressed"))
    sound.writeframes(bytes(16000))
