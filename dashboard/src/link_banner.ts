// Says that the server is away, since when, why, and when the page tries again.
import { el, icon, setText } from "./dom";
import { clock, wholeSeconds } from "./format";
import { kIcons } from "./icons";
import type { LiveSocket } from "./live_socket";

export class LinkBanner {
  readonly element = el("div", { class: "banner", role: "alert" });
  private readonly text = el("span");
  private readonly next = el("span", { "aria-hidden": "true" }); // a countdown is not read aloud
  private since = 0;

  constructor(private readonly socket: LiveSocket) {
    const again = el("button", { type: "button", onclick: () => socket.connectNow() }, "Try now");
    this.element.append(icon(kIcons.warning), this.text, this.next, again);
    this.element.hidden = true;
    socket.link.listen(() => this.update());
  }

  tick(): void {
    const link = this.socket.current;
    if (this.element.hidden) return;
    setText(this.next, link.state === "lost"
      ? `Trying again in ${wholeSeconds((link.retryAt - Date.now()) / 1000)}.` : "Trying again now.");
  }

  private update(): void {
    const link = this.socket.current;
    document.documentElement.dataset.link = link.state;
    if (link.state === "open" || link.state === "refused") {
      this.since = 0;
      this.element.hidden = true;
      return;
    }
    if (link.state !== "lost") return this.tick();
    this.since ||= Date.now();
    this.element.hidden = false;
    setText(this.text, `Connection lost at ${clock(new Date(this.since).toISOString(), Date.now())}: ` +
                       `${link.why}. What you see is from before.`);
    this.tick();
  }
}
