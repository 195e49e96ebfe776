// Goal: cameras, sinks and forms are put in the right words. Method: one status, changed.
import { describe, expect, it } from "vitest";
import { cameraRequest } from "../src/camera_request";
import { coverOf, tileLabel } from "../src/camera_words";
import { describe as describeFrame } from "../src/overlay";
import type { CameraStatus, FrameHeader, SinkStatus } from "../src/protocol";
import { modelText, sinkText, sinkTrouble } from "../src/status_line";

const now = Date.parse("2026-11-21T08:00:00.000Z");
const camera = {
  name: "line-1", state: "running", error: null, since: "2026-11-21T07:59:00.000Z", retry_at: null, attempts: 0,
  fps_in: 25, fps_out: 9.9, age_ms: 41, tracks: 4,
} as unknown as CameraStatus;
const dead = { ...camera, state: "waiting", error: "connection refused", attempts: 3,
               retry_at: "2026-11-21T08:00:11.200Z" } as CameraStatus;

describe("a camera's words", () => {
  it("a running one has none over its picture", () => {
    expect(coverOf(camera, now)).toBeNull();
    expect(tileLabel(camera, now)).toContain("25.0 frames a second in, 9.9 analysed, newest result 41 ms old");
  });

  it("a dead one says since when, when it tries again, and why", () => {
    expect(coverOf(dead, now)).toEqual({
      head: expect.stringMatching(/^No picture since \d\d:59:00$/),
      next: "Tries again in 12 s (failed 3 times)", why: "connection refused" });
    expect(coverOf(dead, now + 60_000)?.next).toMatch(/^Trying again now/);
    expect(coverOf({ ...dead, retry_at: null }, now)?.next).toBe("");
    expect(tileLabel(dead, now)).toContain("connection refused");
  });

  it("a new attempt at a dead one is still the same loss", () => {
    expect(coverOf({ ...dead, state: "connecting", retry_at: null }, now)).toEqual({
      head: expect.stringMatching(/^No picture since/), next: "Trying again now (failed 3 times)",
      why: "connection refused" });
  });

  it("a reason does not repeat the camera's address", () => {
    const url = "rtsp://me:***@10.0.0.5/1";
    expect(coverOf({ ...dead, url, error: `${url}: no answer` }, now)?.why).toBe("no answer");
  });

  it("each other state has its own", () => {
    for (const state of ["connecting", "paused", "ended"] as const) {
      expect(coverOf({ ...camera, state }, now)?.head.toLowerCase()).toContain(state);
    }
  });
});

describe("the bottom line", () => {
  const sink: SinkStatus = { name: "mqtt", written: "3 alarms", dropped: 0, waiting: 0, spooled: 0, error: null };
  it("names what waits, was dropped or is spooled", () => {
    expect([sinkText(sink), sinkTrouble(sink)]).toEqual(["3 alarms", false]);
    const bad = { ...sink, dropped: 1200, waiting: 4, spooled: 2, error: "connection refused" };
    expect([sinkText(bad), sinkTrouble(bad)])
      .toEqual(["4 waiting, 1,200 dropped, 2 alarms spooled, connection refused, 3 alarms written", true]);
  });
  it("says what lanes do", () => {
    expect(modelText({ name: "pcb", waiting: 3, lanes: 2, idle_lanes: 1, batch_max: 8 }))
      .toBe("3 waiting, 1 of 2 lanes busy, batches up to 8");
  });
});

describe("the picture's description", () => {
  const header = (names: string[]) => ({ tracks: names.map((name) => ({ name })) }) as FrameHeader;
  it("counts by class", () => {
    expect(describeFrame(header([]))).toBe("no objects");
    expect(describeFrame(header(["open"]))).toBe("1 object: 1 open");
    expect(describeFrame(header(["open", "short", "short"]))).toBe("3 objects: 2 short, 1 open");
  });
});

describe("the form", () => {
  it("sends only what was filled in", () => {
    expect(cameraRequest({ name: " a ", url: "file:b.mp4", model: "", fps_max: "", classes: "", transport: "" }))
      .toEqual({ name: "a", url: "file:b.mp4" });
    expect(cameraRequest({ name: "a", url: "u", fps_max: "7,5", confidence: "0.4", classes: "open, short,",
                           loop: "on", motion_gate: "on", priority: "high" }))
      .toEqual({ name: "a", url: "u", fps_max: 7.5, confidence: 0.4, classes: ["open", "short"], loop: true,
                 motion_gate: { enabled: true }, priority: "high" });
  });
  it("refuses what is no number", () => {
    expect(cameraRequest({ name: "a", fps_max: "ten" })).toBe("fps_max: 'ten' is not a number");
  });
});
