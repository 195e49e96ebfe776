// The site's figures over the last ten minutes, a point a second at most, in columns as curves want
// them. Kept over a reload of the page where the server is still the same run.
import type { Site } from "./protocol";

export const kWindow = 600; // s
const kLeastWindow = 60;

// What the curves show: all there is, from one minute to ten.
export function windowOf(points: readonly Point[]): number {
  const length = points.length > 0 ? points.at(-1)!.time - points[0]!.time : 0;
  return Math.min(kWindow, Math.max(kLeastWindow, length));
}

export interface Point {
  time: number; // s since 1970, the server's clock
  images: number; // a second
  p50: number; // ms
  p99: number;
  batch: number;
  batchMax: number;
  memory: number; // bytes
  memoryLimit: number;
  waiting: number; // images in queues
  idleLanes: number;
  lanes: number;
  running: number; // cameras
  cpu: number; // share of the processor
}

export function pointOf(site: Site, running: number): Point {
  const sum = (pick: (model: Site["models"][number]) => number) =>
    site.models.reduce((total, model) => total + pick(model), 0);
  return {
    time: Date.parse(site.time) / 1000,
    images: site.images_per_second,
    p50: site.latency_ms.p50,
    p99: site.latency_ms.p99,
    batch: site.batch_mean,
    batchMax: site.models.reduce((most, model) => Math.max(most, model.batch_max), 0),
    memory: site.memory_bytes,
    memoryLimit: site.memory_limit_bytes,
    waiting: sum((model) => model.waiting),
    idleLanes: sum((model) => model.idle_lanes),
    lanes: sum((model) => model.lanes),
    running,
    cpu: site.cpu_share,
  };
}

export class History {
  points: Point[] = [];
  private started = 0; // of the server's run, s since 1970

  add(site: Site, running: number): void {
    const point = pointOf(site, running);
    if (!Number.isFinite(point.time)) return;
    const started = point.time - site.uptime_s;
    // Another run, or a clock that was set back: what was before does not belong to it.
    const last = this.points.at(-1);
    if (Math.abs(started - this.started) > 3 || (last && point.time < last.time - 3)) {
      this.points = [];
    }
    this.started = started;
    // Status also comes at once when a camera changes: more often than once a second adds nothing.
    if (last && this.points.length > 0 && point.time - last.time < 0.5) this.points.pop();
    this.points.push(point);
    const from = point.time - kWindow;
    const first = this.points.findIndex(({ time }) => time >= from);
    if (first > 0) this.points.splice(0, first);
  }

  save(): string {
    return JSON.stringify({ started: this.started, points: this.points });
  }

  restore(text: string | null): void {
    try {
      const saved = JSON.parse(text ?? "null") as { started: number; points: Point[] } | null;
      if (!saved || !Array.isArray(saved.points)) return;
      this.started = saved.started;
      this.points = saved.points.filter(({ time }) => Number.isFinite(time));
    } catch {
      // Not ours: begin empty.
    }
  }
}
