"""Images a second of Ultralytics' predict over a list of picture files. Runs in its own Python.

  ultralytics_rate.py MODEL.onnx --list pictures.txt --form onnx|openvino --folder TEMP --seconds 8
"""

import argparse
import os
import pathlib
import time

# It would otherwise look for updates and install packages.
os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")


def exported(model, form, folder):
    """The model as Ultralytics loads it: the ONNX file, or a folder with OpenVINO IR beside it."""
    model = pathlib.Path(model)
    if form == "onnx":
        return model
    import ast

    import onnx
    import openvino
    import yaml

    target = pathlib.Path(folder) / f"{model.stem}_openvino_model"
    if not target.exists():
        target.mkdir()
        openvino.save_model(openvino.Core().read_model(model), target / f"{model.stem}.xml",
                            compress_to_fp16=False)
        meta = {p.key: p.value for p in onnx.load(model, load_external_data=False).metadata_props}
        (target / "metadata.yaml").write_text(yaml.safe_dump({
            "task": "detect", "stride": 32, "batch": 1, "imgsz": [640, 640], "dynamic": True,
            "names": ast.literal_eval(meta["names"]), "end2end": meta.get("end2end") == "True"}))
    return target


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--list", required=True)
    parser.add_argument("--form", choices=["onnx", "openvino"], default="onnx")
    parser.add_argument("--folder", default=".")
    parser.add_argument("--seconds", type=float, default=8)
    arguments = parser.parse_args()
    os.environ.setdefault("YOLO_CONFIG_DIR", arguments.folder)
    from ultralytics import YOLO

    detector = YOLO(exported(arguments.model, arguments.form, arguments.folder), task="detect")
    options = {"imgsz": 640, "conf": 0.25, "iou": 0.7, "device": "cpu", "verbose": False,
               "rect": False, "stream": True, "batch": 1}
    # A list.txt is read picture by picture; a Python list of names would be one huge batch.
    for _, _ in zip(range(4), detector.predict(arguments.list, **options)):
        pass
    done, start = 0, time.monotonic()
    for _ in detector.predict(arguments.list, **options):
        done += 1
        if time.monotonic() - start > arguments.seconds:
            break
    print(done / (time.monotonic() - start))


if __name__ == "__main__":
    main()
