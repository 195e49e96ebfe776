// Colours of classes: ten that differ in brightness too, on dark and light pictures. The name always
// stands beside them.

const kColours = [
  "#4cc9f0", "#ffb703", "#ff6b6b", "#80ed99", "#c77dff",
  "#f4a261", "#48bfe3", "#f15bb5", "#d9ed92", "#ffffff",
];

export function classColour(index: number): string {
  const size = kColours.length;
  return kColours[((index % size) + size) % size]!;
}

export const kZoneColour = "#7ee0ee";
export const kLineColour = "#ffd166";
