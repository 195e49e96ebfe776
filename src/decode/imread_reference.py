"""Writes a picture's pixels as OpenCV reads them: RGB, packed. usage: imread_reference.py IN OUT"""
import sys

import cv2

with open(sys.argv[2], "wb") as out:
    out.write(cv2.imread(sys.argv[1], cv2.IMREAD_COLOR)[:, :, ::-1].tobytes())
