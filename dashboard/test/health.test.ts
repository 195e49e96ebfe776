// Goal: a curve turns red when something is wrong, says what, and stays calm otherwise.
import { describe, expect, it } from "vitest";
import { reasonFor } from "../src/health";
import type { Point } from "../src/history";

const calm: Omit<Point, "time"> = {
  images: 40, p50: 40, p99: 90, batch: 3.4, batchMax: 8, memory: 3e8, memoryLimit: 8e9, waiting: 0,
  idleLanes: 1, lanes: 2, running: 4, cpu: 0.9,
};

function run(seconds: number, change: (second: number) => Partial<Point> = () => ({})): Point[] {
  return Array.from({ length: seconds }, (_, second) => ({ ...calm, time: 1e9 + second, ...change(second) }));
}

const late = (seconds: number, change: Partial<Point>) =>
  run(seconds, (second) => (second >= seconds - 12 ? change : {}));

describe("a curve's reason", () => {
  it("is none while all is well, or nothing is known", () => {
    for (const curve of ["images", "latency", "batch", "memory"] as const) {
      expect(reasonFor(curve, run(200))).toBeNull();
      expect(reasonFor(curve, [])).toBeNull();
    }
  });

  it("one bad second is not one", () => {
    const spike = run(200, (second) => (second === 199 ? { images: 0, p99: 2000, waiting: 60 } : {}));
    for (const curve of ["images", "latency", "batch"] as const) expect(reasonFor(curve, spike)).toBeNull();
  });

  it("nothing analysed while cameras run", () => {
    expect(reasonFor("images", late(100, { images: 0 }))).toMatch(/nothing analysed for 10 s.*4 cameras run/);
    expect(reasonFor("images", late(100, { images: 0, running: 0 }))).not.toMatch(/nothing analysed/);
  });

  it("half of what was usual, with the likeliest cause", () => {
    expect(reasonFor("images", late(100, { images: 15, running: 2 }))).toMatch(/from 40.0.*2 of 4 cameras still run/);
    expect(reasonFor("images", late(100, { images: 15, waiting: 30, idleLanes: 0 }))).toMatch(/30 wait, all 2 lanes busy/);
    expect(reasonFor("images", late(30, { images: 15 }))).toBeNull(); // too young to know the usual
  });

  it("slow answers", () => {
    expect(reasonFor("latency", late(50, { p99: 900, waiting: 12, idleLanes: 0 })))
      .toMatch(/p99 above 500 ms: 12 wait, all 2 lanes busy/);
    expect(reasonFor("latency", late(50, { p99: 900, idleLanes: 0, cpu: 1 }))).toMatch(/all 2 lanes busy, CPU 100 %/);
    expect(reasonFor("latency", late(50, { p99: 900 }))).toMatch(/nothing waits, 1 of 2 lanes idle/);
  });

  it("starved batches, or more than the network can do", () => {
    expect(reasonFor("batch", late(50, { waiting: 30, batch: 1.5 }))).toMatch(/yet batches of 1.5 of 8/);
    expect(reasonFor("batch", late(50, { waiting: 30, batch: 8 }))).toMatch(/more than the network can do/);
  });

  it("memory near its limit, and whether it grew", () => {
    expect(reasonFor("memory", late(50, { memory: 7.5e9 }))).toMatch(/94 % of the limit; grew by 6.7 GiB/);
    expect(reasonFor("memory", run(50, () => ({ memory: 7.5e9 })))).toBe("94 % of the limit");
    expect(reasonFor("memory", run(50, () => ({ memory: 7.5e9, memoryLimit: 0 })))).toBeNull();
  });
});
