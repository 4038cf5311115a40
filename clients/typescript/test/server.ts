/** The server that the tests are given, and what it audits. */
import { openAsBlob } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import { type DatasetImage, Modicum } from "../src/index.js";

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}: tests/acceptance/test_typescript.py starts a server and these tests`);
  return value;
}

export const ADDRESS = given("MODICUM_URL");
export const TOKEN = given("MODICUM_TOKEN");
const MATERIALS = given("MODICUM_MATERIALS");

export const PROJECT = { project: "default" };
export const INPUT = {
  ...{ channels: 3, height: 32, width: 32, lowerBound: 0, upperBound: 1 },
  ...{ interpolation: "bilinear", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
};

/** A client of the server, or of a proxy before it. */
export function client(address: string = ADDRESS): Modicum {
  return new Modicum(address, { token: TOKEN });
}

/** The weights of a small network. */
export function weights(): Promise<Blob> {
  return openAsBlob(join(MATERIALS, "w.safetensors"));
}

/** The names of its classes. */
export async function classLabels(): Promise<string[]> {
  return (await readFile(join(MATERIALS, "labels.txt"), "utf8")).split("\n");
}

/** Photographs of each class. */
export async function photographs(): Promise<DatasetImage[]> {
  const folder = join(MATERIALS, "photos");
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".png")).sort();
  return Promise.all(
    names.map(async (item) => ({
      item,
      label: item.split("/")[0] ?? "",
      content: await openAsBlob(join(folder, item)),
    })),
  );
}

/** Registers the network and the photographs, and creates an audit of them. A new one reuses no stored result. */
export async function startedAudit(modicum: Modicum, { isNew = false } = {}) {
  const version = await modicum.post("/v1/projects/{project}/models/{model}/versions", {
    params: { path: { ...PROJECT, model: "patches" }, query: { allowMissing: true } },
    body: {
      weights: { digest: await modicum.upload(await weights()), architecture: "modicum:cifar_resnet8" },
      input: INPUT,
      classLabels: await classLabels(),
    },
  });
  const dataset = await modicum.post("/v1/projects/{project}/datasets", {
    params: { path: PROJECT, query: { datasetId: "patches" } },
    body: { manifestDigest: await modicum.uploadImages(await photographs()) },
  });
  return modicum.post("/v1/projects/{project}/audits", {
    params: { path: PROJECT, query: { noReuse: isNew } },
    body: {
      specification: {
        modelVersions: [version.name],
        dataset: dataset.name,
        searches: [{ threshold: 0.9, passes: "40" }],
      },
    },
  });
}

/** The last part of a resource name. */
export function idOf(name: string): string {
  return name.split("/").at(-1) ?? "";
}
