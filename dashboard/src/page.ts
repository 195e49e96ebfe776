// The page: makes the parts, gives each what concerns it, and opens and closes what the address says.
import { AlarmList } from "./alarm_list";
import { AlarmView } from "./alarm_view";
import { CameraForm } from "./camera_form";
import { CameraView } from "./camera_view";
import { Curves } from "./curves";
import { el, icon, setText } from "./dom";
import { FrameDecoder, type Picture } from "./frame_decoder";
import { kIcons } from "./icons";
import { KeyDialog } from "./key_dialog";
import { LinkBanner } from "./link_banner";
import { LiveSocket } from "./live_socket";
import { Mosaic, summary } from "./mosaic";
import { hashOf, routeOf, type Route } from "./route";
import { Session } from "./session";
import { SiteModel } from "./site_model";
import { StatusLine } from "./status_line";
import { ThemeSwitch } from "./theme";
import { ViewRate } from "./view_rate";

const kMosaicFps = 8;
const kCameraFps = 15;
const kRatePeriod = 3_000; // ms
const kHistory = "shoal.history";

export class Page {
  private readonly model = new SiteModel();
  private readonly session = new Session();
  private readonly socket = new LiveSocket(this.session);
  private readonly decoder = new FrameDecoder((picture) => this.show(picture));
  private readonly rate = new ViewRate(kMosaicFps);
  private readonly mosaic = new Mosaic((name) => this.go({ open: "camera", id: name }),
                                       () => this.go({ open: "add" }));
  private readonly alarms = new AlarmList(this.model, this.session,
                                          (id) => this.go({ open: "alarm", id }));
  private readonly curves = new Curves();
  private readonly statusLine = new StatusLine();
  private readonly banner = new LinkBanner(this.socket);
  private readonly theme = new ThemeSwitch();
  private readonly summary = el("p", { class: "summary", role: "status" });
  private camera: CameraView | null = null;
  private opened: { route: Route; close: () => void } | null = null;
  private unseen = 0; // alarms while the tab is hidden
  private counted = { shown: 0, dropped: 0 };
  private watchTimer = 0;

  constructor(private readonly root: HTMLElement) {}

  start(): void {
    this.build();
    this.connectParts();
    new KeyDialog(this.session);
    this.model.history.restore(sessionStorage.getItem(kHistory));
    window.addEventListener("pagehide", () =>
      sessionStorage.setItem(kHistory, this.model.history.save()));
    window.addEventListener("hashchange", () => this.follow());
    document.addEventListener("visibilitychange", () => this.seen());
    setInterval(() => this.tick(), 500);
    setInterval(() => this.adaptRate(), kRatePeriod);
    this.socket.connectNow();
  }

  private build(): void {
    const mark = el("span", { class: "mark" }, icon("M1 8.5q5-5 11 0l4-4v7l-4-3q-6 5-11 0zM8 17.5q5-5 11 0l4-4v7l-4-3q-6 5-11 0z"), "Shoal");
    const add = el("button", { type: "button", class: "add", onclick: () => this.go({ open: "add" }) },
                   icon(kIcons.add), el("span", {}, "Add a camera"));
    this.root.append(
      el("header", { class: "top" }, el("h1", {}, mark), this.summary, add, this.theme.element),
      this.banner.element,
      el("main", {}, this.mosaic.element,
         el("div", { class: "side" }, this.alarms.element, this.curves.element)),
      this.statusLine.element);
  }

  private connectParts(): void {
    const { model, socket } = this;
    socket.text.listen((message) => {
      model.take(message);
      if (message.type === "hello") this.follow();
    });
    socket.frame.listen((frame) => this.decoder.push(frame));
    socket.link.listen(() => this.watch());
    model.camerasChanged.listen(() => {
      this.mosaic.update(model.cameras, model.clock.now());
      summary(this.summary, model.cameras);
    });
    model.siteChanged.listen(() => {
      this.curves.update(model.history.points);
      this.statusLine.update(model.site!, model.version);
    });
    model.alarmCame.listen((alarm) => {
      this.mosaic.alarmed(alarm);
      if (document.hidden) ++this.unseen;
      this.retitle();
    });
    this.mosaic.visibleChanged.listen(() => this.watch());
    this.theme.changed.listen(() => this.curves.repaint());
  }

