// The bottom line: queues and batches of each model, processor share, and every sink with what
// waits, was dropped or is spooled. Trouble comes first and has words, not only a colour.
import { el, icon, setText } from "./dom";
import { count, percent, rate, wholeSeconds } from "./format";
import { kIcons } from "./icons";
import type { ModelStatus, SinkStatus, Site } from "./protocol";

export function modelText(model: ModelStatus): string {
  const lanes = model.lanes === 0 ? "no lanes"
    : `${model.lanes - model.idle_lanes} of ${model.lanes} lanes busy`;
  return `${count(model.waiting)} waiting, ${lanes}, batches up to ${model.batch_max}`;
}

export function sinkText(sink: SinkStatus): string {
  const parts: string[] = [];
  if (!sinkTrouble(sink)) parts.push(sink.written);
  if (sink.waiting > 0) parts.push(`${count(sink.waiting)} waiting`);
  if (sink.dropped > 0) parts.push(`${count(sink.dropped)} dropped`);
  if (sink.spooled > 0) parts.push(`${count(sink.spooled)} alarms spooled`);
  if (sink.error) parts.push(sink.error);
  if (sinkTrouble(sink) && sink.written) parts.push(`${sink.written} written`);
  return parts.filter(Boolean).join(", ");
}

export function sinkTrouble(sink: SinkStatus): boolean {
  return sink.error !== null || sink.dropped > 0 || sink.spooled > 0;
}

export class StatusLine {
  readonly element = el("footer", { class: "status-line", "aria-label": "Queues and sinks" });
  private readonly chips = new Map<string, HTMLElement>();

  update(site: Site, version: string): void {
    const shown = new Set<string>();
    const order: HTMLElement[] = [];
    const chip = (key: string, name: string, text: string, trouble = false) => {
      shown.add(key);
      order.push(this.chip(key, name, text, trouble));
    };
    const sinks = [...site.sinks].sort((a, b) => Number(sinkTrouble(b)) - Number(sinkTrouble(a)));
    for (const sink of sinks.filter(sinkTrouble)) chip(`sink ${sink.name}`, sink.name, sinkText(sink), true);
    for (const model of site.models) chip(`model ${model.name}`, model.name, modelText(model));
    chip("batch", "mean batch", rate(site.batch_mean));
    chip("cpu", "CPU", percent(site.cpu_share));
    for (const sink of sinks.filter((one) => !sinkTrouble(one))) {
      chip(`sink ${sink.name}`, sink.name, sinkText(sink));
    }
    chip("up", "up", wholeSeconds(Math.floor(site.uptime_s)));
    chip("version", "Shoal", version);
    for (const [key, element] of this.chips) {
      if (shown.has(key)) continue;
      element.remove();
      this.chips.delete(key);
    }
    order.forEach((element, index) => {
      if (this.element.children[index] !== element) {
        this.element.insertBefore(element, this.element.children[index] ?? null);
      }
    });
  }

  private chip(key: string, name: string, text: string, trouble: boolean): HTMLElement {
    let chip = this.chips.get(key);
    if (!chip) {
      chip = el("span", { class: "chip", "data-key": key }, icon(kIcons.warning), el("b", {}, name),
                el("span"));
      this.chips.set(key, chip);
    }
    chip.dataset.trouble = String(trouble);
    chip.title = `${name}: ${text}`;
    setText(chip.lastElementChild!, text);
    return chip;
  }
}
