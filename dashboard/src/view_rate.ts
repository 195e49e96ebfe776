// How many pictures a second to ask for: fewer while this machine drops them, more again slowly.

const kLeast = 1;

export class ViewRate {
  private quiet = 0; // periods in a row without a drop

  constructor(private current: number, private most = current) {}

  get fps(): number {
    return Math.round(this.current * 10) / 10;
  }

  // Another view wants another rate.
  limit(most: number): void {
    this.most = most;
    this.current = most;
    this.quiet = 0;
  }

  // Called every few seconds with what happened in them. Says whether the rate changed.
  period(shown: number, dropped: number): boolean {
    const before = this.fps;
    const total = shown + dropped;
    if (total > 0 && dropped / total > 0.2) {
      this.quiet = 0;
      this.current = Math.max(kLeast, this.current * 0.7);
    } else if (++this.quiet >= 4) {
      this.quiet = 0;
      this.current = Math.min(this.most, this.current * 1.25);
    }
    return this.fps !== before;
  }
}