  private show(picture: Picture): void {
    if (this.camera?.name === picture.header.camera) this.camera.show(picture);
    else if (!this.mosaic.show(picture)) picture.bitmap.close();
  }

  // Tells the server what is worth sending: what is on the screen, as wide as it is drawn.
  private watch(): void {
    clearTimeout(this.watchTimer);
    this.watchTimer = window.setTimeout(() => {
      const open = this.camera;
      const cameras = document.hidden ? [] : open ? [open.name] : this.mosaic.visibleCameras;
      this.socket.watch({ cameras, width: open ? open.pictureWidth : this.mosaic.pictureWidth,
                          fps: this.rate.fps });
    }, 80);
  }

  private adaptRate(): void {
    const { shown, dropped } = this.decoder;
    if (this.rate.period(shown - this.counted.shown, dropped - this.counted.dropped)) this.watch();
    this.counted = { shown, dropped };
  }

  private tick(): void {
    const now = this.model.clock.now();
    this.banner.tick();
    this.mosaic.tick(now);
    this.alarms.tick(now);
    this.camera?.tick();
  }

  private seen(): void {
    if (!document.hidden) this.unseen = 0;
    this.retitle();
    this.watch();
  }

  private retitle(): void {
    setText(document.querySelector("title")!, this.unseen > 0 ? `(${this.unseen}) Shoal` : "Shoal");
  }

  private go(route: Route): void {
    const hash = hashOf(route);
    if (hash) location.hash = hash;
    else if (location.hash.startsWith("#/")) {
      history.pushState(null, "", location.pathname + location.search);
      this.follow();
    }
  }

  // Opens what the address says, as soon as it is known.
  private follow(): void {
    const route = routeOf(location.hash);
    if (this.opened && hashOf(this.opened.route) === hashOf(route)) return;
    const before = this.opened;
    this.opened = null;
    before?.close();
    if (route.open === "camera" && this.model.camera(route.id)) this.openCamera(route);
    if (route.open === "alarm" && this.model.alarm(route.id)) this.openAlarm(route);
    if (route.open === "add") this.openForm(route);
    if (this.opened) this.rate.limit(this.camera ? kCameraFps : kMosaicFps);
    this.watch();
  }

  // A window was closed: by the address, or by hand and then the address has to follow.
  private closed(route: Route): void {
    if (this.opened?.route !== route) return;
    this.opened = null;
    this.go({ open: "none" });
  }

  private openCamera(route: Route & { open: "camera" | "alarm" }): void {
    const view = new CameraView(route.id, this.model, this.session, {
      step: (by) => {
        const names = this.model.cameras.map(({ name }) => name);
        const to = names[(names.indexOf(route.id) + by + names.length) % names.length];
        if (to && to !== route.id) this.go({ open: "camera", id: to });
      },
      closed: () => {
        if (this.camera === view) this.camera = null;
        this.closed(route);
        if (!this.opened) this.mosaic.focus(route.id);
        this.rate.limit(this.camera ? kCameraFps : kMosaicFps);
        this.watch();
      },
      resized: () => this.watch(),
    });
    this.camera = view;
    this.opened = { route, close: () => view.close() };
  }

  private openAlarm(route: Route & { open: "camera" | "alarm" }): void {
    const view = new AlarmView(this.model.alarm(route.id)!, this.model, this.session,
                               (name) => this.go({ open: "camera", id: name }),
                               () => this.closed(route));
    this.opened = { route, close: () => view.close() };
  }

  private openForm(route: Route): void {
    const form = new CameraForm(this.model, this.session, (added) => {
      this.closed(route);
      if (added) this.mosaic.focus(added);
    });
    this.opened = { route, close: () => form.close() };
  }
}
