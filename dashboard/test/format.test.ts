// Goal: figures and times read as people write them, without jumps at the units' edges.
import { describe, expect, it } from "vitest";
import { ago, bytes, clock, count, duration, percent, plural, rate, when, wholeSeconds } from "../src/format";

const local = (iso: string) => new Date(iso).toISOString(); // local time of day as an instant

describe("format", () => {
  it.each([[0, "0 ms"], [41.2, "41 ms"], [999.4, "999 ms"], [999.6, "1.0 s"], [1234, "1.2 s"],
           [9949, "9.9 s"], [9951, "10 s"], [65_000, "1 min 5 s"], [60_000, "1 min"],
           [3_780_000, "1 h 3 min"], [200_000_000, "2 d 7 h"], [-5, "0 ms"], [NaN, "–"]])(
    "duration of %d ms is %s", (ms, text) => expect(duration(ms)).toBe(text));

  it.each([[0, "0 s"], [0.2, "1 s"], [59, "59 s"], [60, "1 min"], [3661, "1 h 1 min"], [-3, "0 s"]])(
    "a countdown of %d s is %s", (seconds, text) => expect(wholeSeconds(seconds)).toBe(text));

  it.each([[0, "0.0"], [9.94, "9.9"], [99.94, "99.9"], [99.96, "100"], [1234.5, "1,235"], [NaN, "–"]])(
    "a rate of %d is %s", (value, text) => expect(rate(value)).toBe(text));

  it.each([[0, "0 B"], [999, "999 B"], [310_000_000, "296 MiB"], [8_000_000_000, "7.5 GiB"],
           [1_048_576, "1.0 MiB"], [20_000_000_000, "19 GiB"]])(
    "%d bytes are %s", (value, text) => expect(bytes(value)).toBe(text));

  it("counts and shares", () => {
    expect(count(1280)).toBe("1,280");
    expect(percent(0.934)).toBe("93 %");
    expect(percent(0.001)).toBe("< 1 %");
    expect(percent(0)).toBe("0 %");
    expect(plural(1, "lane")).toBe("1 lane");
    expect(plural(2, "lane")).toBe("2 lanes");
  });

  it("shows the clock, and the date of another day", () => {
    const now = new Date(2026, 10, 21, 15, 0, 0).getTime();
    expect(clock(local("2026-11-21T14:03:09"), now)).toBe("14:03:09");
    expect(clock(local("2026-11-20T14:03:09"), now)).toBe("2026-11-20 14:03:09");
    expect(clock("nonsense", now)).toBe("nonsense");
  });

  it("lists by age while that is fresh, then by the clock", () => {
    const now = new Date(2026, 10, 21, 15, 0, 0).getTime();
    expect(when(new Date(now - 59_000).toISOString(), now)).toBe("59 s ago");
    expect(when(new Date(now - 61_000).toISOString(), now)).toBe("14:58:59");
  });

  it.each([[0, "now"], [12, "12 s ago"], [59.9, "59 s ago"], [200, "3 min ago"], [7200, "2 h ago"],
           [200_000, "2 d ago"]])("%d s before now is %s", (seconds, text) => {
    const now = Date.parse("2026-11-21T08:00:00Z");
    expect(ago(new Date(now - seconds * 1000).toISOString(), now)).toBe(text);
  });
});
