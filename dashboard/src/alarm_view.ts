// One alarm: its clip, or, while that is being recorded, its picture.
import { Dialog } from "./dialogs";
import { el, setText } from "./dom";
import { clock } from "./format";
import type { Alarm } from "./protocol";
import { ApiError, type Session } from "./session";
import type { SiteModel } from "./site_model";

export class AlarmView {
  private readonly dialog: Dialog;
  private readonly stage = el("div", { class: "stage" });
  private readonly note = el("p", { class: "note", role: "status" });
  private readonly urls: string[] = [];
  private showsClip = false;

  constructor(private alarm: Alarm, private readonly model: SiteModel,
              private readonly session: Session, openCamera: (name: string) => void,
              closed: () => void) {
    const ends = [model.alarmsChanged.listen(() => this.update())];
    this.dialog = new Dialog("alarm-view", () => {
      for (const end of ends) end();
      for (const url of this.urls) if (url.startsWith("blob:")) URL.revokeObjectURL(url);
      closed();
    });
    setText(this.dialog.title, alarm.rule);
    const objects = alarm.objects.map(({ name, track_id, confidence }) =>
      el("li", {}, `${name}${track_id === null ? "" : ` ${track_id}`}`,
         el("span", { class: "quiet" }, ` ${confidence.toFixed(2)}`)));
    this.dialog.body.append(this.stage, this.note,
      el("p", { class: "message" }, alarm.message),
      el("p", { class: "where" },
         el("button", { type: "button", class: "link", onclick: () => openCamera(alarm.camera) },
            alarm.camera),
         el("span", {}, clock(alarm.time, model.clock.now())),
         alarm.zone && el("span", {}, `zone ${alarm.zone}`)),
      el("ul", { class: "objects", "aria-label": "Objects" }, ...objects));
    if (alarm.thumbnail) void this.showPicture(alarm.thumbnail);
    this.update();
    this.dialog.show();
  }

  close(): void {
    this.dialog.close();
  }

  private update(): void {
    this.alarm = this.model.alarm(this.alarm.id) ?? this.alarm;
    const { clip, clip_ready: ready } = this.alarm;
    if (clip && ready && !this.showsClip) {
      this.showsClip = true;
      void this.showClip(clip);
    } else if (!ready) {
      setText(this.note, clip ? "The clip is being recorded; it starts here when it is ready."
                              : "This rule records no clip.");
    }
  }

  private async showPicture(path: string): Promise<void> {
    try {
      const url = await this.session.media(path);
      this.urls.push(url);
      const alt = `The moment of the alarm: ${this.alarm.message}`;
      if (!this.showsClip) this.stage.replaceChildren(el("img", { src: url, alt }));
    } catch {
      // The note says what there is of the clip; without a picture nothing else is lost.
    }
  }

  private async showClip(path: string): Promise<void> {
    try {
      const url = await this.session.media(path);
      this.urls.push(url);
      const video = el("video", { src: url, controls: true, autoplay: true, loop: true, playsinline: true,
                                  "aria-label": `Clip of ${this.alarm.rule}` });
      video.muted = true;
      video.addEventListener("error", () => setText(this.note, "This browser cannot play the clip."));
      this.stage.replaceChildren(video);
      this.note.replaceChildren(el("a", { href: url, download: `${this.alarm.id}.mp4` },
                                   "Save the clip"));
    } catch (error) {
      setText(this.note, error instanceof ApiError ? error.message : "The clip cannot be loaded.");
    }
  }
}
