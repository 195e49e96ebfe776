// Goal: what the server sends is read exactly, and what does not fit is refused by name.
// Method: messages as docs/cameras-api.md has them, then cut, bent and lied about.
import { describe, expect, it } from "vitest";
import { parseFrame, parseText } from "../src/protocol";

const header = {
  type: "frame", camera: "line-1", frame: 412, time: "2026-11-21T08:00:00.000Z", age_ms: 40, width: 1280,
  height: 720, inferred: true, zone_counts: [2], line_counts: [[12, 0]],
  tracks: [{ id: 17, class: 1, name: "short", confidence: 0.91, box: [1, 2, 30, 40], zones: [0],
             carried: false }],
};

function message(head: unknown, jpeg: number[], length?: number): ArrayBuffer {
  const text = new TextEncoder().encode(typeof head === "string" ? head : JSON.stringify(head));
  const bytes = new Uint8Array(4 + text.length + jpeg.length);
  new DataView(bytes.buffer).setUint32(0, length ?? text.length, true);
  bytes.set(text, 4);
  bytes.set(jpeg, 4 + text.length);
  return bytes.buffer;
}

describe("a binary message", () => {
  it("is a little-endian length, a header and a JPEG", async () => {
    const frame = parseFrame(message(header, [0xff, 0xd8, 1, 2, 3]));
    expect(frame.header).toEqual(header);
    expect(frame.jpeg.type).toBe("image/jpeg");
    expect([...new Uint8Array(await frame.jpeg.arrayBuffer())]).toEqual([0xff, 0xd8, 1, 2, 3]);
  });

  it("counts the header's bytes, not its letters", async () => {
    const frame = parseFrame(message({ ...header, camera: "Förderband-鱼" }, [9]));
    expect(frame.header.camera).toBe("Förderband-鱼");
    expect([...new Uint8Array(await frame.jpeg.arrayBuffer())]).toEqual([9]);
  });

  it.each([
    ["without a length", new ArrayBuffer(3), /no length/],
    ["with a header longer than itself", message(header, [], 5000), /5000 bytes/],
    ["with a length read from the wrong end", message(header, [1], 0x01000000), /bytes in a frame/],
    ["of another type", message({ ...header, type: "status" }, []), /type 'frame'/],
    ["without a camera", message({ ...header, camera: 7 }, []), /camera/],
    ["without a size", message({ ...header, width: 0 }, []), /positive/],
    ["without tracks", message({ ...header, tracks: null }, []), /tracks/],
    ["that is no JSON", message("{", []), /JSON/],
  ])("%s is refused", (_, bytes, reason) => {
    expect(() => parseFrame(bytes)).toThrow(reason);
  });
});

describe("a text message", () => {
  it("is one of four, as the protocol has them", () => {
    expect(parseText('{"type":"hello","version":"0.1.0","cameras":[{"name":"a"}],"alarms":[]}'))
      .toEqual({ type: "hello", version: "0.1.0", cameras: [{ name: "a" }], alarms: [] });
    expect(parseText('{"type":"status","cameras":[],"site":{"time":"x"}}')?.type).toBe("status");
    expect(parseText('{"type":"alarm","alarm":{"id":"1"}}')?.type).toBe("alarm");
    expect(parseText('{"type":"clip","id":"1"}')).toEqual({ type: "clip", id: "1" });
  });

  it("of an unknown type is passed over", () => {
    expect(parseText('{"type":"weather"}')).toBeNull();
  });

  it.each(["[]", "null", "{", '{"type":"hello","cameras":[{}],"alarms":[]}', '{"type":"clip"}',
           '{"type":"status","cameras":[]}', '{"type":"alarm","alarm":{}}'])("%s is refused", (text) => {
    expect(() => parseText(text)).toThrow();
  });
});
