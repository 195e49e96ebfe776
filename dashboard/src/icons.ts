// Shapes of the page's icons, in a square of 24. States differ in shape, not only in colour.
import type { CameraState } from "./protocol";

export const kStateIcons: Record<CameraState, string> = {
  connecting: "M12 4a8 8 0 1 0 8 8h-2.5A5.5 5.5 0 1 1 12 6.5z",
  running: "M12 5a7 7 0 1 0 0 14a7 7 0 1 0 0-14z",
  waiting: "M12 3 22.5 21h-21zM11 9.5v6h2v-6zM11 17v2h2v-2z",
  paused: "M6 5h4v14H6zM14 5h4v14h-4z",
  ended: "M5 5h14v14H5z",
};

export const kStateWords: Record<CameraState, string> = {
  connecting: "connecting", running: "running", waiting: "waiting", paused: "paused", ended: "ended",
};

export const kIcons = {
  bell: "M12 2a2 2 0 0 0-2 2v.5A6 6 0 0 0 6 10v5l-2 2.5V19h16v-1.5L18 15v-5a6 6 0 0 0-4-5.5V4a2 2 0 0 0-2-2zM9.5 20a2.5 2.5 0 0 0 5 0z",
  close: "M5.6 4.2 12 10.6l6.4-6.4 1.4 1.4L13.4 12l6.4 6.4-1.4 1.4L12 13.4l-6.4 6.4-1.4-1.4L10.6 12 4.2 5.6z",
  add: "M11 4h2v7h7v2h-7v7h-2v-7H4v-2h7z",
  pause: kStateIcons.paused,
  play: "M7 4.5 19.5 12 7 19.5z",
  left: "M15.5 4.5 8 12l7.5 7.5-1.5 1.5L5 12l9-9z",
  right: "M8.5 4.5 16 12l-7.5 7.5L10 21l9-9-9-9z",
  bin: "M9 3h6l1 2h5v2H3V5h5zM5 8h14l-1 13H6z",
  warning: kStateIcons.waiting,
  dark: "M14 3a9 9 0 1 0 7 13.5A8 8 0 0 1 14 3z",
  light: "M12 7a5 5 0 1 0 0 10a5 5 0 1 0 0-10zM11 1h2v4h-2zM11 19h2v4h-2zM1 11h4v2H1zM19 11h4v2h-4z",
  auto: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18zM12 5a7 7 0 0 1 0 14z",
} as const;
