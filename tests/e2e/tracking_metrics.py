"""MOTA, IDF1 and switches of identity, by two programs that know nothing of each other: motmetrics
and TrackEval. Both read MOTChallenge files."""

import contextlib
import io
import pathlib

import motmetrics
import numpy as np
import trackeval


def distances(truth, results):
    """1 - IoU of every pair of boxes, not a number where they do not match: below 0.5, as in
    MOTChallenge. motmetrics' own function calls what NumPy 2 no longer has."""
    a, b = truth[:, None, :], results[None, :, :]
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=-1)
    apart = 1 - both / (np.prod(a[..., 2:], axis=-1) + np.prod(b[..., 2:], axis=-1) - both)
    return np.where(apart <= 0.5, apart, np.nan)


def by_motmetrics(truth, results):
    frames = [motmetrics.io.loadtxt(str(path), fmt="mot16") for path in (truth, results)]
    accumulated = motmetrics.MOTAccumulator()
    numbers = sorted(set().union(*(set(one.index.get_level_values(0)) for one in frames)))
    for number in numbers:
        ids, boxes = [], []
        for one in frames:
            known = number in one.index.get_level_values(0)
            rows = one.loc[number] if known else one.iloc[:0].droplevel(0)
            ids.append(rows.index.to_list())
            boxes.append(rows[["X", "Y", "Width", "Height"]].to_numpy(dtype=float))
        accumulated.update(ids[0], ids[1], distances(*boxes), frameid=number)
    table = motmetrics.metrics.create().compute(
        accumulated, metrics=["mota", "idf1", "num_switches", "num_misses",
                              "num_false_positives", "num_objects"])
    row = table.iloc[0]
    return {"mota": float(row["mota"]), "idf1": float(row["idf1"]),
            "switches": int(row["num_switches"]), "misses": int(row["num_misses"]),
            "false": int(row["num_false_positives"]), "objects": int(row["num_objects"])}


def by_trackeval(truth, results, frames, folder):
    """Lays out the folders as TrackEval wants them and scores one sequence."""
    root = pathlib.Path(folder)
    sequence = root / "gt" / "street"
    (sequence / "gt").mkdir(parents=True, exist_ok=True)
    (sequence / "gt" / "gt.txt").write_text(pathlib.Path(truth).read_text())
    (sequence / "seqinfo.ini").write_text(
        f"[Sequence]\nname=street\nimDir=img1\nframeRate=25\nseqLength={frames}\n"
        "imWidth=1280\nimHeight=720\nimExt=.jpg\n")
    data = root / "trackers" / "shoal" / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "street.txt").write_text(pathlib.Path(results).read_text())
    quiet = {"PRINT_RESULTS": False, "PRINT_ONLY_COMBINED": False, "PRINT_CONFIG": False,
             "TIME_PROGRESS": False, "OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False,
             "OUTPUT_EMPTY_CLASSES": False, "PLOT_CURVES": False, "BREAK_ON_ERROR": True,
             "LOG_ON_ERROR": None, "USE_PARALLEL": False}
    dataset = {"GT_FOLDER": str(root / "gt"), "TRACKERS_FOLDER": str(root / "trackers"),
               "OUTPUT_FOLDER": str(root / "out"), "TRACKERS_TO_EVAL": ["shoal"],
               "CLASSES_TO_EVAL": ["pedestrian"], "BENCHMARK": "MOT17", "SPLIT_TO_EVAL": "train",
               "DO_PREPROC": False, "SKIP_SPLIT_FOL": True, "SEQ_INFO": {"street": frames},
               "PRINT_CONFIG": False}
    metrics = [trackeval.metrics.CLEAR({"PRINT_CONFIG": False, "THRESHOLD": 0.5}),
               trackeval.metrics.Identity({"PRINT_CONFIG": False, "THRESHOLD": 0.5}),
               trackeval.metrics.HOTA({"PRINT_CONFIG": False})]
    with contextlib.redirect_stdout(io.StringIO()):
        scores, _ = trackeval.Evaluator(quiet).evaluate(
            [trackeval.datasets.MotChallenge2DBox(dataset)], metrics)
    one = scores["MotChallenge2DBox"]["shoal"]["street"]["pedestrian"]
    return {"mota": float(one["CLEAR"]["MOTA"]), "idf1": float(one["Identity"]["IDF1"]),
            "switches": int(one["CLEAR"]["IDSW"]), "misses": int(one["CLEAR"]["CLR_FN"]),
            "false": int(one["CLEAR"]["CLR_FP"]), "hota": float(one["HOTA"]["HOTA"].mean())}
