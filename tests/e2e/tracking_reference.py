"""ByteTrack written straight from the paper with 8x8 matrices and SciPy's assignment, frame by
frame: slow, and sharing nothing with Shoal's but the thresholds.

Reads and writes MOTChallenge text: lines of detections with the class in the eighth place; results
hold the boxes of detections, and identities in the order of confirmation."""

import collections
import dataclasses

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclasses.dataclass
class Options:
    high: float = 0.5
    low: float = 0.1
    begin: float = 0.6
    match: float = 0.8
    lost_frames: int = 25


TRANSITION = np.eye(8) + np.eye(8, k=4)
MEASURE = np.eye(4, 8)


def to_xyah(box):
    left, top, width, height = box
    return np.array([left + width / 2, top + height / 2, width / height, height])


class Track:
    """A Kalman filter over x, y, aspect, height and their velocities, with SORT's noise."""

    def __init__(self, detection, frame):
        self.mean = np.concatenate([to_xyah(detection.box), np.zeros(4)])
        h = self.mean[3]
        self.covariance = np.diag(np.square(
            [h / 10, h / 10, 1e-2, h / 10, h / 16, h / 16, 1e-5, h / 16]))
        self.kind, self.first, self.last = detection.kind, frame, frame
        self.state, self.identity, self.detection = "unconfirmed", None, detection

    def predict(self):
        if self.state == "lost":
            self.mean[7] = 0
        h = self.mean[3]
        noise = np.diag(np.square(
            [h / 20, h / 20, 1e-2, h / 20, h / 160, h / 160, 1e-5, h / 160]))
        self.mean = TRANSITION @ self.mean
        self.covariance = TRANSITION @ self.covariance @ TRANSITION.T + noise

    def correct(self, detection, frame):
        h = self.mean[3]
        noise = np.diag(np.square([h / 20, h / 20, 1e-1, h / 20]))
        total = MEASURE @ self.covariance @ MEASURE.T + noise
        gain = self.covariance @ MEASURE.T @ np.linalg.inv(total)
        self.mean = self.mean + gain @ (to_xyah(detection.box) - MEASURE @ self.mean)
        self.covariance = self.covariance - gain @ total @ gain.T
        self.last, self.state, self.detection = frame, "tracked", detection

    def box(self):
        x, y, aspect, height = self.mean[:4]
        return (x - aspect * height / 2, y - height / 2, aspect * height, height)


@dataclasses.dataclass
class Detection:
    box: tuple
    score: float
    kind: int


def overlap(a, b):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def assign(costs, limit):
    """Pairs of least cost where leaving a row or column alone costs half the limit: the square
    problem with costs beside and below, which is how cost limits are usually put to a solver."""
    rows, columns = costs.shape
    square = np.full((rows + columns, rows + columns), limit / 2)
    square[rows:, columns:] = 0
    square[:rows, :columns] = costs
    return [(i, j) for i, j in zip(*linear_sum_assignment(square))
            if i < rows and j < columns and costs[i, j] < limit]


class ByteTrack:
    def __init__(self, options):
        self.options, self.tracks, self.frame, self.identities = options, [], 0, 0

    def associate(self, tracks, detections, fused, limit):
        """Corrects what matches; answers what does not, of both."""
        if not tracks or not detections:
            return tracks, detections
        costs = np.array([[1 - overlap(t.box(), d.box) * (d.score if fused else 1.0)
                           if t.kind == d.kind else 1e6 for d in detections] for t in tracks])
        pairs = assign(costs, limit)
        for i, j in pairs:
            if tracks[i].identity is None:
                self.identify(tracks[i])
            tracks[i].correct(detections[j], self.frame)
        rows, columns = {i for i, _ in pairs}, {j for _, j in pairs}
        return ([t for i, t in enumerate(tracks) if i not in rows],
                [d for j, d in enumerate(detections) if j not in columns])

    def identify(self, track):
        self.identities += 1
        track.identity = self.identities

    def update(self, detections):
        """Answers (identity, detection) of everything that is tracked in this frame."""
        options = self.options
        self.frame += 1
        high = [d for d in detections if d.score >= options.high]
        low = [d for d in detections if options.low < d.score < options.high]
        unconfirmed = [t for t in self.tracks if t.state == "unconfirmed"]
        pool = [t for t in self.tracks if t.state != "unconfirmed"]
        lost_before = [t for t in pool if t.state == "lost"]
        for track in pool:
            track.predict()
        left, high = self.associate(pool, high, True, options.match)
        left, _ = self.associate([t for t in left if t.state == "tracked"], low, False, 0.5)
        for track in left:
            track.state = "lost"
        dropped, high = self.associate(unconfirmed, high, True, 0.7)
        gone = {id(t) for t in dropped}
        gone |= {id(t) for t in lost_before
                 if t.state == "lost" and self.frame - t.last > options.lost_frames}
        for detection in high:
            if detection.score >= options.begin:
                track = Track(detection, self.frame)
                if self.frame == 1:
                    self.identify(track)
                    track.state = "tracked"
                self.tracks.append(track)
        self.tracks = [t for t in self.tracks if id(t) not in gone]
        self.remove_duplicates()
        return [(t.identity, t.detection) for t in self.tracks
                if t.state == "tracked" and t.last == self.frame]

    def remove_duplicates(self):
        gone = set()
        for seen in (t for t in self.tracks if t.state != "lost"):
            for lost in (t for t in self.tracks if t.state == "lost"):
                if seen.kind == lost.kind and 1 - overlap(seen.box(), lost.box()) < 0.15:
                    older = seen.last - seen.first > lost.last - lost.first
                    gone.add(id(lost if older else seen))
        self.tracks = [t for t in self.tracks if id(t) not in gone]


def read_detections(text):
    frames = collections.defaultdict(list)
    for line in text.splitlines():
        frame, _, left, top, width, height, score, kind = [float(v) for v in line.split(",")[:8]]
        frames[int(frame)].append(Detection((left, top, width, height), score, int(kind)))
    return frames


def track(text, frames, options):
    """Results for a det.txt of so many frames, as MOTChallenge text."""
    detections = read_detections(text)
    tracker, lines = ByteTrack(options), []
    for frame in range(1, frames + 1):
        for identity, detection in tracker.update(detections[frame]):
            box = ",".join(f"{v:.2f}" for v in detection.box)
            lines.append(f"{frame},{identity},{box},{detection.score:.4f},-1,-1,-1\n")
    return "".join(lines)
