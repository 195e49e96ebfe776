// A canvas that shows the newest picture of one camera with what was found on it. It draws at most
// once a display frame, only what changed, at the display's own pixels.
import { contain } from "./geometry";
import { el, setAttribute } from "./dom";
import { describe, drawOverlay } from "./overlay";
import type { Picture } from "./frame_decoder";
import type { CameraStatus, FrameHeader } from "./protocol";

const kDescribeEvery = 2_000; // ms

export class LiveCanvas {
  readonly element: HTMLCanvasElement;
  header: FrameHeader | null = null;
  status: CameraStatus | null = null;
  private bitmap: ImageBitmap | null = null;
  private scheduled = false;
  private described = 0;
  private readonly observer: ResizeObserver;

  constructor(private readonly detailed: boolean) {
    this.element = el("canvas", { role: "img", "aria-label": "no picture yet" });
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(this.element);
  }

  show(picture: Picture): void {
    this.bitmap?.close();
    this.bitmap = picture.bitmap;
    this.header = picture.header;
    this.redraw();
    const now = Date.now();
    if (now - this.described > kDescribeEvery) {
      this.described = now;
      setAttribute(this.element, "aria-label", `${picture.header.camera}: ${describe(picture.header)}`);
    }
  }

  redraw(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.draw();
    });
  }

  // The picture is gone; what it held is given back.
  clear(): void {
    this.bitmap?.close();
    this.bitmap = null;
    this.header = null;
    setAttribute(this.element, "aria-label", "no picture yet");
    this.redraw();
  }

  close(): void {
    this.observer.disconnect();
    this.bitmap?.close();
    this.bitmap = null;
  }

  private draw(): void {
    const { element } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(element.clientWidth * ratio);
    const height = Math.round(element.clientHeight * ratio);
    if (width === 0 || height === 0) return;
    if (element.width !== width || element.height !== height) {
      element.width = width;
      element.height = height;
    }
    const context = element.getContext("2d", { alpha: false });
    if (!context) return;
    context.fillStyle = "#05080a";
    context.fillRect(0, 0, width, height);
    if (!this.bitmap || !this.header) return;
    const place = contain(this.header, { width, height });
    context.drawImage(this.bitmap, place.x, place.y, place.width, place.height);
    drawOverlay(context, place, this.header, this.status?.zones ?? [], this.status?.lines ?? [],
                { ratio, detailed: this.detailed });
  }
}
