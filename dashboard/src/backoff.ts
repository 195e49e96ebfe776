// How long to wait before trying again: doubling, bounded, with jitter so that many pages do not
// come back at one moment.

export class Backoff {
  private failures = 0;

  constructor(private readonly least = 500, private readonly most = 15_000,
              private readonly random: () => number = Math.random) {}

  // Milliseconds; half of it is certain, half is chance.
  next(): number {
    const full = Math.min(this.most, this.least * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 30);
    return full / 2 + this.random() * (full / 2);
  }

  reset(): void {
    this.failures = 0;
  }
}
