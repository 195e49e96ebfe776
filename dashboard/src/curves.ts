// Four small curves over the last ten minutes, each with its figure now, and with the reason in
// words while it is red.
import uPlot from "uplot";
import { el, icon, setAttribute, setText } from "./dom";
import { ago, bytes, clock, duration, rate } from "./format";
import { reasonFor, type Curve } from "./health";
import { windowOf, type Point } from "./history";
import { kIcons } from "./icons";

interface CurveKind {
  curve: Curve;
  title: string;
  columns: ((point: Point) => number)[]; // the second is drawn thinner
  value: (point: Point) => string;
  detail: (point: Point) => string;
  top: (points: readonly Point[]) => number; // of the scale
}

const largest = (points: readonly Point[], pick: (point: Point) => number) =>
  points.reduce((most, point) => Math.max(most, pick(point)), 0);

export const kCurves: CurveKind[] = [
  { curve: "images", title: "Images/s", columns: [(point) => point.images],
    value: (point) => rate(point.images), detail: () => "analysed",
    top: (points) => Math.max(1, 1.15 * largest(points, (point) => point.images)) },
  { curve: "latency", title: "Latency", columns: [(point) => point.p99, (point) => point.p50],
    value: (point) => `${duration(point.p99)}`,
    detail: (point) => `p99; p50 ${duration(point.p50)}`,
    top: (points) => Math.max(50, 1.15 * largest(points, (point) => point.p99)) },
  { curve: "batch", title: "Mean batch", columns: [(point) => point.batch],
    value: (point) => rate(point.batch), detail: (point) => `of ${point.batchMax} at most`,
    top: (points) => Math.max(1, largest(points, (point) => point.batchMax)) },
  { curve: "memory", title: "Memory", columns: [(point) => point.memory, (point) => point.memoryLimit],
    value: (point) => bytes(point.memory),
    detail: (point) => point.memoryLimit > 0 ? `of ${bytes(point.memoryLimit)}` : "no limit",
    // The limit is drawn once it is near; until then the curve shows whether memory grows.
    top: (points) => {
      const used = largest(points, (point) => point.memory);
      const limit = points.at(-1)?.memoryLimit ?? 0;
      return limit > 0 && used > limit / 2 ? Math.max(limit, used) * 1.05 : used * 1.5 || 1;
    } },
];

const kHeight = 46; // px

class CurveRow {
  readonly element: HTMLElement;
  private readonly value = el("p", { class: "value" });
  private readonly detail = el("p", { class: "detail" });
  private readonly plotPlace = el("div", { class: "plot", role: "img" });
  private readonly reason = el("p", { class: "reason", role: "status" });
  private readonly reasonText = el("span");
  private plot: uPlot | null = null;
  private points: readonly Point[] = [];
  private red = false;
  private pointed: number | null = null; // index under the pointer

  constructor(private readonly kind: CurveKind, private readonly pointedAt: (time: number | null) => void) {
    this.reason.append(icon(kIcons.warning), this.reasonText);
    this.reason.hidden = true;
    this.element = el("section", { class: "curve", "data-curve": kind.curve },
      el("div", { class: "curve-text" }, el("h3", {}, kind.title), this.value, this.detail),
      this.plotPlace, this.reason);
    new ResizeObserver(() => this.resize()).observe(this.plotPlace);
  }

  update(points: readonly Point[]): void {
    this.points = points;
    const reason = reasonFor(this.kind.curve, points);
    if ((reason !== null) !== this.red) {
      this.red = reason !== null;
      setAttribute(this.element, "data-red", this.red ? "" : null);
      this.repaint();
    }
    this.reason.hidden = reason === null;
    setText(this.reasonText, reason ?? "");
    this.showFigures();
    const last = points.at(-1);
    if (last) {
      setAttribute(this.plotPlace, "aria-label",
                   `${this.kind.title} over the last ten minutes, now ${this.kind.value(last)} ` +
                   this.kind.detail(last));
    }
    this.plot?.setData(this.data());
  }

  // The colours have changed, or whether it is red.
  repaint(): void {
    this.plot?.destroy();
    this.plot = null;
    this.resize();
  }

  private data(): uPlot.AlignedData {
    return [this.points.map(({ time }) => time),
            ...this.kind.columns.map((pick) => this.points.map(pick))];
  }

  private showFigures(): void {
    const point = (this.pointed === null ? null : this.points[this.pointed]) ?? this.points.at(-1);
    setText(this.value, point ? this.kind.value(point) : "–");
    setText(this.detail, point ? this.kind.detail(point) : "");
  }

  private resize(): void {
    const width = this.plotPlace.clientWidth;
    if (width === 0) return;
    if (this.plot) this.plot.setSize({ width, height: kHeight });
    else this.plot = this.make(width);
  }

  private make(width: number): uPlot {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const stroke = this.red ? colour("--bad") : colour("--curve");
    const series: uPlot.Series[] = [{}, { stroke, width: 1.75, fill: colour(this.red ? "--bad-fill" : "--curve-fill"),
                                          points: { show: false } }];
    if (this.kind.columns.length > 1) {
      series.push({ stroke: colour("--quiet"), width: 1, points: { show: false },
                    ...(this.kind.curve === "memory" ? { dash: [4, 3] } : {}) });
    }
    const top = () => this.kind.top(this.points);
    return new uPlot({
      width, height: kHeight, padding: [2, 0, 2, 0], legend: { show: false }, series,
      axes: [{ show: false }, { show: false }],
      scales: {
        x: { range: () => {
          const last = this.points.at(-1)?.time ?? 0;
          return [last - windowOf(this.points), last];
        } },
        y: { range: () => [0, top()] },
      },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false },
                sync: { key: "shoal", setSeries: false } },
      hooks: { setCursor: [(plot) => {
        this.pointed = plot.cursor.idx ?? null;
        this.showFigures();
        this.pointedAt(this.pointed === null ? null : this.points[this.pointed]?.time ?? null);
      }] },
    }, this.data(), this.plotPlace);
  }
}

export class Curves {
  readonly element = el("section", { class: "curves panel", "aria-label": "The last ten minutes" });
  private readonly rows: CurveRow[];
  private readonly from = el("span");
  private readonly when = el("span");

  constructor() {
    this.rows = kCurves.map((kind) => new CurveRow(kind, (time) => this.pointedAt(time)));
    this.element.append(...this.rows.map((row) => row.element),
      el("p", { class: "time-axis", "aria-hidden": "true" }, this.from, this.when,
         el("span", {}, "now")));
  }

  update(points: readonly Point[]): void {
    for (const row of this.rows) row.update(points);
    const last = points.at(-1)?.time ?? 0;
    const from = new Date((last - windowOf(points)) * 1000).toISOString();
    setText(this.from, ago(from, last * 1000));
  }

  repaint(): void {
    for (const row of this.rows) row.repaint();
  }

  private pointedAt(time: number | null): void {
    setText(this.when, time === null ? "" : clock(new Date(time * 1000).toISOString(), Date.now()));
  }
}
