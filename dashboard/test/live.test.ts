// Goal: what keeps the page live under load and after losses: dropping, rates, backing off, clocks,
// history, routes. Method: each with its own clock, chance and decoder.
import { describe, expect, it } from "vitest";
import { Backoff } from "../src/backoff";
import { FrameDecoder } from "../src/frame_decoder";
import { History, kWindow, windowOf } from "../src/history";
import type { Frame, FrameHeader, Site } from "../src/protocol";
import { hashOf, routeOf } from "../src/route";
import { ServerClock } from "../src/server_clock";
import { ViewRate } from "../src/view_rate";

function frame(camera: string, number: number): Frame {
  return { header: { camera, frame: number } as FrameHeader, jpeg: new Blob([]) };
}

describe("the decoder", () => {
  it("is bounded, drops the older frame of a camera, and lets none starve", async () => {
    const begun: Array<() => void> = [];
    const shown: string[] = [];
    let open = 0;
    let most = 0;
    const decoder = new FrameDecoder(
      ({ header }) => shown.push(`${header.camera}${header.frame}`),
      () => new Promise((done) => {
        most = Math.max(most, ++open);
        begun.push(() => { --open; done({} as ImageBitmap); });
      }), 2);
    for (let number = 0; number < 5; ++number) {
      for (const camera of ["a", "b", "c", "d"]) decoder.push(frame(camera, number));
    }
    while (begun.length > 0) {
      begun.shift()!();
      await new Promise((done) => setTimeout(done));
    }
    expect(most).toBe(2);
    expect(shown).toEqual(["a0", "b0", "c4", "d4", "a4", "b4"]);
    expect([decoder.shown, decoder.dropped]).toEqual([6, 14]);
  });

  it("goes on after a picture that is damaged", async () => {
    const shown: number[] = [];
    const decoder = new FrameDecoder(({ header }) => shown.push(header.frame), async () => {
      if (decoder.dropped === 0) throw new Error("damaged");
      return {} as ImageBitmap;
    });
    decoder.push(frame("a", 1));
    await new Promise((done) => setTimeout(done));
    decoder.push(frame("a", 2));
    await new Promise((done) => setTimeout(done));
    expect([shown, decoder.dropped]).toEqual([[2], 1]);
  });
});

describe("the rate that is asked for", () => {
  it("falls while frames are dropped, rises slowly, and stays in its bounds", () => {
    const rate = new ViewRate(8);
    expect(rate.period(50, 50)).toBe(true);
    expect(rate.fps).toBe(5.6);
    for (let i = 0; i < 20; ++i) rate.period(1, 9);
    expect(rate.fps).toBe(1);
    for (let i = 0; i < 3; ++i) expect(rate.period(90, 1)).toBe(false);
    expect(rate.period(90, 1)).toBe(true);
    for (let i = 0; i < 100; ++i) rate.period(90, 0);
    expect(rate.fps).toBe(8);
  });
});

describe("trying again", () => {
  it("waits twice as long each time, within bounds and with jitter", () => {
    const least = new Backoff(500, 15_000, () => 0);
    const most = new Backoff(500, 15_000, () => 1);
    expect([1, 2, 3, 4, 5, 6, 7].map(() => least.next())).toEqual([250, 500, 1000, 2000, 4000, 7500, 7500]);
    expect([1, 2, 3].map(() => most.next())).toEqual([500, 1000, 2000]);
    most.reset();
    expect(most.next()).toBe(500);
  });
});

describe("the server's clock", () => {
  it("is known through differences and delays", () => {
    let own = 1_000_000;
    const clock = new ServerClock(() => own);
    const server = (ahead: number, delay: number) => new Date(own + ahead - delay).toISOString();
    clock.heard(server(3_600_000, 200));
    clock.heard(server(3_600_000, 20));
    clock.heard(server(3_600_000, 500));
    expect(Math.abs(clock.now() - own - 3_600_000)).toBeLessThan(30);
    own += 1000;
    clock.heard(server(-7_200_000, 10)); // set back
    expect(Math.abs(clock.now() - own + 7_200_000)).toBeLessThan(30);
    clock.heard("nonsense");
    expect(Number.isFinite(clock.now())).toBe(true);
  });
});

function site(second: number, uptime = second): Site {
  return { time: new Date(1e12 + second * 1000).toISOString(), uptime_s: uptime, version: "", images_per_second: second,
           batch_mean: 1, latency_ms: { p50: 1, p99: 2 }, memory_bytes: 1, memory_limit_bytes: 2, cpu_share: 0,
           sinks: [], models: [{ name: "a", waiting: 3, lanes: 2, idle_lanes: 1, batch_max: 8 },
                               { name: "b", waiting: 4, lanes: 1, idle_lanes: 1, batch_max: 4 }] };
}

describe("the history", () => {
  it("holds ten minutes, sums models, and takes a status in between for the last one", () => {
    const history = new History();
    for (let second = 1; second <= 700; ++second) history.add(site(second), 4);
    expect(history.points.length).toBe(kWindow + 1);
    expect(windowOf(history.points)).toBe(kWindow);
    expect(windowOf(history.points.slice(0, 10))).toBe(60);
    expect(windowOf(history.points.slice(0, 101))).toBe(100);
    expect(windowOf([])).toBe(60);
    expect(history.points.at(-1)).toMatchObject({ waiting: 7, idleLanes: 2, lanes: 3, batchMax: 8, running: 4 });
    history.add(site(700.2), 3); // takes the last one's place, and the first one is too old now
    expect(history.points.length).toBe(kWindow);
    expect(history.points.at(-1)!.running).toBe(3);
  });

  it("begins anew with another run of the server, and outlives a reload of the page", () => {
    const first = new History();
    for (let second = 1; second <= 10; ++second) first.add(site(second), 4);
    const second = new History();
    second.restore(first.save());
    second.add(site(11), 4);
    expect(second.points.length).toBe(11);
    second.add(site(60, 1), 4);
    expect(second.points.length).toBe(1);
    second.restore("{nonsense");
    second.restore(null);
    expect(second.points.length).toBe(1);
  });
});

describe("the address", () => {
  it.each([["", { open: "none" }], ["#cameras", { open: "none" }], ["#/add", { open: "add" }],
           ["#/camera/line-1", { open: "camera", id: "line-1" }],
           ["#/alarm/a%2Fb", { open: "alarm", id: "a/b" }], ["#/camera/", { open: "none" }],
           ["#/camera/%E0%A4%A", { open: "none" }]] as const)("%s opens %j", (hash, route) => {
    expect(routeOf(hash)).toEqual(route);
  });
  it("leads there and back", () => {
    for (const id of ["line-1", "ä/ö", "a b"]) {
      expect(routeOf(hashOf({ open: "camera", id }))).toEqual({ open: "camera", id });
    }
  });
});
