// The server's clock as seen from here: times in messages are its own, and the two may differ.

export class ServerClock {
  private offset: number | null = null;

  constructor(private readonly own: () => number = Date.now) {}

  // Of a message's time stamp. The delay on the way only ever makes the offset smaller: the largest
  // one seen is nearest; it drifts down slowly so that a clock that was set back is followed.
  heard(iso: string): void {
    const time = Date.parse(iso);
    if (Number.isNaN(time)) return;
    const offset = time - this.own();
    const far = this.offset === null || Math.abs(offset - this.offset) > 5_000;
    this.offset = far ? offset : Math.max(offset, this.offset! - 1);
  }

  now(): number {
    return this.own() + (this.offset ?? 0);
  }
}
