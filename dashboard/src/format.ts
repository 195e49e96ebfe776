// Numbers and times as people read them. Pure: the present is an argument.

const plain = new Intl.NumberFormat("en-US");

export function count(value: number): string {
  return plain.format(Math.round(value));
}

// 9.94 -> "9.9", 41.2 -> "41.2", 250.3 -> "250".
export function rate(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return value >= 99.95 ? count(value) : value.toFixed(1);
}

// A length of time in its two largest units: "41 ms", "1.2 s", "12 s", "2 min 5 s", "1 h 3 min".
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  const positive = Math.max(0, ms);
  if (positive < 999.5) return `${Math.round(positive)} ms`;
  if (positive < 9_950) return `${(positive / 1000).toFixed(1)} s`;
  return wholeSeconds(Math.round(positive / 1000));
}

// The same in whole seconds, for what counts up or down: "0 s", "9 s".
export function wholeSeconds(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  const units: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const first = units.findIndex(([size]) => whole >= size);
  const [large, small] = [units[first]!, units[first + 1]];
  const rest = whole % large[0];
  const head = `${Math.floor(whole / large[0])} ${large[1]}`;
  if (!small || rest < small[0]) return head;
  return `${head} ${Math.floor(rest / small[0])} ${small[1]}`;
}

// Binary units, three digits: "310 MiB", "7.5 GiB".
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1024;
    ++unit;
  }
  return `${unit > 0 && scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${units[unit]}`;
}

export function percent(share: number): string {
  if (share > 0 && share < 0.01) return "< 1 %";
  return `${Math.round(share * 100)} %`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

// The clock of whoever reads: "14:03:09"; with the date where it is not the day of `now`.
export function clock(iso: string, now: number): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const text = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  const today = new Date(now);
  const day = (date: Date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return day(time) === day(today) ? text : `${day(time)} ${text}`;
}

// How long ago, coarse, for lists: "now", "12 s ago", "3 min ago", "2 h ago", "4 d ago".
export function ago(iso: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(iso)) / 1000);
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

// When something in a list happened: its age while it is fresh, then the clock.
export function when(iso: string, now: number): string {
  return now - Date.parse(iso) < 60_000 ? ago(iso, now) : clock(iso, now);
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
