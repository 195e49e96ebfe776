// One camera in the mosaic: its picture, its state, its rates. A button: it opens the camera.
import { ageText, coverOf, tileLabel } from "./camera_words";
import { el, icon, setAttribute, setText } from "./dom";
import { rate } from "./format";
import { kIcons, kStateIcons, kStateWords } from "./icons";
import { LiveCanvas } from "./live_canvas";
import type { Alarm, CameraState, CameraStatus } from "./protocol";

const kAlarmShown = 8_000; // ms
const kLabelEvery = 10_000; // ms: a label that changes every second would be read every second

export class Tile {
  readonly element: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly canvas = new LiveCanvas(false);
  readonly picture: HTMLElement;
  private readonly name = el("span", { class: "name" });
  private readonly state = el("span", { class: "state" });
  private readonly stateWord = el("span");
  private readonly figuresIn = el("b");
  private readonly figuresOut = el("b");
  private readonly age = el("b");
  private readonly cover = el("span", { class: "cover" });
  private readonly coverHead = el("span", { class: "cover-head" });
  private readonly coverNext = el("span", { class: "cover-next" });
  private readonly coverWhy = el("span", { class: "cover-why" });
  private readonly badge = el("span", { class: "badge" });
  private shownState: CameraState | null = null;
  private labelled = 0;
  private alarm: Alarm | null = null;
  private status!: CameraStatus;

  constructor(status: CameraStatus, open: (name: string) => void) {
    const coverIcon = el("span", { class: "cover-icon" });
    this.cover.append(coverIcon, this.coverHead, this.coverNext, this.coverWhy);
    this.picture = el("span", { class: "picture" }, this.canvas.element, this.cover, this.badge);
    this.button = el("button", { type: "button", onclick: () => open(status.name) },
      this.picture,
      el("span", { class: "caption" }, this.name, this.state,
         el("span", { class: "figures" },
            el("span", { title: "frames a second that come in" }, this.figuresIn, " in"),
            el("span", { title: "frames a second that are analysed" }, this.figuresOut,
               el("span", { class: "long" }, " analysed"), el("span", { class: "short" }, " out")),
            el("span", { title: "age of the newest result" }, this.age,
               el("span", { class: "long" }, " old")))));
    this.element = el("li", { class: "tile", "data-camera": status.name }, this.button);
    setText(this.name, status.name);
    this.badge.hidden = true;
  }

  update(status: CameraStatus, now: number): void {
    this.status = status;
    this.canvas.status = status;
    if (status.state !== this.shownState) this.showState(status.state);
    setText(this.figuresIn, rate(status.fps_in));
    setText(this.figuresOut, rate(status.fps_out));
    setText(this.age, ageText(status));
    setAttribute(this.age, "data-late",
                 status.state === "running" && (status.age_ms ?? 0) > 2_000 ? "" : null);
    this.tick(now);
  }

  // Countdowns, between status messages.
  tick(now: number): void {
    const cover = coverOf(this.status, now);
    const empty = !cover && !this.canvas.header;
    this.cover.hidden = !cover && !empty;
    setText(this.coverHead, cover?.head ?? "Waiting for its first picture");
    setText(this.coverNext, cover?.next ?? "");
    setText(this.coverWhy, cover?.why ?? "");
    setAttribute(this.coverWhy, "title", cover?.why || null);
    if (Date.now() - this.labelled > kLabelEvery) this.label(now);
    if (this.alarm) {
      if (now - Date.parse(this.alarm.time) > kAlarmShown) this.alarm = null;
      this.showBadge();
    }
  }

  alarmed(alarm: Alarm): void {
    this.alarm = alarm;
    this.showBadge();
  }

  close(): void {
    this.canvas.close();
    this.element.remove();
  }

  private showBadge(): void {
    this.badge.hidden = this.alarm === null || this.status.state !== "running";
    setAttribute(this.element, "data-alarm", this.alarm ? "" : null);
    if (!this.alarm) return;
    if (!this.badge.firstChild) this.badge.append(icon(kIcons.bell), el("span"));
    setText(this.badge.lastElementChild!, this.alarm.rule);
  }

  private showState(state: CameraState): void {
    this.shownState = state;
    this.element.dataset.state = state;
    setText(this.stateWord, kStateWords[state]);
    this.state.replaceChildren(icon(kStateIcons[state]), this.stateWord);
    this.cover.firstElementChild!.replaceChildren(icon(kStateIcons[state]));
    this.labelled = 0;
  }

  private label(now: number): void {
    this.labelled = Date.now();
    setAttribute(this.button, "aria-label", tileLabel(this.status, now));
  }
}
