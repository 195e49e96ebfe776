// Goal: boxes stand where the server says, tiles are as large as fits. Method: worked examples, and
// every grid of 1 to 40 tiles compared with all other grids.
import { describe, expect, it } from "vitest";
import { askedWidth, bestGrid, boxOn, contain, forwardOf, labelAt, pointOn, topOf } from "../src/geometry";

describe("a picture in its frame", () => {
  it("keeps its proportions and is centred", () => {
    expect(contain({ width: 1280, height: 720 }, { width: 640, height: 640 }))
      .toEqual({ x: 0, y: 140, width: 640, height: 360 });
    expect(contain({ width: 480, height: 640 }, { width: 640, height: 320 }))
      .toEqual({ x: 200, y: 0, width: 240, height: 320 });
  });

  it("carries boxes of source pixels with it", () => {
    const place = { x: 0, y: 140, width: 640, height: 360 };
    expect(boxOn(place, { width: 1280, height: 720 }, [100, 200, 300, 400]))
      .toEqual({ x: 50, y: 240, width: 100, height: 100 });
  });

  it("clips boxes to itself", () => {
    const place = { x: 10, y: 10, width: 100, height: 100 };
    expect(boxOn(place, { width: 100, height: 100 }, [-50, 90, 150, 130]))
      .toEqual({ x: 10, y: 100, width: 100, height: 10 });
  });

  it("carries points in shares of it", () => {
    expect(pointOn({ x: 10, y: 20, width: 200, height: 100 }, [0.5, 1])).toEqual([110, 120]);
  });
});

describe("a label", () => {
  const place = { x: 0, y: 0, width: 100, height: 100 };
  const label = { width: 40, height: 10 };
  it("stands on its box", () =>
    expect(labelAt({ x: 20, y: 50, width: 5, height: 5 }, label, place)).toEqual({ x: 20, y: 40 }));
  it("goes inside at the upper edge", () =>
    expect(labelAt({ x: 20, y: 4, width: 5, height: 5 }, label, place)).toEqual({ x: 20, y: 4 }));
  it("does not leave at the right", () =>
    expect(labelAt({ x: 95, y: 50, width: 5, height: 5 }, label, place)).toEqual({ x: 60, y: 40 }));
});

describe("lines and zones", () => {
  it("forward is to the right of who walks from the first point to the second", () => {
    expect(forwardOf([0, 0], [1, 0])[1]).toBe(1); // walking right, forward is down
    expect(forwardOf([0, 1], [0, 0])[0]).toBe(1); // walking up, forward is right
  });
  it("a zone's label stands at its uppermost corner, the left one of two", () => {
    expect(topOf([[0.9, 0.2], [0.1, 0.2], [0.1, 0.8], [0.9, 0.8]])).toEqual([0.1, 0.2]);
    expect(topOf([[0.1, 0.8], [0.9, 0.1], [0.2, 0.9]])).toEqual([0.9, 0.1]);
  });
});

describe("the mosaic", () => {
  const space = { width: 1000, height: 640, gap: 10, aspect: 16 / 9,
                  caption: (width: number) => (width < 330 ? 58 : 36) };
  const pictureWidth = (columns: number, tiles: number) => {
    const rows = Math.ceil(tiles / columns);
    const width = (space.width - 10 * (columns - 1)) / columns;
    const height = (space.height - 10 * (rows - 1)) / rows - space.caption(width);
    return Math.floor(Math.min(width, height * space.aspect));
  };

  it("fits without scrolling, and no other number of columns gives larger pictures", () => {
    for (let tiles = 1; tiles <= 40; ++tiles) {
      const grid = bestGrid(tiles, space);
      expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(tiles);
      expect(grid.columns * (grid.rows - 1)).toBeLessThan(tiles);
      const height = grid.rows * (grid.pictureWidth / space.aspect + space.caption(grid.pictureWidth)) +
        10 * (grid.rows - 1);
      expect(height).toBeLessThanOrEqual(space.height + 1);
      for (let columns = 1; columns <= tiles; ++columns) {
        expect(pictureWidth(columns, tiles)).toBeLessThanOrEqual(grid.pictureWidth);
      }
    }
  });

  it("asks for device pixels in steps, within what the server gives", () => {
    expect(askedWidth(300, 1)).toBe(320);
    expect(askedWidth(320, 2)).toBe(640);
    expect(askedWidth(10, 1)).toBe(64);
    expect(askedWidth(3000, 2)).toBe(1920);
  });
});
