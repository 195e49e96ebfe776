"""A street from a seed: the true boxes of people, cars and bicycles that cross, stop and hide each
other, and what a detector with faults would see of them. Python's own random numbers only, so that
it is the same everywhere."""

import dataclasses
import math
import random

WIDTH, HEIGHT = 1280, 720
PERSON, CAR, BICYCLE = 0, 1, 2
SIZES = {PERSON: (38, 100), CAR: (170, 95), BICYCLE: (70, 80)}
SPEEDS = {PERSON: 70, CAR: 200, BICYCLE: 130}  # pixels a second


@dataclasses.dataclass(frozen=True)
class Seen:
    """One box of one frame. `object`: the true identity; None for a detector's invention."""

    frame: int
    object: int
    kind: int
    box: tuple  # left, top, width, height
    score: float  # of a detection its confidence, of a true box how much of it is visible


@dataclasses.dataclass
class Scene:
    fps: float
    frames: int
    truth: list
    detections: list


class Walker:
    """Crosses the picture once, at a depth of its own: what stands lower is nearer and larger."""

    def __init__(self, number, rng, fps):
        self.number, self.fps = number, fps
        self.kind = rng.choices([PERSON, CAR, BICYCLE], [5, 2, 2])[0]
        depth = rng.random()
        self.foot = 260 + 420 * depth
        scale = 0.55 + 0.75 * depth
        width, height = SIZES[self.kind]
        self.width = width * scale * rng.uniform(0.85, 1.15)
        self.height = height * scale * rng.uniform(0.85, 1.15)
        self.direction = rng.choice([-1, 1])
        self.speed = SPEEDS[self.kind] * scale * rng.uniform(0.6, 1.4)
        self.sway = rng.uniform(0, 12), rng.uniform(0.1, 0.4), rng.uniform(0, 6)
        self.drift = rng.uniform(-12, 12)
        self.stop = (rng.uniform(0.3, 0.7), rng.uniform(0.5, 3)) if rng.random() < 0.3 else None
        self.gait = rng.uniform(0.02, 0.06), rng.uniform(1, 2)
        self.x = -self.width / 2 if self.direction > 0 else WIDTH + self.width / 2
        self.age = 0.0

    def step(self):
        self.age += 1 / self.fps
        speed = self.speed
        if self.stop is not None:
            place, seconds = self.stop
            if abs(self.x - place * WIDTH) < 25:
                self.stop = (place, seconds - 1 / self.fps)
                speed = 0 if seconds > 0 else speed
        amount, rate, phase = self.sway
        self.x += self.direction * speed / self.fps
        self.foot += (self.drift + amount * math.cos(rate * 6.28 * self.age + phase)) / self.fps

    def box(self):
        amount, rate = self.gait
        width = self.width * (1 + amount * math.sin(6.28 * rate * self.age))
        left, top = self.x - width / 2, self.foot - self.height
        right, bottom = min(WIDTH, left + width), min(HEIGHT, self.foot)
        left, top = max(0.0, left), max(0.0, top)
        return (left, top, right - left, bottom - top)

    def gone(self):
        return self.x < -self.width / 2 - 1 or self.x > WIDTH + self.width / 2 + 1


def visible_share(box, nearer):
    """Of a grid of points in the box, how many no nearer box covers."""
    left, top, width, height = box
    count = 0
    for i in range(8):
        for j in range(8):
            x, y = left + (i + 0.5) * width / 8, top + (j + 0.5) * height / 8
            count += not any(a <= x < a + w and b <= y < b + h for a, b, w, h in nearer)
    return count / 64


def look(walker, box, visible, frame, rng):
    """What the detector sees of one object: nothing, or a box that trembles, the worse the less of
    it is visible."""
    if visible < 0.15 or rng.random() < 0.03 + 0.35 * (1 - visible) ** 2:
        return None
    score = 0.88 * (0.35 + 0.65 * visible) + rng.gauss(0, 0.07)
    left, top, width, height = box
    shake = 0.018 + 0.05 * (1 - visible)
    moved = (left + rng.gauss(0, shake) * width, top + rng.gauss(0, shake) * height,
             width * math.exp(rng.gauss(0, shake)), height * math.exp(rng.gauss(0, shake)))
    return Seen(frame, walker.number, walker.kind, moved, min(0.99, max(0.05, score)))


def inventions(frame, ghosts, rng):
    """False alarms: single ones, and some that stay for a few frames."""
    if rng.random() < 0.3:
        width, height = SIZES[rng.choice([PERSON, CAR, BICYCLE])]
        ghosts.append([rng.uniform(0, WIDTH - width), rng.uniform(200, HEIGHT - height), width,
                       height, rng.choice([PERSON, CAR, BICYCLE]), rng.choice([1, 1, 1, 2, 4])])
    for ghost in ghosts:
        ghost[5] -= 1
        yield Seen(frame, None, ghost[4], tuple(v + rng.gauss(0, 1.5) for v in ghost[:4]),
                   rng.uniform(0.12, 0.75))
    ghosts[:] = [ghost for ghost in ghosts if ghost[5] > 0]


def make_scene(seed, frames=500, fps=25.0, a_second=1.6):
    """`a_second`: how many objects come in each second."""
    rng = random.Random(seed)
    scene = Scene(fps, frames, [], [])
    walkers, ghosts, count = [], [], 0
    for frame in range(1, frames + 1):
        if frame == 1 or rng.random() < a_second / fps:
            for _ in range(6 if frame == 1 else 1):
                count += 1
                walkers.append(Walker(count, rng, fps))
                if frame == 1:
                    walkers[-1].x = rng.uniform(0.1, 0.9) * WIDTH
        for walker in walkers:
            walker.step()
        walkers = [walker for walker in walkers if not walker.gone()]
        boxes = [(walker, walker.box()) for walker in walkers]
        seen = []
        for walker, box in boxes:
            if box[2] < 4 or box[3] < 4:
                continue
            nearer = [b for other, b in boxes if other.foot > walker.foot]
            visible = visible_share(box, nearer)
            scene.truth.append(Seen(frame, walker.number, walker.kind, box, visible))
            found = look(walker, box, visible, frame, rng)
            seen += [found] if found else []
        seen += inventions(frame, ghosts, rng)
        seen.sort(key=lambda one: -one.score)  # as detectors give them
        scene.detections += seen
    return scene


def detection_text(scene):
    """MOTChallenge's det.txt with the class in the eighth place."""
    return "".join(f"{one.frame},-1,{','.join(f'{v:.3f}' for v in one.box)},{one.score:.5f},"
                   f"{one.kind},-1,-1\n" for one in scene.detections)


def truth_text(scene):
    """MOTChallenge's gt.txt; all classes are its class 1, which is the one that is scored."""
    return "".join(f"{one.frame},{one.object},{','.join(f'{v:.3f}' for v in one.box)},1,1,"
                   f"{one.score:.3f}\n" for one in scene.truth)
