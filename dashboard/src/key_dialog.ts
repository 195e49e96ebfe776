// Asks for the API key when the server wants one.
import { Dialog } from "./dialogs";
import { el, setText } from "./dom";
import type { Session } from "./session";

export class KeyDialog {
  private dialog: Dialog | null = null;

  constructor(private readonly session: Session) {
    session.refused.listen(() => this.ask());
    session.keyChanged.listen(() => this.dialog?.close());
  }

  private ask(): void {
    if (this.dialog) return;
    const input = el("input", { type: "password", id: "api-key", autocomplete: "current-password" });
    const said = el("p", { class: "said", role: "alert" },
                    this.session.key ? "The server does not take this key." : "");
    said.hidden = !this.session.key;
    const form = el("form", {},
      el("p", {}, "This server asks for an API key. It is kept until this tab is closed."),
      el("div", { class: "field" }, el("label", { for: "api-key" }, "API key"), input), said,
      el("div", { class: "buttons" }, el("button", { type: "submit", class: "primary" }, "Go on")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value) this.session.setKey(input.value.trim());
    });
    this.dialog = new Dialog("key-dialog", () => (this.dialog = null), false);
    setText(this.dialog.title, "Key needed");
    this.dialog.body.append(form);
    this.dialog.show();
    input.focus();
  }
}
