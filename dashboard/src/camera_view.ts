// One camera, large: its picture with zones and lines, its figures, and what one can do to it.
import { CameraFacts } from "./camera_facts";
import { coverOf } from "./camera_words";
import { Dialog } from "./dialogs";
import { el, icon, setText } from "./dom";
import { askedWidth } from "./geometry";
import type { Picture } from "./frame_decoder";
import { kIcons, kStateIcons, kStateWords } from "./icons";
import { LiveCanvas } from "./live_canvas";
import type { CameraState, CameraStatus } from "./protocol";
import { ApiError, cameraPath, type Session } from "./session";
import type { SiteModel } from "./site_model";

export interface CameraViewEvents {
  step: (by: -1 | 1) => void; // to the camera before or after
  closed: () => void;
  resized: () => void; // another width is worth asking for
}

export class CameraView {
  private readonly dialog: Dialog;
  private readonly canvas = new LiveCanvas(true);
  private readonly stage: HTMLElement;
  private readonly cover = el("div", { class: "cover" });
  private readonly state = el("span", { class: "state" });
  private readonly said = el("p", { class: "said", role: "alert" });
  private readonly facts = new CameraFacts();
  private readonly pause = el("button", { type: "button" });
  private readonly confirm = el("div", { class: "confirm" });
  private shownState: CameraState | null = null;

  constructor(readonly name: string, private readonly model: SiteModel,
              private readonly session: Session, events: CameraViewEvents) {
    const observer = new ResizeObserver(() => events.resized());
    const ends = [model.camerasChanged.listen(() => this.update())];
    this.dialog = new Dialog("camera-view", () => {
      observer.disconnect();
      for (const end of ends) end();
      this.canvas.close();
      events.closed();
    });
    setText(this.dialog.title, name);
    this.dialog.title.after(this.state);
    const arrow = (label: string, path: string, by: -1 | 1) =>
      el("button", { type: "button", class: "icon-button", "aria-label": label, title: label,
                     onclick: () => events.step(by) }, icon(path));
    const remove = el("button", { type: "button", class: "danger-quiet" }, icon(kIcons.bin), "Remove");
    remove.addEventListener("click", () => this.askRemoval());
    this.pause.addEventListener("click", () => void this.togglePause());
    this.dialog.actions.append(arrow("Camera before", kIcons.left, -1),
                               arrow("Camera after", kIcons.right, 1), this.pause, remove);
    this.cover.append(el("p", { class: "cover-head" }), el("p", { class: "cover-next" }),
                      el("p", { class: "cover-why" }));
    this.stage = el("div", { class: "stage" }, this.canvas.element, this.cover);
    this.confirm.hidden = true;
    this.said.hidden = true;
    this.dialog.body.append(el("div", { class: "stage-side" }, this.confirm, this.said, this.stage),
                            this.facts.element);
    this.dialog.element.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "ArrowLeft") events.step(-1);
      if (event.key === "ArrowRight") events.step(1);
    });
    this.update();
    this.dialog.show();
    observer.observe(this.stage);
  }

  get pictureWidth(): number {
    return askedWidth(this.stage.clientWidth, window.devicePixelRatio || 1);
  }

  show(picture: Picture): void {
    this.canvas.show(picture);
    this.tick();
  }

  close(): void {
    this.dialog.close();
  }

  tick(): void {
    const status = this.model.camera(this.name);
    if (!status) return;
    const cover = coverOf(status, this.model.clock.now()) ??
      (this.canvas.header ? null : { head: "Waiting for its first picture", next: "", why: "" });
    this.cover.hidden = !cover;
    const [head, next, why] = this.cover.children;
    setText(head!, cover?.head ?? "");
    setText(next!, cover?.next ?? "");
    setText(why!, cover?.why ?? "");
  }

  private update(): void {
    const status = this.model.camera(this.name);
    if (!status) return this.close(); // removed, here or elsewhere
    if (status.state !== this.shownState) this.showState(status.state);
    this.canvas.status = status;
    this.canvas.redraw();
    this.facts.update(status);
    this.tick();
  }

  private showState(state: CameraState): void {
    this.shownState = state;
    this.dialog.element.dataset.state = state;
    this.state.replaceChildren(icon(kStateIcons[state]), kStateWords[state]);
    const paused = state === "paused";
    this.pause.replaceChildren(icon(paused ? kIcons.play : kIcons.pause), paused ? "Resume" : "Pause");
  }

  private async togglePause(): Promise<void> {
    const action = this.shownState === "paused" ? "resume" : "pause";
    await this.act(this.pause, async () => {
      const answer = await this.session.request("POST", cameraPath(this.name, action));
      this.model.setCamera(await answer.json() as CameraStatus);
    });
  }

  private askRemoval(): void {
    const keep = el("button", { type: "button" }, "Keep it");
    const remove = el("button", { type: "button", class: "danger" }, "Remove it");
    keep.addEventListener("click", () => {
      this.confirm.hidden = true;
      this.dialog.actions.querySelector<HTMLElement>(".danger-quiet")?.focus();
    });
    remove.addEventListener("click", () => void this.act(remove, async () => {
      await this.session.request("DELETE", cameraPath(this.name));
      this.model.removeCamera(this.name);
    }));
    this.confirm.replaceChildren(
      el("p", {}, `Remove ${this.name}? Its alarms and clips stay; the camera stops at once.`),
      remove, keep);
    this.confirm.hidden = false;
    keep.focus();
  }

  private async act(button: HTMLButtonElement, action: () => Promise<void>): Promise<void> {
    button.disabled = true;
    this.said.hidden = true;
    try {
      await action();
    } catch (error) {
      setText(this.said, error instanceof ApiError ? error.message : "The server does not answer.");
      this.said.hidden = false;
    } finally {
      button.disabled = false;
    }
  }
}
