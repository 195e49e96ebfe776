// What is open stands in the address, so that the back button closes it and a link leads to it:
// #/camera/NAME, #/alarm/ID, #/add. Pure.

export type Route = { open: "none" } | { open: "camera" | "alarm"; id: string } | { open: "add" };

export function routeOf(hash: string): Route {
  const [, first, second] = hash.split("/");
  if (!hash.startsWith("#/")) return { open: "none" };
  if (first === "add") return { open: "add" };
  if ((first === "camera" || first === "alarm") && second) {
    try {
      return { open: first, id: decodeURIComponent(second) };
    } catch {
      return { open: "none" };
    }
  }
  return { open: "none" };
}

export function hashOf(route: Route): string {
  switch (route.open) {
    case "none": return "";
    case "add": return "#/add";
    default: return `#/${route.open}/${encodeURIComponent(route.id)}`;
  }
}
