// The alarms, newest first, with a thumbnail each. A click opens the clip.
import { el, icon, setText } from "./dom";
import { when } from "./format";
import { kIcons } from "./icons";
import type { Alarm } from "./protocol";
import { ApiError, type Session } from "./session";
import type { SiteModel } from "./site_model";

const kPage = 50;

class AlarmItem {
  readonly element: HTMLLIElement;
  private readonly when = el("span", { class: "when" });
  private readonly clip = el("span", { class: "clip-state" });
  private readonly image = el("img", { alt: "", loading: "lazy", decoding: "async" });
  private url = "";
  private closed = false;

  constructor(private alarm: Alarm, session: Session, open: (id: string) => void) {
    this.element = el("li", { "data-alarm": alarm.id },
      el("button", { type: "button", class: "alarm", onclick: () => open(alarm.id) },
        el("span", { class: "thumbnail" }, alarm.thumbnail ? this.image : icon(kIcons.bell)),
        el("span", { class: "alarm-text" },
          el("span", { class: "rule" }, alarm.rule),
          el("span", { class: "message" }, alarm.message),
          el("span", { class: "where" }, el("span", { class: "camera-name" }, alarm.camera),
             this.when, this.clip))));
    if (alarm.thumbnail) void this.load(alarm.thumbnail, session);
    this.update(alarm);
  }

  update(alarm: Alarm): void {
    this.alarm = alarm;
    setText(this.clip, !alarm.clip ? "" : alarm.clip_ready ? "clip" : "being recorded");
    this.clip.dataset.ready = String(alarm.clip_ready);
  }

  tick(now: number): void {
    setText(this.when, when(this.alarm.time, now));
  }

  close(): void {
    this.closed = true;
    if (this.url.startsWith("blob:")) URL.revokeObjectURL(this.url);
    this.element.remove();
  }

  private async load(path: string, session: Session): Promise<void> {
    try {
      this.url = await session.media(path);
      if (this.closed) return this.close();
      this.image.addEventListener("error", () => this.noPicture());
      this.image.src = this.url;
    } catch {
      this.noPicture();
    }
  }

  // It went with the oldest recordings.
  private noPicture(): void {
    this.image.replaceWith(icon(kIcons.bell));
  }
}

export class AlarmList {
  readonly element = el("section", { class: "alarms panel", "aria-label": "Alarms" });
  private readonly list = el("ul", { tabindex: "-1" });
  private readonly empty = el("p", { class: "quiet" }, "No alarms so far.");
  private readonly total = el("span", { class: "quiet" });
  private readonly older = el("button", { type: "button" }, "Show older");
  private readonly olderItem = el("li", { class: "older" }, this.older);
  // Said once by screen readers, when an alarm comes.
  private readonly spoken = el("p", { class: "spoken", role: "status", "aria-live": "polite" });
  private readonly items = new Map<string, AlarmItem>();

  constructor(private readonly model: SiteModel, private readonly session: Session,
              private readonly open: (id: string) => void) {
    this.element.append(el("header", {}, el("h2", {}, "Alarms"), this.total), this.list, this.empty,
                        this.spoken);
    this.older.addEventListener("click", () => void this.showOlder());
    model.alarmsChanged.listen(() => this.update());
    model.alarmCame.listen((alarm) => {
      setText(this.spoken, `Alarm from ${alarm.camera}: ${alarm.rule}. ${alarm.message}`);
      this.items.get(alarm.id)?.element.classList.add("fresh");
    });
    this.update();
  }

  tick(now: number): void {
    for (const item of this.items.values()) item.tick(now);
  }

  private update(): void {
    const { alarms } = this.model;
    const ids = new Set(alarms.map(({ id }) => id));
    for (const [id, item] of this.items) {
      if (ids.has(id)) continue;
      item.close();
      this.items.delete(id);
    }
    alarms.forEach((alarm, index) => {
      let item = this.items.get(alarm.id);
      if (!item) {
        item = new AlarmItem(alarm, this.session, this.open);
        item.tick(this.model.clock.now());
        this.items.set(alarm.id, item);
      }
      item.update(alarm);
      if (this.list.children[index] !== item.element) {
        this.list.insertBefore(item.element, this.list.children[index] ?? null);
      }
    });
    this.empty.hidden = alarms.length > 0;
    setText(this.total, alarms.length > 0 ? `${alarms.length} shown` : "");
    if (alarms.length >= kPage) this.list.append(this.olderItem);
    else this.olderItem.remove();
  }

  private async showOlder(): Promise<void> {
    const last = this.model.alarms.at(-1);
    if (!last) return;
    this.older.disabled = true;
    try {
      const path = `/api/v1/alarms?count=${kPage}&before=${encodeURIComponent(last.id)}`;
      const { alarms } = await (await this.session.request("GET", path)).json() as { alarms: Alarm[] };
      this.model.addAlarms(alarms);
      if (alarms.length === 0) setText(this.older, "There are no older ones");
      else this.older.disabled = false;
    } catch (error) {
      setText(this.older, error instanceof ApiError ? error.message : "The server does not answer");
      this.older.disabled = false;
    }
  }
}
