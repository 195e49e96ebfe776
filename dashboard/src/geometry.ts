// Where things go: pictures into their frames, boxes onto pictures, tiles into the mosaic. Pure.

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Size {
  x: number;
  y: number;
}

// The largest rectangle of the source's proportions inside the frame, centred.
export function contain(source: Size, frame: Size): Rect {
  const scale = Math.min(frame.width / source.width, frame.height / source.height);
  const width = source.width * scale;
  const height = source.height * scale;
  return { x: (frame.width - width) / 2, y: (frame.height - height) / 2, width, height };
}

// A box of source pixels (x1, y1, x2, y2), half-open, on the picture's place; clipped to it.
export function boxOn(place: Rect, source: Size, box: readonly [number, number, number, number]): Rect {
  const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), most);
  const x1 = clamp(box[0], source.width) * (place.width / source.width);
  const y1 = clamp(box[1], source.height) * (place.height / source.height);
  const x2 = clamp(box[2], source.width) * (place.width / source.width);
  const y2 = clamp(box[3], source.height) * (place.height / source.height);
  return { x: place.x + x1, y: place.y + y1, width: x2 - x1, height: y2 - y1 };
}

// A point in shares of the picture.
export function pointOn(place: Rect, [x, y]: readonly [number, number]): [number, number] {
  return [place.x + x * place.width, place.y + y * place.height];
}

// Where a label stands: on top of its box, inside it where there is no room above, and never over
// the picture's edges.
export function labelAt(box: Rect, label: Size, place: Rect): { x: number; y: number } {
  const above = box.y - label.height;
  const y = above >= place.y ? above : Math.min(box.y, place.y + place.height - label.height);
  const right = place.x + place.width - label.width;
  return { x: Math.max(place.x, Math.min(box.x, right)), y: Math.max(place.y, y) };
}

// The direction in which a crossing counts as forward: from its left to its right as one walks from
// `from` to `to` (y grows downwards). A unit vector in the picture's pixels.
export function forwardOf(from: readonly [number, number], to: readonly [number, number]):
    [number, number] {
  const dx = to[0] - from[0];
  const dy = to[1] - from[1];
  const length = Math.hypot(dx, dy) || 1;
  return [-dy / length, dx / length];
}

// The uppermost corner of a polygon, where its label stands; the left one of two.
export function topOf(polygon: readonly (readonly [number, number])[]): readonly [number, number] {
  return polygon.reduce((top, point) =>
    (point[1] < top[1] || (point[1] === top[1] && point[0] < top[0]) ? point : top),
    [1, 1] as readonly [number, number]);
}

// Tiles in columns: as large as fits without scrolling, no row without need.
export interface Grid {
  columns: number;
  rows: number;
  pictureWidth: number; // CSS pixels
}

export interface GridSpace extends Size {
  gap: number;
  aspect: number; // of pictures, width by height
  caption: (width: number) => number; // its height under a picture of that width
}

export function bestGrid(tiles: number, space: GridSpace): Grid {
  let best: Grid = { columns: 1, rows: Math.max(1, tiles), pictureWidth: 0 };
  for (let columns = 1; columns <= Math.max(1, tiles); ++columns) {
    const rows = Math.ceil(Math.max(1, tiles) / columns);
    const width = (space.width - space.gap * (columns - 1)) / columns;
    const height = (space.height - space.gap * (rows - 1)) / rows - space.caption(width);
    const pictureWidth = Math.floor(Math.min(width, height * space.aspect));
    if (pictureWidth > best.pictureWidth) best = { columns, rows, pictureWidth };
  }
  return best;
}

// What to ask of the server for a picture that is drawn that wide: device pixels, in steps of 32 so
// that a window's border being dragged does not ask for a hundred sizes.
export function askedWidth(cssWidth: number, pixelRatio: number): number {
  const wanted = Math.ceil((cssWidth * pixelRatio) / 32) * 32;
  return Math.min(1920, Math.max(64, wanted));
}
