// The figures of one camera beside its picture: rates, counts, why frames were dropped, settings.
import { kDropWords, ageText } from "./camera_words";
import { el, setText } from "./dom";
import { bytes, count, duration, percent, plural, rate } from "./format";
import type { CameraStatus } from "./protocol";

class Rows {
  readonly element = el("dl", { class: "facts" });
  private readonly values = new Map<string, HTMLElement>();

  set(name: string, value: string): void {
    let cell = this.values.get(name);
    if (!cell) {
      cell = el("dd");
      this.values.set(name, cell);
      this.element.append(el("dt", {}, name), cell);
    }
    setText(cell, value);
  }
}

// A bar a reason, of all frames that were decoded or dropped; the longest first.
class Drops {
  readonly element = el("ul", { class: "bars" });
  private readonly rows = new Map<string, { row: HTMLElement; bar: SVGRectElement; value: HTMLElement }>();

  update(status: CameraStatus): void {
    const dropped = Object.entries(status.dropped).filter(([, many]) => many > 0);
    dropped.sort((a, b) => b[1] - a[1]);
    const total = status.analysed + dropped.reduce((sum, [, many]) => sum + many, 0);
    const shown = [["analysed", status.analysed] as [string, number], ...dropped];
    for (const [name, { row }] of this.rows) {
      if (!shown.some(([reason]) => reason === name)) {
        row.remove();
        this.rows.delete(name);
      }
    }
    shown.forEach(([name, many], index) => {
      const row = this.rows.get(name) ?? this.make(name);
      const share = total > 0 ? many / total : 0;
      row.bar.setAttribute("width", String(share * 100));
      setText(row.value, `${count(many)} · ${percent(share)}`);
      if (this.element.children[index] !== row.row) {
        this.element.insertBefore(row.row, this.element.children[index] ?? null);
      }
    });
  }

  private make(name: string) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", "0 0 100 4");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const bar = document.createElementNS(space, "rect");
    bar.setAttribute("height", "4");
    svg.append(bar);
    const value = el("span", { class: "bar-value" });
    const words = name === "analysed" ? "" : kDropWords[name] ?? "";
    const row = el("li", { "data-reason": name },
      el("span", { class: "bar-name" }, name.replaceAll("_", " ")), value, svg,
      words && el("span", { class: "bar-words" }, words));
    const made = { row, bar, value };
    this.rows.set(name, made);
    return made;
  }
}

export class CameraFacts {
  readonly element = el("div", { class: "camera-facts" });
  private readonly rates = new Rows();
  private readonly counts = new Rows();
  private readonly countsPart: HTMLElement;
  private readonly drops = new Drops();
  private readonly totals = new Rows();
  private readonly config = el("pre");

  constructor() {
    const part = (title: string, ...content: Node[]) =>
      el("section", {}, el("h3", {}, title), ...content);
    this.countsPart = part("Zones and lines", this.counts.element);
    this.element.append(part("Rates", this.rates.element), this.countsPart,
      part("What became of its frames", this.drops.element), part("Since it began", this.totals.element),
      el("details", {}, el("summary", {}, "Configuration"), this.config));
  }

  update(status: CameraStatus): void {
    this.rates.set("in", `${rate(status.fps_in)} frames/s`);
    this.rates.set("analysed", `${rate(status.fps_out)} frames/s`);
    this.rates.set("latency", `p50 ${duration(status.latency_ms.p50)}, p99 ${duration(status.latency_ms.p99)}`);
    this.rates.set("newest result", status.age_ms === null ? "none yet" : `${ageText(status)} old`);
    this.rates.set("tracks now", count(status.tracks));
    this.countsPart.hidden = status.zones.length + status.lines.length === 0;
    for (const zone of status.zones) this.counts.set(zone.name, `${count(zone.count)} inside`);
    for (const line of status.lines) {
      this.counts.set(line.name, `${count(line.forward)} forward, ${count(line.backward)} back`);
    }
    this.drops.update(status);
    const size = status.width > 0 ? `${status.width} × ${status.height}` : "no picture yet";
    if (status.state === "running" && status.error) this.totals.set("note", status.error);
    this.totals.set("picture", [size, status.codec].filter(Boolean).join(", "));
    this.totals.set("source", status.url);
    this.totals.set("model", `${status.model || "the default"}, ${status.priority} priority`);
    this.totals.set("received", `${count(status.packets)} packets, ${bytes(status.bytes)}`);
    this.totals.set("late results", count(status.late));
    this.totals.set("failed frames", count(status.errors));
    this.totals.set("alarms", count(status.alarms));
    this.totals.set("connected", plural(status.connects, "time"));
    setText(this.config, JSON.stringify(status.config, null, 2));
  }
}
