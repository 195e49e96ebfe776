// All cameras at once, as large as fits without scrolling; on a phone, one below the other. Knows
// which tiles are on the screen, so that only those are asked for.
import { el, setText } from "./dom";
import { askedWidth, bestGrid, type Grid } from "./geometry";
import type { Picture } from "./frame_decoder";
import type { Alarm, CameraStatus } from "./protocol";
import { Signal } from "./signal";
import { Tile } from "./tile";

const kGap = 10; // px, as in mosaic.css
const kRim = 4; // px around the tiles, for their outlines; as in mosaic.css
const kNarrowCaption = 430; // px of width under which a caption takes two lines
const kLeastWidth = 170; // px; with more cameras than that leaves room for, the mosaic scrolls
const kStacked = "(max-width: 820px)";

export class Mosaic {
  readonly element = el("section", { class: "mosaic", "aria-label": "Cameras" });
  readonly visibleChanged = new Signal<void>();
  private readonly list = el("ul", { id: "cameras", tabindex: "-1" });
  private readonly empty = el("div", { class: "empty" });
  private readonly tiles = new Map<string, Tile>();
  private readonly visible = new Set<string>();
  private readonly seen: IntersectionObserver;
  private grid: Grid = { columns: 1, rows: 1, pictureWidth: 0 };

  constructor(private readonly open: (name: string) => void, add: () => void) {
    this.empty.append(el("h2", {}, "No cameras yet"),
                      el("p", {}, "Add one here, or as [[camera]] in the configuration."),
                      el("button", { type: "button", class: "primary", onclick: add }, "Add a camera"));
    this.empty.hidden = true;
    this.element.append(this.list, this.empty);
    this.seen = new IntersectionObserver((entries) => this.sawChange(entries), { rootMargin: "100px" });
    new ResizeObserver(() => this.layOut()).observe(this.element);
    this.list.addEventListener("keydown", (event) => this.move(event));
  }

  get visibleCameras(): string[] {
    return [...this.tiles.keys()].filter((name) => this.visible.has(name));
  }

  // To ask of the server: what the widest visible picture needs.
  get pictureWidth(): number {
    let widest = 0;
    for (const name of this.visible) {
      widest = Math.max(widest, this.tiles.get(name)?.picture.clientWidth ?? 0);
    }
    return askedWidth(widest, window.devicePixelRatio || 1);
  }

  update(cameras: readonly CameraStatus[], now: number): void {
    const names = new Set(cameras.map(({ name }) => name));
    let changed = false;
    for (const [name, tile] of this.tiles) {
      if (names.has(name)) continue;
      this.seen.unobserve(tile.element);
      tile.close();
      this.tiles.delete(name);
      this.visible.delete(name);
      changed = true;
    }
    cameras.forEach((status, index) => {
      let tile = this.tiles.get(status.name);
      if (!tile) {
        tile = new Tile(status, this.open);
        this.tiles.set(status.name, tile);
        this.seen.observe(tile.element);
        changed = true;
      }
      if (this.list.children[index] !== tile.element) {
        this.list.insertBefore(tile.element, this.list.children[index] ?? null);
      }
      tile.update(status, now);
    });
    this.empty.hidden = cameras.length > 0;
    if (!changed) return;
    this.layOut();
    this.visibleChanged.emit();
  }

  tick(now: number): void {
    for (const tile of this.tiles.values()) tile.tick(now);
  }

  show(picture: Picture): boolean {
    const tile = this.tiles.get(picture.header.camera);
    tile?.canvas.show(picture);
    return tile !== undefined;
  }

  alarmed(alarm: Alarm): void {
    this.tiles.get(alarm.camera)?.alarmed(alarm);
  }

  focus(name: string): void {
    this.tiles.get(name)?.button.focus();
  }

  private layOut(): void {
    const stacked = window.matchMedia(kStacked).matches;
    const space = {
      width: this.element.clientWidth - 2 * kRim, height: this.element.clientHeight - 2 * kRim, gap: kGap,
      aspect: 16 / 9, caption: (width: number) => (width < kNarrowCaption ? 58 : 36),
    };
    if (space.width <= 0) return;
    this.grid = bestGrid(this.tiles.size, space);
    const least = Math.min(kLeastWidth, space.width);
    if (this.grid.pictureWidth < least) {
      const columns = Math.max(1, Math.floor((space.width + kGap) / (least + kGap)));
      const width = Math.floor((space.width - kGap * (columns - 1)) / columns);
      this.grid = { columns, rows: Math.ceil(this.tiles.size / columns), pictureWidth: width };
    }
    const width = stacked ? space.width : this.grid.pictureWidth;
    this.list.style.setProperty("--columns", String(stacked ? 1 : this.grid.columns));
    this.list.style.setProperty("--picture", `${width}px`);
    this.list.classList.toggle("narrow", width < kNarrowCaption);
    this.visibleChanged.emit();
  }

  private sawChange(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const name = (target as HTMLElement).dataset.camera!;
      if (isIntersecting) this.visible.add(name);
      else this.visible.delete(name);
    }
    this.visibleChanged.emit();
  }

  // Arrow keys move between tiles; Tab does too.
  private move(event: KeyboardEvent): void {
    const columns = window.matchMedia(kStacked).matches ? 1 : this.grid.columns;
    const steps: Record<string, number> = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
    };
    const buttons = [...this.tiles.keys()].map((name) => this.tiles.get(name)!)
      .sort((a, b) => a.element.compareDocumentPosition(b.element) & 4 ? -1 : 1)
      .map((tile) => tile.button);
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (at < 0) return;
    const to = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1
      : event.key in steps ? at + steps[event.key]! : -1;
    if (!buttons[to]) return;
    event.preventDefault();
    buttons[to].focus();
  }
}

// The page's first line: how many cameras do what.
export function summary(element: HTMLElement, cameras: readonly CameraStatus[]): void {
  const running = cameras.filter(({ state }) => state === "running").length;
  const others = (["waiting", "connecting", "paused", "ended"] as const)
    .map((state) => [state, cameras.filter((camera) => camera.state === state).length] as const)
    .filter(([, many]) => many > 0)
    .map(([state, many]) => `${many} ${state}`);
  const text = cameras.length === 0 ? "no cameras"
    : `${running} of ${cameras.length} cameras running${others.map((other) => ` · ${other}`).join("")}`;
  setText(element, text);
  element.dataset.trouble = String(cameras.some(({ state }) => state === "waiting"));
}
