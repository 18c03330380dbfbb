// Runs the face library that a Node.js user would choose on the photographs named
// on standard input, one on each line. It prints a line of JSON for each: the
// descriptor of the face nearest the centre (null if none is found), and the
// milliseconds it took to find and describe it, without decoding.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const require = createRequire(path.join(process.cwd(), 'peer.mjs'));
const wasm = require('@tensorflow/tfjs-backend-wasm');
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
const jpeg = require('jpeg-js');

wasm.setWasmPaths(path.join(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'wasm-out') + path.sep);
wasm.setThreadsCount?.(1);
await faceapi.tf.setBackend('wasm');
await faceapi.tf.ready();
const models = path.join(path.dirname(require.resolve('@vladmandic/face-api/package.json')), 'model');
await faceapi.nets.ssdMobilenetv1.loadFromDisk(models);
await faceapi.nets.faceLandmark68Net.loadFromDisk(models);
await faceapi.nets.faceRecognitionNet.loadFromDisk(models);

const centre = (face, width, height) => {
  const { x, y, width: w, height: h } = face.detection.box;
  return Math.hypot(x + w / 2 - width / 2, y + h / 2 - height / 2);
};

for await (const file of createInterface({ input: process.stdin })) {
  const { width, height, data } = jpeg.decode(await readFile(file), { useTArray: true, formatAsRGBA: false });
  const start = performance.now();
  const pixels = faceapi.tf.tensor3d(data, [height, width, 3], 'int32');
  const faces = await faceapi.detectAllFaces(pixels, new faceapi.SsdMobilenetv1Options()).withFaceLandmarks().withFaceDescriptors();
  const ms = performance.now() - start;
  pixels.dispose();
  faces.sort((a, b) => centre(a, width, height) - centre(b, width, height));
  process.stdout.write(JSON.stringify({ descriptor: faces.length ? Array.from(faces[0].descriptor) : null, ms }) + '\n');
}
