// The API key of this tab, and requests that carry it. Kept in sessionStorage: it ends with the tab.
import { Signal } from "./signal";

const kKey = "shoal.key";

export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

// The message of an answer that is not 2xx: {"error":{"code","message"}} or {"error":"..."}.
export async function errorOf(response: Response): Promise<ApiError> {
  let code = "";
  let message = `${response.status} ${response.statusText}`.trim();
  try {
    const { error } = await response.json() as { error?: string | { code?: string; message?: string } };
    if (typeof error === "string") message = error;
    else if (error) ({ code = code, message = message } = error);
  } catch {
    // Not JSON: the status says it.
  }
  return new ApiError(response.status, code, message);
}

export class Session {
  // The server wants a key, and has none or a wrong one: somebody asks for it.
  readonly refused = new Signal<void>();
  readonly keyChanged = new Signal<void>();
  private current = sessionStorage.getItem(kKey) ?? "";

  get key(): string {
    return this.current;
  }

  setKey(key: string): void {
    this.current = key;
    if (key) sessionStorage.setItem(kKey, key);
    else sessionStorage.removeItem(kKey);
    this.keyChanged.emit();
  }

  // Errors  ApiError for an answer that is not 2xx; TypeError where there is no answer.
  async request(method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = {};
    if (this.current) headers.Authorization = `Bearer ${this.current}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await fetch(path.replace(/^\//, ""), {
      method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.status === 401) this.refused.emit();
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  // Something for src=: the path itself, or, where a key is needed, which an element cannot send,
  // the bytes as a blob. Whoever takes a blob: URL revokes it.
  async media(path: string): Promise<string> {
    if (!this.current) return path.replace(/^\//, "");
    const response = await this.request("GET", path);
    return URL.createObjectURL(await response.blob());
  }

  liveUrl(): string {
    const url = new URL("api/v1/live", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (this.current) url.searchParams.set("key", this.current);
    return url.href;
  }
}

export function cameraPath(name: string, action = ""): string {
  return `/api/v1/cameras/${encodeURIComponent(name)}${action && `/${action}`}`;
}
