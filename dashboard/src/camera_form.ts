// The form that adds a camera. Name and address are enough; the rest is folded away.
import { cameraRequest, type CameraFields } from "./camera_request";
import { Dialog } from "./dialogs";
import { el, setText } from "./dom";
import type { CameraStatus } from "./protocol";
import { ApiError, type Session } from "./session";
import type { SiteModel } from "./site_model";

function field(name: string, label: string, hint: string, control: HTMLElement): HTMLElement {
  control.id = `camera-${name}`;
  control.setAttribute("name", name);
  const hintId = `${control.id}-hint`;
  if (hint) control.setAttribute("aria-describedby", hintId);
  return el("div", { class: "field" }, el("label", { for: control.id }, label), control,
            hint && el("p", { class: "hint", id: hintId }, hint));
}

function choice(values: readonly (readonly [string, string])[]): HTMLSelectElement {
  return el("select", {}, ...values.map(([value, text]) => el("option", { value }, text)));
}

function tick(name: string, label: string): HTMLElement {
  const id = `camera-${name}`;
  return el("div", { class: "field tick" }, el("input", { type: "checkbox", id, name }),
            el("label", { for: id }, label));
}

export class CameraForm {
  private readonly dialog: Dialog;
  private readonly said = el("p", { class: "said", role: "alert" });
  private readonly form = el("form", { novalidate: true });
  private readonly submit = el("button", { type: "submit", class: "primary" }, "Add the camera");

  constructor(private readonly model: SiteModel, private readonly session: Session,
              closed: (added: string | null) => void) {
    let added: string | null = null;
    this.dialog = new Dialog("camera-form", () => closed(added));
    setText(this.dialog.title, "Add a camera");
    this.said.hidden = true;
    this.form.append(...this.fields(), this.said,
      el("div", { class: "buttons" }, this.submit,
         el("button", { type: "button", onclick: () => this.dialog.close() }, "Cancel")));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send().then((name) => {
        if (name === null) return;
        added = name;
        this.dialog.close();
      });
    });
    this.dialog.body.append(this.form);
    this.dialog.show();
    this.form.querySelector("input")?.focus();
  }

  close(): void {
    this.dialog.close();
  }

  private fields(): HTMLElement[] {
    const text = (placeholder = "") => el("input", { type: "text", autocomplete: "off", spellcheck: "false",
                                                     autocapitalize: "off", placeholder });
    const models = (this.model.site?.models ?? []).map(({ name }) => [name, name] as const);
    return [
      field("name", "Name", "Letters, digits, '_', '-' and '.'", text("line-2")),
      field("url", "Address", "rtsp://, http://, file:, /dev/video0 or synthetic:pcb?size=1280x720&fps=25",
            text("rtsp://user:password@10.0.0.6/1")),
      el("details", {}, el("summary", {}, "More settings"),
        el("div", { class: "fields" },
          field("model", "Model", "", choice([["", "the default"], ...models])),
          field("fps_max", "Most frames/s analysed", "Empty: as many as come and fit", text()),
          field("priority", "Priority", "", choice([["", "normal"], ["realtime", "realtime"],
                                                    ["high", "high"], ["low", "low"]])),
          field("transport", "RTSP over", "", choice([["", "TCP"], ["udp", "UDP"]])),
          field("confidence", "Least confidence", "0 to 1; empty: the model's own", text()),
          field("classes", "Only these classes", "Names with commas between; empty: all", text()),
          tick("motion_gate", "Skip inference while nothing moves"),
          tick("loop", "Play a file again and again"))),
    ];
  }

  // The name of the camera that was added; null where it was not, and why is said.
  private async send(): Promise<string | null> {
    const fields: CameraFields = {};
    new FormData(this.form).forEach((value, key) => (fields[key] = String(value)));
    const body = cameraRequest(fields);
    for (const key of ["name", "url"]) {
      if (!(fields[key] ?? "").trim()) return this.say(`A camera needs ${key === "url" ? "an address" : "a name"}.`, key);
    }
    if (typeof body === "string") return this.say(body, body.split(":")[0]!);
    this.submit.disabled = true;
    try {
      const answer = await this.session.request("POST", "/api/v1/cameras", body);
      const status = await answer.json() as CameraStatus;
      this.model.setCamera(status);
      return status.name;
    } catch (error) {
      if (!(error instanceof ApiError)) return this.say("The server does not answer.", "");
      const named = Object.keys(fields).find((key) => new RegExp(`\\b${key}\\b`).test(error.message));
      return this.say(error.message, named ?? "");
    } finally {
      this.submit.disabled = false;
    }
  }

  private say(text: string, key: string): null {
    setText(this.said, text);
    this.said.hidden = false;
    for (const control of this.form.querySelectorAll("[aria-invalid]")) {
      control.removeAttribute("aria-invalid");
    }
    const control = key ? this.form.querySelector<HTMLElement>(`[name="${key}"]`) : null;
    control?.closest("details")?.setAttribute("open", "");
    control?.setAttribute("aria-invalid", "true");
    control?.focus();
    return null;
  }
}
