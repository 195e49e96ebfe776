"""Letterboxes the pictures of a case file with OpenCV: the reference of letterbox_opencv_test.cpp.

A case: int32 picture width, height, network width, height, placement; then the pixels. A result:
the network's pixels. Geometry by the rules of Ultralytics (centred) and YOLOX (top left), or
stretched.
"""
import sys

import cv2
import numpy as np


CENTRED, TOP_LEFT, STRETCHED = range(3)


def letterbox(picture, network_width, network_height, placement):
    height, width = picture.shape[:2]
    ratio = min(network_width / width, network_height / height)
    content_width = max(1, round(width * ratio))
    content_height = max(1, round(height * ratio))
    if placement == STRETCHED:
        content_width, content_height = network_width, network_height
    if (content_width, content_height) != (width, height):
        picture = cv2.resize(picture, (content_width, content_height),
                             interpolation=cv2.INTER_LINEAR)
    pad_x = network_width - content_width
    pad_y = network_height - content_height
    left = round(pad_x / 2 - 0.1) if placement == CENTRED else 0
    top = round(pad_y / 2 - 0.1) if placement == CENTRED else 0
    return cv2.copyMakeBorder(picture, top, pad_y - top, left, pad_x - left, cv2.BORDER_CONSTANT,
                              value=(114, 114, 114))


def main():
    data = np.fromfile(sys.argv[1], np.uint8)
    offset = 0
    with open(sys.argv[2], "wb") as out:
        while offset < len(data):
            width, height, network_width, network_height, placement = (
                int(v) for v in data[offset:offset + 20].view(np.int32))
            offset += 20
            picture = data[offset:offset + width * height * 3].reshape(height, width, 3)
            offset += width * height * 3
            out.write(letterbox(picture, network_width, network_height, placement).tobytes())


if __name__ == "__main__":
    main()
