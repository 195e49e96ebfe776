// The build: one page, one script, one style sheet, all from the server itself. Nothing is inlined,
// so that the page runs under a strict Content-Security-Policy.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev` beside a running `shoal run`.
    proxy: { "/api": { target: "http://127.0.0.1:8000", ws: true } },
  },
});
