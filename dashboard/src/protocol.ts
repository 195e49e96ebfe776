// The words between server and page, as docs/cameras-api.md has them, and the reading of the
// socket's messages. What does not fit is an Error that says what was expected; nothing is drawn here.

export type CameraState = "connecting" | "running" | "waiting" | "paused" | "ended";

export interface Zone {
  name: string;
  polygon: [number, number][]; // shares of the picture
  count: number;
}

export interface Line {
  name: string;
  from: [number, number];
  to: [number, number];
  forward: number;
  backward: number;
}

export interface CameraStatus {
  name: string;
  url: string;
  state: CameraState;
  error: string | null;
  since: string;
  retry_at: string | null;
  attempts: number;
  connects: number;
  width: number;
  height: number;
  codec: string;
  model: string;
  priority: string;
  fps_in: number;
  fps_out: number;
  age_ms: number | null;
  latency_ms: { p50: number; p99: number };
  packets: number;
  bytes: number;
  decoded: number;
  analysed: number;
  late: number;
  errors: number;
  alarms: number;
  dropped: Record<string, number>;
  tracks: number;
  class_names: string[];
  zones: Zone[];
  lines: Line[];
  config: Record<string, unknown>;
}

export interface AlarmObject {
  track_id: number | null;
  name: string;
  confidence: number;
  box: { x1: number; y1: number; x2: number; y2: number };
}

export interface Alarm {
  id: string;
  rule: string;
  camera: string;
  time: string;
  frame: number;
  message: string;
  zone: string | null;
  width: number;
  height: number;
  objects: AlarmObject[];
  thumbnail: string | null;
  clip: string | null;
  clip_ready: boolean;
}

export interface ModelStatus {
  name: string;
  waiting: number;
  lanes: number;
  idle_lanes: number;
  batch_max: number;
}

export interface SinkStatus {
  name: string;
  written: string;
  dropped: number;
  waiting: number;
  spooled: number;
  error: string | null;
}

export interface Site {
  time: string;
  uptime_s: number;
  version: string;
  models: ModelStatus[];
  images_per_second: number;
  batch_mean: number;
  latency_ms: { p50: number; p99: number };
  memory_bytes: number;
  memory_limit_bytes: number;
  cpu_share: number;
  sinks: SinkStatus[];
}

export interface Track {
  id: number | null;
  class: number;
  name: string;
  confidence: number;
  box: [number, number, number, number]; // source pixels: x1, y1, x2, y2
  zones: number[];
  carried: boolean;
}

export interface FrameHeader {
  type: "frame";
  camera: string;
  frame: number;
  time: string;
  age_ms: number;
  width: number; // of the source
  height: number;
  inferred: boolean;
  tracks: Track[];
  zone_counts: number[];
  line_counts: [number, number][];
}

export interface Frame {
  header: FrameHeader;
  jpeg: Blob;
}

export type TextMessage =
  | { type: "hello"; version: string; cameras: CameraStatus[]; alarms: Alarm[] }
  | { type: "status"; cameras: CameraStatus[]; site: Site }
  | { type: "alarm"; alarm: Alarm }
  | { type: "clip"; id: string };

export interface Watch {
  cameras: string[];
  width: number;
  fps: number;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function named(list: unknown, key: string): boolean {
  return Array.isArray(list) && list.every((item) => isObject(item) && typeof item[key] === "string");
}

// A text message; null for a type that this page does not know: a newer server may say more.
export function parseText(text: string): TextMessage | null {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error("a text message is a JSON object");
  switch (value.type) {
    case "hello":
      if (!named(value.cameras, "name")) throw new Error("hello: cameras have names");
      if (!named(value.alarms, "id")) throw new Error("hello: alarms have ids");
      return value as unknown as TextMessage;
    case "status":
      if (!named(value.cameras, "name")) throw new Error("status: cameras have names");
      if (!isObject(value.site)) throw new Error("status: site is an object");
      return value as unknown as TextMessage;
    case "alarm":
      if (!named([value.alarm], "id")) throw new Error("alarm: it has an id");
      return value as unknown as TextMessage;
    case "clip":
      if (typeof value.id !== "string") throw new Error("clip: id is a text");
      return value as unknown as TextMessage;
    default:
      return null;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

// A binary message: four bytes with the length of the header (little-endian), the header, a JPEG.
export function parseFrame(bytes: ArrayBuffer): Frame {
  if (bytes.byteLength < 4) throw new Error(`a frame of ${bytes.byteLength} bytes has no length`);
  const length = new DataView(bytes).getUint32(0, true);
  if (length > bytes.byteLength - 4) {
    throw new Error(`a header of ${length} bytes in a frame of ${bytes.byteLength}`);
  }
  const header: unknown = JSON.parse(utf8.decode(new Uint8Array(bytes, 4, length)));
  if (!isObject(header) || header.type !== "frame" || typeof header.camera !== "string") {
    throw new Error("a frame's header has type 'frame' and a camera");
  }
  const { width, height, tracks } = header;
  if (typeof width !== "number" || typeof height !== "number" || !(width > 0 && height > 0)) {
    throw new Error("a frame's width and height are positive");
  }
  if (!Array.isArray(tracks)) throw new Error("a frame's tracks are a list");
  const jpeg = new Blob([new Uint8Array(bytes, 4 + length)], { type: "image/jpeg" });
  return { header: header as unknown as FrameHeader, jpeg };
}
