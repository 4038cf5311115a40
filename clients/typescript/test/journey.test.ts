import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { type Audit, ModicumError, digestOf } from "../src/index.js";
import { BreakingProxy } from "./breaking-proxy.js";
import { ADDRESS, PROJECT, client, idOf, startedAudit } from "./server.js";

const POLICY = "version: 1\nrules: {spot: off, accuracy: {min: 0.5}}\n";

/** All that a watch yields. */
async function watched(watch: AsyncIterable<Audit>): Promise<Audit[]> {
  const seen: Audit[] = [];
  for await (const now of watch) seen.push(now);
  return seen;
}

test("an audit goes from files to a verdict", async () => {
  const modicum = client();

  const audit = await startedAudit(modicum);
  const seen = await watched(modicum.watch(audit.name));
  const path = { ...PROJECT, audit: idOf(audit.name) };
  const result = await modicum.get("/v1/projects/{project}/audits/{audit}:report", { params: { path } });
  const { verdict } = await modicum.post("/v1/projects/{project}/audits/{audit}:judge", {
    params: { path },
    body: { policy: POLICY },
  });

  assert.equal(seen.at(-1)?.state, "STATE_SUCCEEDED");
  assert.equal(seen.at(-1)?.progress?.imagesDone, 9);
  assert.equal(result.rows.length, 9);
  assert.equal(verdict?.audit, audit.name);
  assert.equal(verdict?.rules.find((rule) => rule.id === "accuracy")?.worst?.value, 1);
});

test("the same steps again make nothing new", async () => {
  const modicum = client();

  const [first, second] = [await startedAudit(modicum), await startedAudit(modicum)];

  assert.deepEqual(second.specification?.modelVersions, first.specification?.modelVersions);
  const page = await modicum.get("/v1/projects/{project}/datasets", { params: { path: PROJECT } });
  assert.equal(page.datasets.filter((one) => idOf(one.name) === "patches").length, 1);
});

test("a report for people is text, if asked for", async () => {
  const modicum = client();
  const audit = await startedAudit(modicum);
  await watched(modicum.watch(audit.name));

  const page: string = await modicum.get("/v1/projects/{project}/audits/{audit}:report", {
    params: { path: { ...PROJECT, audit: idOf(audit.name) }, query: { format: "html" } },
    parseAs: "text",
  });

  assert.match(page, /<html/);
});

test("what is refused is an error with the server's reason", async () => {
  const absent = { params: { path: { ...PROJECT, model: "none" } } };

  await assert.rejects(client().get("/v1/projects/{project}/models/{model}", absent), (error) => {
    assert(error instanceof ModicumError);
    assert.deepEqual([error.reason, error.status], ["MODEL_NOT_FOUND", 404]);
    assert.notEqual(error.requestId, "");
    return true;
  });
  await assert.rejects(watched(client().watch("projects/default/audits/none")), { reason: "AUDIT_NOT_FOUND" });
  assert.throws(() => client().watch("first"), { reason: "NAME_INVALID" });
});

test("a watch that breaks goes on after what it has seen", async () => {
  const audit = await startedAudit(client(), { isNew: true });
  let breaks = 0;
  const received = (passed: Buffer): boolean => passed.includes("event: audit") && (breaks += 1) <= 2;
  await using proxy = await BreakingProxy.before(ADDRESS, { received });

  const seen = await watched(client(proxy.address).watch(audit.name));

  const sequences = seen.map((one) => BigInt(one.sequence));
  assert.deepEqual(sequences, [...new Set(sequences)].sort((one, other) => Number(one - other)));
  assert.equal(seen.at(-1)?.state, "STATE_SUCCEEDED");
  const resumed = proxy.heads.map((head) => /^last-event-id: (\d+)\r?$/im.exec(head)?.[1]);
  assert(resumed.length > 1, "the watch broke");
  assert.equal(resumed[0], undefined);
  for (const id of resumed.slice(1)) assert(sequences.includes(BigInt(id ?? -1)), id);
});

test("a watch ends when its reader leaves or aborts it", async () => {
  const audit = await startedAudit(client());
  const left = new AbortController();

  for await (const now of client().watch(audit.name)) {
    assert.equal(now.name, audit.name);
    break;
  }
  left.abort(new Error("left"));
  await assert.rejects(watched(client().watch(audit.name, { signal: left.signal })), { message: "left" });
});

test("an upload that breaks goes on where the server has got to", async () => {
  const content = new Blob([randomBytes(4_000_000)]);
  const digest = await digestOf(content);
  const receivedBytes = async (): Promise<number> => {
    const { missing } = await client().post("/v1/projects/{project}/artifacts:findMissing", {
      params: { path: PROJECT },
      body: { digests: [digest] },
    });
    return Number(missing[0]?.receivedBytes);
  };
  let broke = false;
  const sent = async (passed: Buffer): Promise<boolean> => {
    if (broke || passed.length < 1_000_000) return false;
    broke = true;
    while ((await receivedBytes()) === 0);
    return true;
  };
  await using proxy = await BreakingProxy.before(ADDRESS, { sent });

  assert.equal(await client(proxy.address).upload(content), digest);

  const puts = proxy.heads.filter((head) => head.startsWith("PUT "));
  assert.doesNotMatch(puts[0] ?? "", /^content-range:/im);
  assert.match(puts.at(-1) ?? "", /^content-range: bytes [1-9]\d*-3999999\/4000000\r?$/im);
  const whole = await client().get("/v1/projects/{project}/artifacts/{artifact}:download", {
    params: { path: { ...PROJECT, artifact: digest } },
    parseAs: "blob",
  });
  assert.equal(await digestOf(whole), digest);
});

test("what the project has is not sent again, and nothing is a content, too", async () => {
  await using proxy = await BreakingProxy.before(ADDRESS, {});
  const modicum = client(proxy.address);

  const digests = [await modicum.upload("a text"), await modicum.upload("a text"), await modicum.upload("")];

  assert.equal(digests[0], digests[1]);
  assert.equal(digests[2], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const sent = proxy.heads.filter((head) => head.startsWith("PUT ")).map((head) => head.split(" ")[1]);
  assert.deepEqual(sent, [...new Set(sent)]);
});

test("small images go up in one call, and their manifest by itself", async () => {
  await using proxy = await BreakingProxy.before(ADDRESS, {});
  const contents = [randomBytes(100_000), randomBytes(10)].map((bytes) => new Blob([bytes]));
  const images = contents.map((content, place) => ({ item: `${place}.png`, content }));

  await client(proxy.address).uploadImages(images);

  const sent = proxy.heads.map((head) => head.split(" ")).filter(([, path]) => !path?.endsWith(":findMissing"));
  assert.deepEqual(sent.map(([method]) => method), ["POST", "PUT"]);
  assert.match(sent[0]?.[1] ?? "", /:uploadSmall$/);
  const { missing } = await client().post("/v1/projects/{project}/artifacts:findMissing", {
    params: { path: PROJECT },
    body: { digests: await Promise.all(contents.map(digestOf)) },
  });
  assert.deepEqual(missing, []);
});
