// What is said about a camera: why there is no picture, since when, and what comes next. Pure.
import { clock, duration, rate, wholeSeconds } from "./format";
import { kStateWords } from "./icons";
import type { CameraStatus } from "./protocol";

export interface Cover {
  head: string;
  next: string; // what happens next, with its countdown; "" where nothing does
  why: string;
}

// The reason without the address that the tile's camera has anyway.
function whyOf(camera: CameraStatus): string {
  const why = camera.error ?? "";
  return why.startsWith(`${camera.url}: `) ? why.slice(camera.url.length + 2) : why;
}

// What stands in place of the live picture; null while one is due.
export function coverOf(camera: CameraStatus, now: number): Cover | null {
  const since = clock(camera.since, now);
  const why = whyOf(camera);
  const attempt = camera.attempts > 1 ? ` (failed ${camera.attempts} times)` : "";
  switch (camera.state) {
    case "running":
      return null;
    case "connecting":
      // Again, after a failure: still the same loss, so that the tile does not flicker.
      if (camera.attempts > 0) return { head: `No picture since ${since}`, next: `Trying again now${attempt}`, why };
      return { head: `Connecting since ${since}`, next: "", why };
    case "waiting": {
      const left = camera.retry_at === null ? NaN : (Date.parse(camera.retry_at) - now) / 1000;
      const next = Number.isNaN(left) ? "" : left <= 0 ? `Trying again now${attempt}`
        : `Tries again in ${wholeSeconds(left)}${attempt}`;
      return { head: `No picture since ${since}`, next, why };
    }
    case "paused":
      return { head: `Paused since ${since}`, next: "Open the camera to resume it", why };
    case "ended":
      return { head: `Ended at ${since}`, next: "", why: why || "The file is through." };
  }
}

export function ageText(camera: CameraStatus): string {
  return camera.age_ms === null ? "–" : duration(camera.age_ms);
}

// For those who hear the tile.
export function tileLabel(camera: CameraStatus, now: number): string {
  const cover = coverOf(camera, now);
  if (cover) {
    return [`${camera.name}, ${kStateWords[camera.state]}`, cover.head, cover.why].filter(Boolean)
      .join(". ");
  }
  return `${camera.name}, running. ${rate(camera.fps_in)} frames a second in, ` +
    `${rate(camera.fps_out)} analysed, newest result ${ageText(camera)} old, ` +
    `${camera.tracks} ${camera.tracks === 1 ? "track" : "tracks"}`;
}

// The drop reasons of docs/cameras-api.md in words. Motion is a saving, not a loss.
export const kDropWords: Record<string, string> = {
  rate: "above the camera's fps_max",
  newer: "a newer frame came first",
  stale: "too old, or repeated by the sender",
  motion: "nothing had changed (saved)",
  no_key_frame: "before the first key frame",
  damaged: "could not be decoded",
  refused: "the scheduler was full",
  memory: "no free buffer",
};
