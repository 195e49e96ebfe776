// What the page knows of the site, from the socket and from answers to its own requests. Views
// listen; nothing is drawn here.
import { History } from "./history";
import type { Alarm, CameraStatus, Site, TextMessage } from "./protocol";
import { ServerClock } from "./server_clock";
import { Signal } from "./signal";

const kAlarmsMost = 500;

export class SiteModel {
  cameras: CameraStatus[] = []; // in order of configuration
  alarms: Alarm[] = []; // newest first
  site: Site | null = null;
  version = "";
  heardAt = 0; // when a status last came, by this machine's clock
  readonly clock = new ServerClock();
  readonly history = new History();
  readonly camerasChanged = new Signal<void>();
  readonly alarmsChanged = new Signal<void>();
  readonly siteChanged = new Signal<void>();
  readonly alarmCame = new Signal<Alarm>(); // just now, not from the list of earlier ones

  camera(name: string): CameraStatus | undefined {
    return this.cameras.find((camera) => camera.name === name);
  }

  alarm(id: string): Alarm | undefined {
    return this.alarms.find((alarm) => alarm.id === id);
  }

  take(message: TextMessage): void {
    this.heardAt = Date.now();
    switch (message.type) {
      case "hello":
        this.version = message.version;
        this.setCameras(message.cameras);
        this.addAlarms(message.alarms);
        break;
      case "status":
        this.clock.heard(message.site.time);
        this.site = message.site;
        this.setCameras(message.cameras);
        this.history.add(message.site, this.running());
        this.siteChanged.emit();
        break;
      case "alarm":
        this.addAlarms([message.alarm]);
        this.alarmCame.emit(message.alarm);
        break;
      case "clip": {
        const alarm = this.alarm(message.id);
        if (!alarm || alarm.clip_ready) return;
        this.addAlarms([{ ...alarm, clip_ready: true }]);
        break;
      }
    }
  }

  running(): number {
    return this.cameras.filter(({ state }) => state === "running").length;
  }

  setCameras(cameras: CameraStatus[]): void {
    this.cameras = cameras;
    this.camerasChanged.emit();
  }

  // An answer to a request: newer than the last status.
  setCamera(status: CameraStatus): void {
    const known = this.cameras.some(({ name }) => name === status.name);
    this.setCameras(known
      ? this.cameras.map((camera) => (camera.name === status.name ? status : camera))
      : [...this.cameras, status]);
  }

  removeCamera(name: string): void {
    this.setCameras(this.cameras.filter((camera) => camera.name !== name));
  }

  // New and known ones alike; a known one is replaced.
  addAlarms(alarms: Alarm[]): void {
    const byId = new Map(this.alarms.map((alarm) => [alarm.id, alarm]));
    for (const alarm of alarms) byId.set(alarm.id, alarm);
    this.alarms = [...byId.values()]
      .sort((a, b) => Date.parse(b.time) - Date.parse(a.time) || (a.id < b.id ? 1 : -1))
      .slice(0, kAlarmsMost);
    this.alarmsChanged.emit();
  }
}
