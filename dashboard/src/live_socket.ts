// The socket to the server, for as long as the page is open: says what to watch, reads what comes,
// and comes back by itself, later and later, when the server goes away.
import { Backoff } from "./backoff";
import { parseFrame, parseText, type Frame, type TextMessage, type Watch } from "./protocol";
import { ApiError, type Session } from "./session";
import { Signal } from "./signal";

export type Link =
  | { state: "connecting" }
  | { state: "open" }
  | { state: "lost"; why: string; retryAt: number } // by this machine's clock
  | { state: "refused" }; // a key is needed

// Nothing for that long, with a status due every second: the connection is dead without a word.
const kSilence = 8_000;

export class LiveSocket {
  readonly text = new Signal<TextMessage>();
  readonly frame = new Signal<Frame>();
  readonly link = new Signal<Link>();
  current: Link = { state: "connecting" };
  private socket: WebSocket | null = null;
  private wanted: Watch = { cameras: [], width: 480, fps: 8 };
  private said = "";
  private heard = 0;
  private timer = 0;
  private readonly backoff = new Backoff();

  constructor(private readonly session: Session) {
    session.keyChanged.listen(() => this.connectNow());
    window.addEventListener("online", () => this.current.state === "lost" && this.connectNow());
    setInterval(() => this.checkSilence(), 1_000);
  }

  connectNow(): void {
    clearTimeout(this.timer);
    this.backoff.reset();
    this.drop();
    this.connect();
  }

  watch(wanted: Watch): void {
    this.wanted = wanted;
    this.say();
  }

  private connect(): void {
    this.become({ state: "connecting" });
    const socket = new WebSocket(this.session.liveUrl());
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.said = "";
    this.heard = Date.now();
    let greeted = false;
    socket.onopen = () => this.say();
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      this.heard = Date.now();
      if (!greeted) {
        greeted = true;
        this.backoff.reset();
        this.become({ state: "open" });
      }
      this.read(event.data);
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      this.socket = null;
      void this.lost(greeted, event.reason);
    };
  }

  private read(data: string | ArrayBuffer): void {
    try {
      if (typeof data !== "string") {
        this.frame.emit(parseFrame(data));
        return;
      }
      const message = parseText(data);
      if (message) this.text.emit(message);
    } catch (error) {
      console.warn("shoal: a message that cannot be read:", error);
    }
  }

  // A browser does not say why a socket did not open: an ordinary request does.
  private async lost(greeted: boolean, reason: string): Promise<void> {
    let why = reason || (greeted ? "the server closed the connection" : "the server does not answer");
    if (!greeted) {
      try {
        await this.session.request("GET", "/api/v1/status");
        why = reason || "the server answers, but refuses the live connection";
      } catch (error) {
        if (this.socket) return; // meanwhile somebody connected anew
        if (error instanceof ApiError && error.status === 401) {
          this.become({ state: "refused" });
          return;
        }
        if (error instanceof ApiError) why = error.message;
      }
      if (this.socket) return;
    }
    const wait = this.backoff.next();
    this.become({ state: "lost", why, retryAt: Date.now() + wait });
    this.timer = window.setTimeout(() => this.connect(), wait);
  }

  private checkSilence(): void {
    if (!this.socket || Date.now() - this.heard < kSilence) return;
    this.drop();
    void this.lost(true, `nothing came for ${kSilence / 1000} s`);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private say(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const text = JSON.stringify({ type: "watch", ...this.wanted });
    if (text === this.said) return;
    this.said = text;
    this.socket.send(text);
  }

  private become(link: Link): void {
    this.current = link;
    this.link.emit(link);
  }
}
