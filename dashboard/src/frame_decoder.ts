// JPEGs to bitmaps off the main thread, a few at a time. Newest wins: a frame whose turn has not
// come when its camera's next one arrives is dropped and counted, so that a slow machine shows fewer
// pictures and not older ones.
import type { Frame, FrameHeader } from "./protocol";

export interface Picture {
  header: FrameHeader;
  bitmap: ImageBitmap;
}

export class FrameDecoder {
  shown = 0;
  dropped = 0;
  private readonly waiting = new Map<string, Frame>(); // in order of arrival
  private running = 0;

  constructor(
    private readonly deliver: (picture: Picture) => void,
    private readonly decode: (jpeg: Blob) => Promise<ImageBitmap> = (jpeg) => createImageBitmap(jpeg),
    private readonly most = 4) {}

  push(frame: Frame): void {
    const camera = frame.header.camera;
    // A frame that replaces a waiting one keeps its place in the line.
    if (this.waiting.has(camera)) ++this.dropped;
    this.waiting.set(camera, frame);
    this.pump();
  }

  forget(): void {
    this.waiting.clear();
  }

  private pump(): void {
    while (this.running < this.most) {
      const next = this.waiting.entries().next();
      if (next.done) return;
      const [camera, frame] = next.value;
      this.waiting.delete(camera);
      ++this.running;
      void this.run(frame);
    }
  }

  private async run(frame: Frame): Promise<void> {
    try {
      const bitmap = await this.decode(frame.jpeg);
      ++this.shown;
      this.deliver({ header: frame.header, bitmap });
    } catch {
      ++this.dropped; // a damaged JPEG
    } finally {
      --this.running;
      this.pump();
    }
  }
}
