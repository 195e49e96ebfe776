"""Writes a video's first frames as OpenCV decodes them.

usage: video_reference.py VIDEO COUNT OUT       RGB, packed, one frame after the other
"""
import sys

import cv2

video = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)
with open(sys.argv[3], "wb") as out:
    for _ in range(int(sys.argv[2])):
        ok, frame = video.read()
        if not ok:
            break
        out.write(frame[:, :, ::-1].tobytes())
