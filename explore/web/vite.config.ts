import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  plugins: [svelte()],
  worker: { format: "es" },
  build: {
    emptyOutDir: true,
    target: "es2022",
    // the content security policy allows no data: URI and no inline script
    assetsInlineLimit: 0,
    // the licences of the packages that the page contains, which About shows
    license: { fileName: "licences.md" },
    modulePreload: { polyfill: false },
  },
});
