// Dark, light, or as the system says; remembered.
import { el, icon } from "./dom";
import { kIcons } from "./icons";
import { Signal } from "./signal";

const kThemes = ["auto", "dark", "light"] as const;
type Theme = (typeof kThemes)[number];
const kStored = "shoal.theme";
const kWords: Record<Theme, string> = { auto: "as the system", dark: "dark", light: "light" };

export class ThemeSwitch {
  readonly element = el("button", { type: "button", class: "icon-button theme" });
  readonly changed = new Signal<void>();
  private theme: Theme;

  constructor() {
    const stored = localStorage.getItem(kStored);
    this.theme = kThemes.find((theme) => theme === stored) ?? "auto";
    this.element.addEventListener("click", () => {
      this.theme = kThemes[(kThemes.indexOf(this.theme) + 1) % kThemes.length]!;
      localStorage.setItem(kStored, this.theme);
      this.apply();
    });
    window.matchMedia("(prefers-color-scheme: dark)")
      .addEventListener("change", () => this.changed.emit());
    this.apply();
  }

  private apply(): void {
    document.documentElement.dataset.theme = this.theme;
    this.element.replaceChildren(icon(kIcons[this.theme]));
    const label = `Colours: ${kWords[this.theme]}`;
    this.element.setAttribute("aria-label", label);
    this.element.title = label;
    this.changed.emit();
  }
}
