// What is drawn over a picture: boxes with label and track id, zones, lines. Boxes that were carried
// on without inference are dashed. All sizes are of device pixels: `ratio` of them are one of CSS.
import { boxOn, forwardOf, labelAt, pointOn, topOf, type Rect, type Size } from "./geometry";
import { classColour, kLineColour, kZoneColour } from "./palette";
import type { FrameHeader, Line, Track, Zone } from "./protocol";

export interface OverlayStyle {
  ratio: number;
  detailed: boolean; // names and counts of zones and lines, confidences
}

type Context = CanvasRenderingContext2D;
const kFont = 'system-ui, "Segoe UI", Roboto, sans-serif';

function plate(context: Context, text: string, x: number, y: number, size: number, stripe: string):
    void {
  const padding = size * 0.4;
  const width = context.measureText(text).width + 2 * padding;
  context.fillStyle = "rgba(8, 14, 18, 0.82)";
  context.fillRect(x, y, width, size * 1.5);
  context.fillStyle = stripe;
  context.fillRect(x, y, size * 0.22, size * 1.5);
  context.fillStyle = "#ffffff";
  context.fillText(text, x + padding, y + size * 0.77);
}

function plateSize(context: Context, text: string, size: number): Size {
  return { width: context.measureText(text).width + size * 0.8, height: size * 1.5 };
}

function labelOf(track: Track, detailed: boolean): string {
  const id = track.id === null ? "" : ` ${track.id}`;
  return `${track.name}${id}${detailed ? `  ${track.confidence.toFixed(2)}` : ""}`;
}

function drawTrack(context: Context, track: Track, place: Rect, header: FrameHeader, size: number,
                   style: OverlayStyle): void {
  const box = boxOn(place, header, track.box);
  if (box.width <= 0 || box.height <= 0) return;
  const colour = classColour(track.class);
  // Looked for in this frame and not found: where it should be, without a name that would cover others.
  const lost = track.carried && header.inferred;
  const thick = (style.detailed ? 2 : 1.5) * style.ratio;
  context.setLineDash(track.carried ? [4 * style.ratio, 3 * style.ratio] : []);
  context.lineWidth = thick + 2 * style.ratio;
  context.strokeStyle = "rgba(8, 14, 18, 0.55)"; // a rim, so that any colour shows on any picture
  context.strokeRect(box.x, box.y, box.width, box.height);
  context.lineWidth = thick;
  context.strokeStyle = colour;
  context.strokeRect(box.x, box.y, box.width, box.height);
  context.setLineDash([]);
  if (lost) return;
  const text = labelOf(track, style.detailed);
  const at = labelAt(box, plateSize(context, text, size), place);
  plate(context, text, at.x, at.y, size, colour);
}

function drawZone(context: Context, zone: Zone, place: Rect, size: number, style: OverlayStyle): void {
  context.beginPath();
  zone.polygon.forEach((point, index) => {
    const [x, y] = pointOn(place, point);
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  context.closePath();
  context.fillStyle = zone.count > 0 ? "rgba(126, 224, 238, 0.16)" : "rgba(126, 224, 238, 0.07)";
  context.fill();
  context.lineWidth = style.ratio * (style.detailed ? 2 : 1);
  context.strokeStyle = kZoneColour;
  context.stroke();
  if (!style.detailed) return;
  const text = `${zone.name}: ${zone.count}`;
  const [x, y] = pointOn(place, topOf(zone.polygon));
  const at = labelAt({ x, y, width: 0, height: 0 }, plateSize(context, text, size), place);
  plate(context, text, at.x, at.y, size, kZoneColour);
}

function drawLine(context: Context, line: Line, place: Rect, size: number, style: OverlayStyle): void {
  const from = pointOn(place, line.from);
  const to = pointOn(place, line.to);
  context.lineWidth = style.ratio * (style.detailed ? 2.5 : 1.25);
  context.strokeStyle = kLineColour;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
  // An arrow in its middle: the way that counts as forward.
  const [nx, ny] = forwardOf(from, to);
  const [mx, my] = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  const long = (style.detailed ? 16 : 8) * style.ratio;
  const half = long * 0.45;
  context.fillStyle = kLineColour;
  context.beginPath();
  context.moveTo(mx + nx * long, my + ny * long);
  context.lineTo(mx - ny * half, my + nx * half);
  context.lineTo(mx + ny * half, my - nx * half);
  context.closePath();
  context.fill();
  if (!style.detailed) return;
  const text = `${line.name}: ${line.forward} forward, ${line.backward} back`;
  const label = plateSize(context, text, size);
  const at = labelAt({ x: from[0], y: Math.min(from[1], to[1]), width: 0, height: 0 }, label, place);
  plate(context, text, at.x, at.y, size, kLineColour);
}

export function drawOverlay(context: Context, place: Rect, header: FrameHeader, zones: readonly Zone[],
                            lines: readonly Line[], style: OverlayStyle): void {
  const size = (style.detailed ? 14 : 11) * style.ratio;
  context.font = `600 ${size}px ${kFont}`;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  zones.forEach((zone, index) =>
    drawZone(context, { ...zone, count: header.zone_counts[index] ?? zone.count }, place, size, style));
  lines.forEach((line, index) => {
    const [forward, backward] = header.line_counts[index] ?? [line.forward, line.backward];
    drawLine(context, { ...line, forward, backward }, place, size, style);
  });
  for (const track of header.tracks) drawTrack(context, track, place, header, size, style);
}

// "4 objects: 2 open, 2 short", for those who do not see the picture.
export function describe(header: FrameHeader): string {
  if (header.tracks.length === 0) return "no objects";
  const counts = new Map<string, number>();
  for (const { name } of header.tracks) counts.set(name, (counts.get(name) ?? 0) + 1);
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([name, many]) => `${many} ${name}`);
  const total = header.tracks.length;
  return `${total} ${total === 1 ? "object" : "objects"}: ${parts.join(", ")}`;
}
