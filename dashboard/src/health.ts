// When a curve turns red, and why, in one sentence. Pure; the thresholds stand in docs/dashboard.md.
import { bytes, count, percent, plural, rate } from "./format";
import type { Point } from "./history";

export type Curve = "images" | "latency" | "batch" | "memory";

export const kLatencyLimit = 500; // ms, p99
export const kMemoryShare = 0.9; // of the limit
export const kQueueLimit = 10; // images that wait

function mean(points: readonly Point[], pick: (point: Point) => number): number {
  return points.reduce((sum, point) => sum + pick(point), 0) / (points.length || 1);
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? 0;
}

function lanes(point: Point): string {
  return point.idleLanes > 0 ? `${point.idleLanes} of ${plural(point.lanes, "lane")} idle`
                             : `all ${plural(point.lanes, "lane")} busy`;
}

// Why images are late or few, as far as the scheduler's figures tell.
function load(point: Point): string {
  if (point.waiting > 0) return `${count(point.waiting)} wait, ${lanes(point)}`;
  if (point.idleLanes === 0 && point.lanes > 0) {
    return `${lanes(point)}, CPU ${percent(point.cpu)}: this is what the machine can do`;
  }
  return `nothing waits, ${lanes(point)}: cameras or decoding are slow`;
}

function imagesReason(points: readonly Point[], recent: readonly Point[]): string | null {
  const now = recent.at(-1)!;
  if (recent.length >= 5 && now.running > 0 && recent.every(({ images }) => images === 0)) {
    return `nothing analysed for ${recent.length} s, though ${plural(now.running, "camera runs", "cameras run")}`;
  }
  if (points.length < 60) return null;
  const usual = median(points.map(({ images }) => images));
  const current = mean(recent, ({ images }) => images);
  if (usual < 1 || current >= usual / 2) return null;
  const most = points.reduce((sofar, point) => Math.max(sofar, point.running), 0);
  const why = now.running < most ? `${now.running} of ${most} cameras still run`
    : load(now);
  return `fell to ${rate(current)} from ${rate(usual)}/s: ${why}`;
}

function latencyReason(recent: readonly Point[]): string | null {
  const now = recent.at(-1)!;
  const p99 = mean(recent, (point) => point.p99);
  if (p99 <= kLatencyLimit) return null;
  return `p99 above ${kLatencyLimit} ms: ${load(now)}`;
}

function batchReason(recent: readonly Point[]): string | null {
  const waiting = mean(recent, (point) => point.waiting);
  const now = recent.at(-1)!;
  if (waiting <= kQueueLimit) return null;
  const batch = mean(recent, (point) => point.batch);
  return batch < now.batchMax / 2
    ? `${count(waiting)} wait, yet batches of ${rate(batch)} of ${now.batchMax}: mixed sizes or models?`
    : `${count(waiting)} wait and batches are full: more than the network can do`;
}

function memoryReason(points: readonly Point[], recent: readonly Point[]): string | null {
  const now = recent.at(-1)!;
  if (now.memoryLimit <= 0 || now.memory <= kMemoryShare * now.memoryLimit) return null;
  const grown = now.memory - points[0]!.memory;
  const share = Math.round((100 * now.memory) / now.memoryLimit);
  return `${share} % of the limit` +
    (grown > 0.01 * now.memoryLimit ? `; grew by ${bytes(grown)} since the curve's start` : "");
}

// Why that curve is red; null where it is not. The last ten seconds decide, so that a single spike
// does not blink.
export function reasonFor(curve: Curve, points: readonly Point[]): string | null {
  const last = points.at(-1);
  if (!last) return null;
  const recent = points.filter(({ time }) => time > last.time - 10);
  switch (curve) {
    case "images": return imagesReason(points, recent);
    case "latency": return latencyReason(recent);
    case "batch": return batchReason(recent);
    case "memory": return memoryReason(points, recent);
  }
}
