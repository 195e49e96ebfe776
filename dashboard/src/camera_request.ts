// The form's fields as the body of POST /api/v1/cameras: only what was filled in, so that the rest
// has the server's defaults. Pure.

export type CameraFields = Record<string, string>;

// Errors are the server's to find, but for numbers, which JSON cannot carry as texts.
export function cameraRequest(fields: CameraFields): Record<string, unknown> | string {
  const body: Record<string, unknown> = {};
  for (const key of ["name", "url", "model", "transport", "priority"]) {
    const value = fields[key]?.trim();
    if (value) body[key] = value;
  }
  for (const key of ["fps_max", "confidence"]) {
    const value = fields[key]?.trim();
    if (!value) continue;
    const number = Number(value.replace(",", "."));
    if (!Number.isFinite(number)) return `${key}: '${value}' is not a number`;
    body[key] = number;
  }
  const classes = (fields.classes ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  if (classes.length > 0) body.classes = classes;
  if (fields.loop === "on") body.loop = true;
  if (fields.motion_gate === "on") body.motion_gate = { enabled: true };
  return body;
}
