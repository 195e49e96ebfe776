"""Packs DeepPCB's training split (black and white, one bit a pixel) into one small file.

    python pack_deeppcb.py DEEPPCB_FOLDER OUTPUT.npz

The test split is deliberately not read: nothing that trains or selects may see it.
"""

import glob
import os
import sys

import cv2
import numpy as np


def main(folder, output):
    files = sorted(glob.glob(f"{folder}/images/train/*.jpg"))
    pictures = np.zeros((len(files), 640, 640), bool)
    labels = []
    for i, path in enumerate(files):
        pictures[i] = cv2.imread(path, cv2.IMREAD_GRAYSCALE) > 127
        text = open(path.replace("images", "labels").replace(".jpg", ".txt")).read()
        for line in text.splitlines():
            kind, x, y, w, h = map(float, line.split())
            labels.append(
                [
                    i,
                    kind,
                    (x - w / 2) * 640,
                    (y - h / 2) * 640,
                    (x + w / 2) * 640,
                    (y + h / 2) * 640,
                ]
            )
    names = np.array([os.path.basename(f) for f in files])
    np.savez_compressed(
        output,
        pictures=np.packbits(pictures, axis=-1),
        labels=np.array(labels, np.float32),
        names=names,
    )
    print(f"{output}: {len(files)} pictures, {len(labels)} defects")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
