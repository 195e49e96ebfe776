// The page of `shoal run`. What it shows and how it is used: docs/dashboard.md.
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/mosaic.css";
import "./style/side.css";
import "./style/dialogs.css";
import { Page } from "./page";

new Page(document.querySelector<HTMLElement>("#page")!).start();
