// A modal window: Escape and a click beside it close it, focus stays inside and goes back after.
import { el, icon } from "./dom";
import { kIcons } from "./icons";

let numbered = 0;

export class Dialog {
  readonly element: HTMLDialogElement;
  readonly title = el("h2");
  readonly actions = el("div", { class: "actions" });
  readonly body = el("div", { class: "body" });
  private ended = false;

  constructor(kind: string, private readonly closed: () => void, cancelable = true) {
    this.title.id = `dialog-${++numbered}`;
    const close = el("button", { type: "button", class: "icon-button close", "aria-label": "Close",
                                 onclick: () => this.close() }, icon(kIcons.close));
    this.element = el("dialog", { class: kind, "aria-labelledby": this.title.id },
      el("header", {}, this.title, this.actions, cancelable && close), this.body);
    this.element.addEventListener("close", () => this.close()); // Escape
    if (!cancelable) this.element.addEventListener("cancel", (event) => event.preventDefault());
    this.element.addEventListener("mousedown", (event) => {
      if (cancelable && event.target === this.element) this.close();
    });
  }

  show(): void {
    document.body.append(this.element);
    this.element.showModal();
  }

  // At once: the browser's own close event comes a task later, when the next window may be open.
  close(): void {
    if (this.ended) return;
    this.ended = true;
    this.element.close();
    this.element.remove();
    this.closed();
  }
}
